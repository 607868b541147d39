package publish

import (
	"encoding/json"
	"fmt"
	"path"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/snapshot"
)

// CardFile is the model card in a release directory.
const CardFile = "card.json"

// files of a release directory, in the order of a manifest.
var files = []struct {
	component, file, kind string
	sections              func() []string
}{
	{"catalogue", model.CatalogueFile, model.CatalogueKind, model.CatalogueSections},
	{"model", model.ModelFile, model.ModelKind, model.ModelSections},
}

// verify proves the release directory: every section's checksum, every reference, and the known answers.
func (p *publisher) verify() error {
	p.Progress(Step{Name: "verify"})
	if err := p.fits(); err != nil {
		return err
	}
	for _, f := range files {
		if err := p.verifyFile(f.component, path.Join(p.Release, f.file), f.kind, f.sections()); err != nil {
			return fmt.Errorf("%s: %w: not published; train it again", f.file, err)
		}
	}
	m, err := model.OpenFiles(p.FS, path.Join(p.Release, model.ModelFile), path.Join(p.Release, model.CatalogueFile))
	if err != nil {
		return fmt.Errorf("%s: %w: not published; train it again", p.Release, err)
	}
	p.created = m.Meta().Created
	p.ranker = rank.New(m, rank.Release{Created: p.created}).WithClock(p.Clock)
	if err := p.ranker.SelfCheck(); err != nil {
		return fmt.Errorf("%s: self-check: %w: not published; train it again", p.Release, err)
	}
	return p.readCard()
}

// fits refuses what no node would take. Rules, of 4 MiB at most, have room beside it.
func (p *publisher) fits() error {
	size := int64(0)
	for _, f := range files {
		if info, err := p.FS.Stat(path.Join(p.Release, f.file)); err == nil { // or opening it says what is wrong
			size += info.Size()
		}
	}
	if most := int64(release.MaxRelease - rules.MaxDocument); size > most {
		return fmt.Errorf("%s: %d bytes, and nodes take %d at most: %w: not published; train it with fewer factors, or on fewer items", p.Release, size, most, release.ErrTooLarge)
	}
	return nil
}

func (p *publisher) verifyFile(component, name, kind string, sections []string) error {
	f, err := snapshot.Open(p.FS, name, kind, sections)
	if err != nil {
		return err
	}
	p.opened[component] = f
	return f.Verify()
}

func (p *publisher) readCard() error {
	card, err := vfs.ReadFile(p.FS, path.Join(p.Release, CardFile), release.MaxCard)
	if err != nil {
		return fmt.Errorf("%s: %w", CardFile, err)
	}
	var said *struct {
		Trained   time.Time `json:"trained"`
		Quantised struct {
			Recall float64 `json:"recall"`
		} `json:"quantised"`
	}
	if err := json.Unmarshal(card, &said); err != nil || said == nil {
		return fmt.Errorf("%s: not a JSON object with the time of training", CardFile)
	}
	p.card, p.recall = card, said.Quantised.Recall
	if !said.Trained.IsZero() {
		p.created = said.Trained
	}
	return nil
}
