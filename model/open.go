package model

import (
	"fmt"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/snapshot"
)

// Open makes a Model of its two snapshots, which it keeps: close them only when nobody uses the Model.
func Open(model, catalogue *snapshot.File) (*Model, error) {
	m, err := openModel(model)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if m.catalogue, err = openCatalogue(catalogue, &m.meta); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return m, nil
}

// OpenFiles maps and opens the two files of a release.
func OpenFiles(fs vfs.FS, modelPath, cataloguePath string) (*Model, error) {
	model, err := snapshot.Open(fs, modelPath, ModelKind, modelSections)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	catalogue, err := snapshot.Open(fs, cataloguePath, CatalogueKind, CatalogueSections())
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return Open(model, catalogue)
}

// Parse opens a release whose two files are in memory. The bytes must not change afterwards.
func Parse(modelBytes, catalogueBytes []byte) (*Model, error) {
	model, err := snapshot.Parse(modelBytes, ModelKind, modelSections)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	catalogue, err := snapshot.Parse(catalogueBytes, CatalogueKind, CatalogueSections())
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return Open(model, catalogue)
}

// Verify reads both files whole and checks every section of them by its checksum.
func (m *Model) Verify() error {
	if err := m.model.Verify(); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if err := m.catalogue.file.Verify(); err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	return nil
}

func openModel(f *snapshot.File) (*Model, error) {
	sec := &sections{file: f}
	text := sec.bytes(secMeta, maxMeta)
	if sec.err != nil {
		return nil, sec.err
	}
	meta, err := parseMeta(text)
	if err != nil {
		return nil, err
	}
	m := &Model{meta: meta, model: f}
	for _, step := range []func(*sections) error{m.openIDs, m.openVectors, m.openPopularity, m.openLists, m.openBlends, m.openContent} {
		if err := step(sec); err != nil {
			return nil, err
		}
		if sec.err != nil {
			return nil, sec.err
		}
	}
	return m, nil
}

func (m *Model) openIDs(sec *sections) error {
	n := m.meta.Items
	m.ids = &ids{
		offs: snapshot.U32s(sec.exact(secIDOffs, 4*(n+1))),
		text: sec.str(secIDText),
		hash: snapshot.U32s(sec.exact(secIDHash, 4*hashSize(n))),
	}
	if sec.err != nil {
		return sec.err
	}
	if err := m.ids.check(); err != nil {
		return err
	}
	if got := m.ids.digest(); got != m.meta.Rows {
		return fmt.Errorf("meta: rows %s, the ids give %s", m.meta.Rows, got)
	}
	return nil
}

func (m *Model) openPopularity(sec *sections) error {
	n := m.meta.Items
	m.popularity = snapshot.F32s(sec.exact(secPopularity, 4*n))
	m.popular = snapshot.View[edged.Row](sec.exact(secPopular, 4*n))
	if sec.err != nil {
		return sec.err
	}
	return checkPopular(m.popularity, m.popular)
}

func (m *Model) openLists(sec *sections) (err error) {
	n := m.meta.Items
	lists := sec.bytes(secTrendLists, maxMeta)
	all := sec.bytes(secTrendHits, MaxTrends*MaxTrend*hitSize)
	checks := sec.bytes(secChecks, 4+MaxChecks*(8+4*edged.MaxRecent+hitSize*edged.MaxN))
	if sec.err != nil {
		return sec.err
	}
	if err := m.trends.read(lists, all, n, byCountry); err != nil {
		return err
	}
	_, listed := m.model.Len(secSettingLists)
	if _, hit := m.model.Len(secSettingHits); listed || hit {
		lists, all = sec.bytes(secSettingLists, maxMeta), sec.bytes(secSettingHits, MaxTrends*MaxTrend*hitSize)
		if sec.err != nil {
			return sec.err
		}
		if err := m.trends.read(lists, all, n, edged.Setting.Refined); err != nil {
			return fmt.Errorf("settings: %w", err)
		}
	}
	if m.checks, err = decodeChecks(checks, n); err != nil {
		return err
	}
	if size, ok := m.model.Len(secNeighbours); !ok || size != hitSize*n*m.meta.NeighbourK {
		return fmt.Errorf("section %s: missing, or %d bytes, want %d", secNeighbours, size, hitSize*n*m.meta.NeighbourK)
	}
	return m.checkNeighbours()
}
