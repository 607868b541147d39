package release

import (
	"errors"
	"testing"

	"github.com/edged/edged/internal/vfs"
)

// TestManifestRemembered: a manifest is parsed once, yet what one trust vouched for is asked of another again, and damage on the disk is seen.
func TestManifestRemembered(t *testing.T) {
	a := newParcel(t, 1)
	disk := diskWith(t, a)
	s := openStore(t, disk)
	first, err := s.Manifest(testTrust, a.hash)
	if err != nil {
		t.Fatal(err)
	}
	for _, trust := range []*Trust{testTrust, nil} {
		if again, err := s.Manifest(trust, a.hash); err != nil || again != first {
			t.Errorf("parsed again: %v", err)
		}
	}
	if _, err := s.Manifest(trustOf(1, testKey(2)), a.hash); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("other keys: %v", err)
	}
	if err := vfs.WriteFile(disk, s.Path(a.hash, manifestName), append(a.env, ' ')); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Manifest(testTrust, a.hash); !errors.Is(err, ErrHash) {
		t.Errorf("a manifest damaged since: %v", err)
	}
}

// TestManifestsForgotten: as many are remembered as a node mostly holds.
func TestManifestsForgotten(t *testing.T) {
	var o opened
	var parcels []*parcel
	for v := range uint64(maxOpened + 1) {
		p := newParcel(t, v+1)
		parcels = append(parcels, p)
		if _, err := o.open(nil, p.hash, p.env); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.list) != maxOpened || o.find(nil, parcels[0].hash) != nil || o.find(nil, parcels[maxOpened].hash) == nil {
		t.Errorf("%d manifests, want the latest %d", len(o.list), maxOpened)
	}
	if o.find(testTrust, parcels[maxOpened].hash) != nil {
		t.Error("nobody vouched for it")
	}
}
