package model

import (
	"fmt"

	"github.com/edged/edged/snapshot"
)

// Goal is what a list is for.
type Goal string

// The goals.
const (
	GoalNew  Goal = "new"  // items the visitor has not had
	GoalAny  Goal = "any"  // what the visitor takes next, repeats among it
	GoalNext Goal = "next" // the next item of this session
)

// Blend says how the parts of a score are weighed for a goal. The score of row j is
//
//	Table·s_T(j)/σ_T + Factors·s_A(j)/σ_A + Popular·z(j) + Repeat·r(j) + Session·s_S(j)/σ_S + Past·p(j)
//
// with the weights of the Stage the history has reached. rank computes it; its package comment says what each part is.
type Blend struct {
	Goal               Goal    `json:"goal"`
	TableHalfLifeDays  float64 `json:"tableHalfLifeDays"`  // an item of the history counts 0.5^(age/half-life) for the table; 0: 1
	FactorHalfLifeDays float64 `json:"factorHalfLifeDays"` // the same, as the weight of an observation in the fold-in
	RepeatHalfLifeDays float64 `json:"repeatHalfLifeDays"` // the same, for repeats and past purchases
	SessionPower       float64 `json:"sessionPower"`       // the item a places before the latest of the session counts (1+a)^-SessionPower
	Stages             []Stage `json:"stages"`             // ascending From, the first at most 1
}

// Stage is the weights from a number of distinct items in the history on.
type Stage struct {
	From    int     `json:"from"`
	Table   float32 `json:"table,omitempty"`
	Factors float32 `json:"factors,omitempty"`
	Popular float32 `json:"popular,omitempty"`
	Repeat  float32 `json:"repeat,omitempty"`
	Session float32 `json:"session,omitempty"`
	Past    float32 `json:"past,omitempty"`
}

// Stage returns the weights for a history of so many distinct items.
func (b *Blend) Stage(items int) *Stage {
	best := &b.Stages[0]
	for i := range b.Stages {
		if b.Stages[i].From <= items {
			best = &b.Stages[i]
		}
	}
	return best
}

// Limits of blends.
const (
	MaxStages    = 16
	maxWeight    = 1e6 // of a part; keeps every score far from float32's end
	maxHalfLife  = 1e6 // days
	maxPower     = 16
	maxStageFrom = 1 << 20
)

// CheckBlends reports what no release may weigh by.
func CheckBlends(blends []Blend) error {
	seen := map[Goal]bool{}
	for i := range blends {
		b := &blends[i]
		switch b.Goal {
		case GoalNew, GoalAny, GoalNext:
		default:
			return fmt.Errorf("blends: entry %d: goal %q, want %s, %s or %s", i, b.Goal, GoalNew, GoalAny, GoalNext)
		}
		if seen[b.Goal] {
			return fmt.Errorf("blends: goal %q twice", b.Goal)
		}
		seen[b.Goal] = true
		if err := b.check(); err != nil {
			return fmt.Errorf("blends: %s: %w", b.Goal, err)
		}
	}
	return nil
}

func (b *Blend) check() error {
	for _, f := range []struct {
		name string
		v    float64
		max  float64
	}{
		{"tableHalfLifeDays", b.TableHalfLifeDays, maxHalfLife},
		{"factorHalfLifeDays", b.FactorHalfLifeDays, maxHalfLife},
		{"repeatHalfLifeDays", b.RepeatHalfLifeDays, maxHalfLife},
		{"sessionPower", b.SessionPower, maxPower},
	} {
		if !(f.v >= 0 && f.v <= f.max) {
			return fmt.Errorf("%s is %g, want 0 to %g", f.name, f.v, f.max)
		}
	}
	if len(b.Stages) == 0 || len(b.Stages) > MaxStages {
		return fmt.Errorf("%d stages, want 1 to %d", len(b.Stages), MaxStages)
	}
	if b.Stages[0].From > 1 {
		return fmt.Errorf("the first stage is from %d items on, want 0 or 1", b.Stages[0].From)
	}
	for i := range b.Stages {
		s := &b.Stages[i]
		if s.From < 0 || s.From > maxStageFrom || i > 0 && s.From <= b.Stages[i-1].From {
			return fmt.Errorf("stage %d: from %d: not above the one before, or not 0 to %d", i, s.From, maxStageFrom)
		}
		for _, w := range []float32{s.Table, s.Factors, s.Popular, s.Repeat, s.Session, s.Past} {
			if !(w >= 0 && float64(w) <= maxWeight) {
				return fmt.Errorf("stage %d: weight %g, want 0 to %g", i, w, float64(maxWeight))
			}
		}
	}
	return nil
}

// needs reports whether any stage of any blend weighs a part.
func needs(blends []Blend, part func(*Stage) float32) bool {
	for i := range blends {
		for k := range blends[i].Stages {
			if part(&blends[i].Stages[k]) > 0 {
				return true
			}
		}
	}
	return false
}

// checkParts reports a part that blends weigh and the release doesn't have. What is asked for is given as is.
func checkParts(blends []Blend, table, session, popularZ, repeatQ bool) error {
	for _, p := range []struct {
		name string
		have bool
		part func(*Stage) float32
	}{
		{"table", table, func(s *Stage) float32 { return s.Table }},
		{"session table", session, func(s *Stage) float32 { return s.Session }},
		{secPopularZ, popularZ, func(s *Stage) float32 { return s.Popular }},
		{secRepeatQ, repeatQ, func(s *Stage) float32 { return s.Repeat }},
	} {
		if !p.have && needs(blends, p.part) {
			return fmt.Errorf("blends: a weight for the %s, which is missing", p.name)
		}
	}
	return nil
}

// Blend returns the weights for a goal, nil where the release has none. It is shared: don't write.
func (m *Model) Blend(goal Goal) *Blend {
	for i := range m.meta.Blends {
		if m.meta.Blends[i].Goal == goal {
			return &m.meta.Blends[i]
		}
	}
	return nil
}

// Active returns the number of items with observations: the I of the regulariser and of every deviation.
func (m *Model) Active() int {
	if m.meta.Active > 0 {
		return m.meta.Active
	}
	return m.meta.Items
}

// PopularZ returns each row's standardised popularity of late; nil without blends. All of it is shared: don't write.
func (m *Model) PopularZ() []float32 { return m.popularZ }

// RepeatQ returns each row's propensity to be bought again over the mean one; nil without blends.
func (m *Model) RepeatQ() []float32 { return m.repeatQ }

// Mean returns the mean item vector; nil without blends.
func (m *Model) Mean() []float32 { return m.mean }

const maxColumn = 1e9 // more than the number of rows, which no standardised column exceeds

// checkColumns: z of any sign, q not below 0, nothing near float32's end.
func checkColumns(popularZ, repeatQ, mean []float32) error {
	for _, c := range []struct {
		name string
		list []float32
		lo   float64
	}{{secPopularZ, popularZ, -maxColumn}, {secRepeatQ, repeatQ, 0}, {secMean, mean, -maxColumn}} {
		for i, x := range c.list {
			if !(float64(x) >= c.lo && float64(x) <= maxColumn) {
				return fmt.Errorf("%s: entry %d is %g, want %g to %g", c.name, i, x, c.lo, float64(maxColumn))
			}
		}
	}
	return nil
}

// blendSections encodes the tables and, where there are blends, the columns they add up.
func (b *Build) blendSections(meta *Meta) ([]snapshot.Section, error) {
	like := b.earlier()
	table, entries, err := b.Table.sections(tableSections, meta.Items, &like, like.table())
	if err != nil {
		return nil, err
	}
	session, sessionEntries, err := b.Session.sections(sessionSections, meta.Items, &like, like.session())
	if err != nil {
		return nil, err
	}
	meta.Table, meta.Session = entries, sessionEntries
	out := append(table, session...)
	if len(meta.Blends) == 0 {
		return out, nil
	}
	if err := checkParts(meta.Blends, entries > 0, sessionEntries > 0, b.PopularZ != nil, b.RepeatQ != nil); err != nil {
		return nil, err
	}
	mean, err := b.mean(meta)
	if err != nil {
		return nil, err
	}
	popularZ, repeatQ := b.PopularZ, b.RepeatQ
	if popularZ == nil {
		popularZ = make([]float32, meta.Items)
	}
	if repeatQ == nil {
		repeatQ = make([]float32, meta.Items)
	}
	popularZ, repeatQ = like.column(popularZ, like.popularZ()), like.column(repeatQ, like.repeatQ())
	if err := checkColumns(popularZ, repeatQ, mean); err != nil {
		return nil, err
	}
	const hot = snapshot.Critical | snapshot.Hot
	return append(out,
		snapshot.Section{Name: secPopularZ, Flags: hot, Elem: 4, Data: snapshot.Bytes(popularZ)},
		snapshot.Section{Name: secRepeatQ, Flags: hot, Elem: 4, Data: snapshot.Bytes(repeatQ)},
		snapshot.Section{Name: secMean, Flags: hot, Elem: 4, Data: snapshot.Bytes(mean)},
	), nil
}

// mean returns the mean item vector, of the vectors as stored unless it was given.
func (b *Build) mean(meta *Meta) ([]float32, error) {
	if b.Mean != nil {
		return b.Mean, nil
	}
	m, err := b.lay()
	if err != nil {
		return nil, err
	}
	sum := make([]float64, meta.Dim)
	var vector []float64
	for place := range meta.Items {
		vector = m.index.Rows.Append(vector[:0], place)
		for k, y := range vector {
			sum[k] += y
		}
	}
	n := meta.Active
	if n == 0 {
		n = meta.Items
	}
	mean := make([]float32, meta.Dim)
	for k, x := range sum {
		mean[k] = float32(x / float64(max(n, 1)))
	}
	return mean, nil
}

func (m *Model) openBlends(sec *sections) (err error) {
	n := m.meta.Items
	if m.table, err = m.openTable(sec, tableSections, m.meta.Table); err != nil {
		return err
	}
	if m.session, err = m.openTable(sec, sessionSections, m.meta.Session); err != nil {
		return err
	}
	if len(m.meta.Blends) == 0 {
		return nil
	}
	m.popularZ = snapshot.F32s(sec.exact(secPopularZ, 4*n))
	m.repeatQ = snapshot.F32s(sec.exact(secRepeatQ, 4*n))
	m.mean = snapshot.F32s(sec.exact(secMean, 4*m.meta.Dim))
	if sec.err != nil {
		return sec.err
	}
	if err := checkParts(m.meta.Blends, m.table != nil, m.session != nil, true, true); err != nil {
		return err
	}
	if err := checkColumns(m.popularZ, m.repeatQ, m.mean); err != nil {
		return err
	}
	m.makeBriefs()
	return nil
}
