package rank

import (
	"slices"

	"github.com/edged/edged"
)

// Explain fills in the reason of an item as Recommend gave it, the last time that it was called with this answer and scratch, for this q, and once. It is for
// whoever shows some of the items only: where all are shown, q.Explain says it in one call.
func (r *Ranker) Explain(a *Answer, s *Scratch, q *Request, item *Item) {
	recent := q.Recent[:min(len(q.Recent), MaxHistory)]
	switch {
	case item.Level > Session:
		item.Reason.Code = codeOfList(item)
	case r.planFor(r.Goal(q), q.ExcludeSeen) != nil:
		a.tell(item, s.history.rows, r.sharesByBlend(s, item.Row), recent)
	default:
		a.tell(item, s.fold.rows, s.fold.shares(r.m, item.Row), recent)
	}
}

// codeOfList is the code of an item whose reason is the list that it is from.
func codeOfList(item *Item) string {
	switch {
	case item.Source == SourcePopular:
		return Popular
	case item.Level == Segment:
		return TrendingAmong
	case item.Level == Regional:
		return TrendingIn
	}
	return Trending
}

// sharesByBlend is what each row of the history adds to a row's score in a blend, by the tables and by the factors:
//
//	Table/σ_T · h_i B_ij + Factors/σ_A · (its share in s_A, fold.go) + Session/σ_S · Σ_{a: item a is i} (1+a)^-ρ T_ij
func (r *Ranker) sharesByBlend(s *Scratch, row edged.Row) []float64 {
	b, h := &s.blend, &s.history
	b.shares = resize(b.shares, len(h.rows))
	clear(b.shares)
	if b.byFactors > 0 {
		for i, share := range s.fold.shares(r.m, row) {
			b.shares[i] = float64(float64(b.byFactors) * share)
		}
	}
	if b.byTable > 0 {
		for i, from := range h.rows {
			b.shares[i] += float64(float64(b.byTable) * float64(h.table[i]*b.table.weightOf(r.m.Table(), from, row)))
		}
	}
	if b.bySession > 0 {
		for a, from := range h.session {
			b.shares[h.find(from)] += float64(float64(b.bySession) * float64(b.plan.places[a]*b.session.weightOf(r.m.SessionTable(), from, row)))
		}
	}
	return b.shares
}

// lift is what a boost added to a score, which was this without it.
func (f *fill) lift(item *Item, without float32) float32 {
	if f.r.boostOf(item.Row) == 1 {
		return 0
	}
	return item.Score - without
}

// tell fills in the reason of an item of the first rung: shares are what each of the rows, those of the history, adds to its score. It
// overwrites shares. What the item, had before, adds to its own is of its Terms. What the Terms, filled in before, and the rows named don't add is the Rest.
func (a *Answer) tell(item *Item, rows []edged.Row, shares []float64, recent []Recent) {
	reason := &item.Reason
	if own := slices.Index(rows, item.Row); own >= 0 && shares[own] > 0 {
		reason.Terms.Repeat += float32(shares[own]) // no item is there because of itself
		shares[own] = 0
	}
	from := len(a.rows)
	rest := item.Score - reason.Terms.sum()
	for range maxReasons {
		best := largest(shares)
		if best < 0 {
			break
		}
		share := float32(shares[best])
		a.rows = append(a.rows, rows[best])
		a.shares = append(a.shares, share)
		rest -= share
		shares[best] = 0 // told
	}
	reason.Rows, reason.Shares, reason.Rest = a.rows[from:], a.shares[from:], rest
	switch had := reason.Terms.Repeat + reason.Terms.Past; {
	case item.Source == SourcePopular:
		reason.Code = Popular
	case had > 0 && (len(reason.Shares) == 0 || had > reason.Shares[0]):
		reason.Code = BuyAgain
	case len(reason.Rows) > 0:
		reason.Code = CodeOf(recent, reason.Rows[0])
	default:
		reason.Code = ForYou
	}
}

const maxReasons = 3

// largest returns where the largest positive share is, −1 without one.
func largest(shares []float64) int {
	best := -1
	for i, x := range shares {
		if x > 0 && (best < 0 || x > shares[best]) {
			best = i
		}
	}
	return best
}

// CodeOf says by which code what the visitor did to a row speaks, the latest event counting.
func CodeOf(recent []Recent, row edged.Row) string {
	for i := range recent {
		if recent[i].Row != row || !(recent[i].Weight > 0) {
			continue
		}
		switch recent[i].Type {
		case "":
			return SimilarTo
		case edged.Purchase:
			return BecauseBought
		case edged.Like:
			return BecauseLiked
		}
		return BecauseViewed
	}
	return SimilarTo
}
