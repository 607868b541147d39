package publish

import (
	"context"
	"fmt"
	"strings"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// previous is what a rollback goes to: of the releases that all served before the one they serve, none of which was withdrawn (release/FORMAT.md), the
// latest that holds other files and that keys trusted today have signed. One that cannot be read is an error: another would not be the one before.
func previous(ctx context.Context, o origin.Origin, trust *release.Trust, r *release.Rollout) (release.Ref, error) {
	_, now, err := manifestAt(ctx, o, r.Release)
	if err != nil {
		return release.Ref{}, err
	}
	var revoked []string
	for _, k := range newest(r.Kept) {
		if k.Withdrawn || k.Version >= r.Release.Version {
			continue
		}
		envelope, m, err := manifestAt(ctx, o, k.Ref)
		if err != nil {
			return release.Ref{}, fmt.Errorf("%w; 'edged rollout to' goes to another", err)
		}
		if sameFiles(m, now) {
			continue
		}
		if _, err := release.OpenManifest(trust, envelope); err == nil {
			return k.Ref, nil
		}
		revoked = append(revoked, k.ID())
	}
	return release.Ref{}, none(r.Release, revoked)
}

func none(now release.Ref, revoked []string) error {
	text := ""
	if len(revoked) > 0 {
		text = fmt.Sprintf("; keys revoked since signed %s, which 'edged rollout to' goes to if you name it", strings.Join(revoked, ", "))
	}
	return fmt.Errorf("there is no release before %s to go back to%s", now.ID(), text)
}

// manifestAt reads the manifest that a rollout names, whoever signed it.
func manifestAt(ctx context.Context, o origin.Origin, ref release.Ref) ([]byte, *release.Manifest, error) {
	envelope, err := o.Get(ctx, origin.ManifestName(ref.Manifest.Hex()), ref.Size)
	if err == nil && release.Sum(envelope) != ref.Manifest {
		err = release.ErrHash
	}
	if err != nil {
		return nil, nil, fmt.Errorf("release %s: its manifest cannot be read: %w", ref.ID(), err)
	}
	env, err := release.ParseEnvelope(envelope, release.MaxManifest)
	if err != nil {
		return nil, nil, fmt.Errorf("release %s: %w", ref.ID(), err)
	}
	m, err := release.ParseManifest(env.Payload)
	if err != nil {
		return nil, nil, fmt.Errorf("release %s: %w", ref.ID(), err)
	}
	return envelope, m, nil
}
