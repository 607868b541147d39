package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/edged/edged"
)

// product is one thing on the shelf.
type product struct {
	id, title                  string
	kind, style, brand, colour int
	price                      float64
	band                       int     // 0 cheap, 1 middling, 2 dear, for its kind
	appeal                     float64 // how often it is picked from its cell
	published                  int64
}

// draws is how often a title is drawn again that is taken. There are 237,120.
const draws = 16

// stock fills the shelves: every kind gets about the same number, with titles that do not repeat; where words run out they are numbered.
func (s *Shop) stock(rng *rand.Rand) {
	taken := map[string]int{}
	for i := range s.cfg.Products {
		p := product{kind: i % len(kinds)}
		for n := 0; n == 0 || n < draws && taken[p.title] > 0; n++ {
			dress(&p, rng)
		}
		taken[p.title]++
		if n := taken[p.title]; n > 1 {
			p.title = fmt.Sprintf("%s (%d)", p.title, n)
		}
		p.id = fmt.Sprintf("%s-%04d", kinds[p.kind].slug, i)
		p.appeal = math.Exp(1.1 * rng.NormFloat64())
		p.published = s.arrival(rng)
		s.products = append(s.products, p)
	}
	slices.SortFunc(s.products, func(a, b product) int { return cmp.Compare(a.id, b.id) })
	s.shelve()
}

// dress gives a product its looks, name and price.
func dress(p *product, rng *rand.Rand) {
	p.style = rng.IntN(len(styles))
	p.brand = p.style + len(styles)*rng.IntN(len(brands)/len(styles))
	p.colour = rng.IntN(len(colours))
	k, st := &kinds[p.kind], &styles[p.style]
	words := []string{st.motifs[rng.IntN(len(st.motifs))], k.noun}
	if rng.IntN(2) == 0 {
		words = append([]string{openers[rng.IntN(len(openers))]}, words...)
	}
	p.title = strings.Join(words, " ") + ", " + colours[p.colour].name
	p.band = rng.IntN(3)
	at := (float64(p.band) + rng.Float64()) / 3
	p.price = math.Floor(k.low+(k.high-k.low)*at*at) + []float64{.5, .95, .0, .75}[rng.IntN(4)]
}

// arrival: seven in eight products were there before the first day.
func (s *Shop) arrival(rng *rand.Rand) int64 {
	if rng.IntN(8) > 0 {
		return s.start - int64(rng.IntN(400))*day
	}
	return s.start + rng.Int64N(s.end-s.start)
}

func (s *Shop) shelve() {
	s.byID = make(map[string]int, len(s.products))
	s.cells = make([][]int, len(kinds)*len(styles))
	appeal := make([]float64, len(s.products))
	for i := range s.products {
		p := &s.products[i]
		s.byID[p.id] = i
		s.cells[p.kind*len(styles)+p.style] = append(s.cells[p.kind*len(styles)+p.style], i)
		appeal[i] = p.appeal
	}
	s.ranking = newWheel(appeal)
}

func (s *Shop) item(p *product) edged.Item {
	k, st := &kinds[p.kind], &styles[p.style]
	attributes, err := json.Marshal(map[string]string{"style": st.slug, "colour": colours[p.colour].name})
	if err != nil {
		panic("BUG: attributes of " + p.id + ": " + err.Error())
	}
	return edged.Item{
		ID: p.id, Title: p.title, Brand: brands[p.brand], Price: p.price, Currency: "EUR",
		Description: fmt.Sprintf("%s A %s piece in %s, by %s.", k.blurb, st.slug, colours[p.colour].name, brands[p.brand]),
		Categories:  []string{k.path + "/" + k.noun, "Style/" + st.slug},
		Tags:        []string{st.slug, colours[p.colour].name},
		Image:       "/img/" + p.id + ".svg", URL: "/#" + p.id,
		Published: p.published, Updated: max(p.published, s.start), Attributes: attributes,
	}
}
