package publish

import (
	"fmt"
	"slices"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
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
	p.result.Alone = before == nil && p.before != nil
	return p.judge(m, report, p.Release)
}

// gateRules holds other rules of the release offered so far against those it has. What was forced of the rest stays so.
func (p *publisher) gateRules(m *release.Manifest) error {
	p.Progress(Step{Name: "gate"})
	m.Against = p.before.Release.Manifest
	m.Forced = slices.DeleteFunc(slices.Clone(m.Forced), func(name string) bool { return name == compare.Short })
	return p.judge(m, compare.Rules(p.rival(), &compare.Release{Ranker: p.ranker}, p.Limits, compare.Sample{}), "the release with these rules")
}

// judge holds back what a report finds outside the limits, or writes into the manifest that it is signed all the same.
func (p *publisher) judge(m *release.Manifest, report *compare.Report, what string) error {
	p.result.Figures = report.Figures
	outside := report.Error()
	if outside != nil && !p.Force {
		return fmt.Errorf("%s is held back, %w; nothing was signed; --force signs it all the same, the limits are --limit-…", what, outside)
	}
	if p.unread != nil { // then force is needed in any case: it stands for the comparison alone
		if others := report.Error(compare.Before); others != nil {
			return fmt.Errorf("%s is held back, %w; nothing was signed; where there is nothing to compare with --force lets only that pass, the limits are --limit-…", what, others)
		}
	}
	for _, f := range report.Outside() {
		m.Forced = append(m.Forced, f.Name)
		p.result.Forced = append(p.result.Forced, f.Name)
	}
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
	ranker := rank.New(m, rank.Release{Version: p.manifest.Version}).WithClock(p.Clock)
	if set, _ := rules.Compile(p.base.rules, m); set != nil {
		ranker = ranker.WithRules(set)
	}
	return &compare.Release{Ranker: ranker, Bytes: p.manifest.Size()}
}
