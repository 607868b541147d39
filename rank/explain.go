package rank

import "github.com/edged/edged"

// explain fills in the reason of an item of a blend. A row of the history adds to the score by the tables and by the factors:
//
//	Table/σ_T · h_i B_ij + Factors/σ_A · (its share in s_A, fold.go) + Session/σ_S · Σ_{a: item a is i} (1+a)^-ρ T_ij
func (r *Ranker) explain(f *fill, item *Item, p *parts, recent []Recent) {
	s, b, h := f.s, &f.s.blend, &f.s.history
	b.shares = resize(b.shares, len(h.rows))
	clear(b.shares)
	if b.byFactors > 0 {
		for i, share := range s.fold.shares(r.m, item.Row) {
			b.shares[i] = float64(float64(b.byFactors) * share)
		}
	}
	if b.byTable > 0 {
		for i, row := range h.rows {
			b.shares[i] += float64(float64(b.byTable) * float64(h.table[i]*b.table.weightOf(r.m.Table(), row, item.Row)))
		}
	}
	if b.bySession > 0 {
		for a, row := range h.session {
			b.shares[h.find(row)] += float64(float64(b.bySession) * float64(b.plan.places[a]*b.session.weightOf(r.m.SessionTable(), row, item.Row)))
		}
	}
	item.Reason.Terms = Terms{Popular: p.popular, Repeat: p.repeat, Past: p.past, Boost: f.lift(item, p.sum())}
	f.tell(item, h.rows, b.shares, recent)
}

// lift is what a boost added to a score, which was this without it.
func (f *fill) lift(item *Item, without float32) float32 {
	if f.r.boostOf(item.Row) == 1 {
		return 0
	}
	return item.Score - without
}

// tell fills in the reason of an item of the first rung: shares are what each of the rows, those of the history, adds to its score. It
// overwrites shares. What the Terms, filled in before, and the rows named don't add is the Rest.
func (f *fill) tell(item *Item, rows []edged.Row, shares []float64, recent []Recent) {
	a, reason := f.a, &item.Reason
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
		reason.Code = SimilarTo
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
