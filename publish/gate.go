package publish

import (
	"fmt"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
)

// gate holds the release against the one offered so far, and writes into the manifest what was compared and forced.
func (p *publisher) gate(m *release.Manifest) error {
	p.Progress(Step{Name: "gate"})
	now := &compare.Release{Ranker: p.ranker, Recall: p.recall}
	for _, f := range p.opened {
		now.Bytes += fileSize(f)
	}
	before := p.rival()
	if before != nil {
		m.Against = p.before.Release.Manifest
	}
	report := compare.Gate(before, now, p.Limits, compare.Sample{})
	if before == nil && p.manifest != nil {
		report.Figures = append(report.Figures, compare.Sizes(p.manifest.Size(), now.Bytes, p.Limits).Figures...)
	}
	if p.unread != nil {
		report.Missing(p.unread)
	}
	p.result.Figures = report.Figures
	p.result.Alone = before == nil && p.before != nil
	outside := report.Error()
	if outside != nil && !p.Force {
		return fmt.Errorf("%s is held back, %w; nothing was signed; --force signs it all the same, the limits are --limit-…", p.Release, outside)
	}
	for _, f := range report.Outside() {
		m.Forced = append(m.Forced, f.Name)
	}
	p.result.Forced = m.Forced
	return nil
}

// rival is the release offered so far, nil where there is none to be read.
func (p *publisher) rival() *compare.Release {
	if p.base == nil {
		return nil
	}
	m, err := model.Open(p.base.files["model"], p.base.files["catalogue"])
	if err != nil {
		p.unread = fmt.Errorf("release %s: %w", p.before.Release.ID(), err) // an edged of another time wrote it
		return nil
	}
	return &compare.Release{Ranker: rank.New(m, rank.Release{Version: p.manifest.Version}).WithClock(p.Clock), Bytes: p.manifest.Size()}
}
