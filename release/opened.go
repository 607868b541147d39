package release

import (
	"slices"
	"sync"
)

// maxOpened is how many manifests are remembered: those of the releases that a node mostly keeps, and of the one that comes.
const maxOpened = 4

// opened remembers manifests that were opened, by their hash: a node asks for the same few again and again, and parsing one of a thousand
// chunks takes longer than reading it. It is safe for concurrent use; the zero value is empty.
type opened struct {
	mu   sync.Mutex
	list []openedManifest // the latest last
}

type openedManifest struct {
	hash     Hash
	trust    *Trust // whose keys vouched for it; nil: nobody asked
	manifest *Manifest
}

// open is openManifest of an envelope with that hash.
func (o *opened) open(trust *Trust, h Hash, envelope []byte) (*Manifest, error) {
	if m := o.find(trust, h); m != nil {
		return m, nil
	}
	m, err := openManifest(trust, envelope)
	if err == nil {
		o.add(openedManifest{h, trust, m})
	}
	return m, err
}

func (o *opened) find(trust *Trust, h Hash) *Manifest {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range o.list {
		if one.hash == h && (trust == nil || one.trust == trust) {
			return one.manifest
		}
	}
	return nil
}

// add takes the place of what was known of the same manifest, or else of the oldest.
func (o *opened) add(one openedManifest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = slices.DeleteFunc(o.list, func(x openedManifest) bool { return x.hash == one.hash })
	if len(o.list) == maxOpened {
		o.list = slices.Delete(o.list, 0, 1)
	}
	o.list = append(o.list, one)
}
