package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
)

const ink = "#2f2a35"

// Picture draws a product as SVG: its kind's shape in its colour, its style's pattern over it, its brand's accent.
// The lines shake a little and the colour is printed a little beside them, always the same way for one id.
func (s *Shop) Picture(id string) ([]byte, bool) {
	i, ok := s.byID[id]
	if !ok {
		return nil, false
	}
	p := &s.products[i]
	return draw(id, kinds[p.kind].slug, styles[p.style].pattern, colours[p.colour], accentOf(p)), true
}

// accentOf is the brand's colour, or the next one where the product itself has that colour.
func accentOf(p *product) colour {
	c := p.brand * 3 % len(colours)
	if c == p.colour {
		c = (c + 3) % len(colours)
	}
	return colours[c]
}

func draw(id, slug, pattern string, main, accent colour) []byte {
	h := fnv.New64a()
	h.Write([]byte(id))
	p := pen{rng: rand.New(rand.NewPCG(h.Sum64(), 1)), main: main, accent: accent}
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" width="400" height="400">`)
	p.background()
	p.printf(`<defs><pattern id="p" width="26" height="26" patternUnits="userSpaceOnUse" patternTransform="rotate(%d)">%s</pattern></defs>`,
		p.rng.IntN(24)-12, strings.ReplaceAll(patterns[pattern], "@", main.light))
	p.printf(`<ellipse cx="101" cy="170" rx="66" ry="8" fill="%s" opacity=".13"/>`, ink)
	p.printf(`<g stroke-linejoin="round" stroke-linecap="round">`)
	for _, part := range shapes[slug] {
		p.part(part)
	}
	p.printf(`</g></svg>`)
	return []byte(p.out.String())
}

// patterns fill a tile of 26 × 26; @ stands for the colour.
var patterns = map[string]string{
	"cross":  `<path d="M6 2V10M2 6H10M19 15V23M15 19H23" stroke="@" stroke-width="2.4"/>`,
	"leaf":   `<path d="M4 14C4 6 10 3 15 3C15 10 11 14 4 14ZM14 24C14 18 19 15 24 15C24 21 20 24 14 24Z" fill="@"/>`,
	"disc":   `<circle cx="13" cy="13" r="9" fill="none" stroke="@" stroke-width="3"/><circle cx="13" cy="13" r="3.5" fill="@"/>`,
	"stripe": `<path d="M0 4H26M0 17H26" stroke="@" stroke-width="5"/>`,
	"star":   `<path d="M8 1L10 6L15 8L10 10L8 15L6 10L1 8L6 6Z" fill="@"/><circle cx="20" cy="20" r="2" fill="@"/>`,
	"flower": `<g fill="@"><circle cx="13" cy="7" r="4"/><circle cx="13" cy="17" r="4"/><circle cx="8" cy="12" r="4"/><circle cx="18" cy="12" r="4"/></g><circle cx="13" cy="12" r="3" fill="#fff8ea"/>`,
	"band":   ``,
	"check":  `<path d="M0 0H13V26H0Z" fill="@" opacity=".55"/><path d="M0 0H26V13H0Z" fill="@" opacity=".55"/>`,
}

// pen writes one picture.
type pen struct {
	out          strings.Builder
	rng          *rand.Rand
	main, accent colour
}

func (p *pen) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

func (p *pen) background() {
	p.printf(`<rect width="200" height="200" fill="%s"/>`, p.accent.light)
	cx, cy := 60+p.rng.IntN(80), 70+p.rng.IntN(50)
	p.printf(`<path d="%s" fill="#fff" opacity=".5"/>`, p.shake(fmt.Sprintf("O %d %d 78 70", cx, cy), 9))
}

// part prints the paint a little beside the line, then the line twice, the second time faint.
func (p *pen) part(t part) {
	if fill := p.fill(t.paint); fill != "" {
		d := p.shake(t.path, .8)
		p.printf(`<path d="%s" fill="%s" transform="translate(2.5 2)"/>`, d, fill)
		if t.paint == 'm' {
			p.printf(`<path d="%s" fill="url(#p)" opacity=".62" transform="translate(2.5 2)"/>`, d)
		}
	}
	p.printf(`<path d="%s" fill="none" stroke="%s" stroke-width="2.6"/>`, p.shake(t.path, 1.1), ink)
	p.printf(`<path d="%s" fill="none" stroke="%s" stroke-width="1.1" opacity=".45"/>`, p.shake(t.path, 1.9), ink)
}

func (p *pen) fill(paint byte) string {
	switch paint {
	case 'm', 'p':
		return p.main.main
	case 'a':
		return p.accent.main
	case 'l':
		return p.main.light
	case 'w':
		return "#fffaf0"
	case 'k':
		return "#4a3d42"
	case 'y':
		return "#f3c659"
	case 'g':
		return "#7fa06b"
	}
	return ""
}

// shake copies a path with every number moved by up to by, and O and R spelled out as curves.
func (p *pen) shake(path string, by float64) string {
	words := strings.Fields(expand(path))
	for i, w := range words {
		letter, digits := "", w
		if w[0] >= 'A' {
			letter, digits = w[:1], w[1:]
		}
		if digits == "" {
			continue
		}
		x, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			panic("BUG: path " + path + ": " + err.Error())
		}
		words[i] = letter + strconv.FormatFloat(x+by*(2*p.rng.Float64()-1), 'f', 1, 64)
	}
	if path[0] == 'O' { // an ellipse ends where it began
		words[len(words)-2], words[len(words)-1] = words[0][1:], words[1]
	}
	return strings.Join(words, " ")
}

func expand(path string) string {
	var a, b, c, d, e float64
	if n, _ := fmt.Sscanf(path, "O %f %f %f %f", &a, &b, &c, &d); n == 4 {
		return ellipse(a, b, c, d)
	}
	if n, _ := fmt.Sscanf(path, "R %f %f %f %f %f", &a, &b, &c, &d, &e); n == 5 {
		return box(a, b, c, d, e)
	}
	return path
}

// ellipse is four cubic curves; 0.5523 is the usual distance of their handles.
func ellipse(x, y, rx, ry float64) string {
	kx, ky := rx*.5523, ry*.5523
	return fmt.Sprintf("M%g %g C%g %g %g %g %g %g C%g %g %g %g %g %g C%g %g %g %g %g %g C%g %g %g %g %g %g",
		x+rx, y, x+rx, y+ky, x+kx, y+ry, x, y+ry, x-kx, y+ry, x-rx, y+ky, x-rx, y,
		x-rx, y-ky, x-kx, y-ry, x, y-ry, x+kx, y-ry, x+rx, y-ky, x+rx, y)
}

func box(x, y, w, h, r float64) string {
	return fmt.Sprintf("M%g %g L%g %g Q%g %g %g %g L%g %g Q%g %g %g %g L%g %g Q%g %g %g %g L%g %g Q%g %g %g %g Z",
		x+r, y, x+w-r, y, x+w, y, x+w, y+r, x+w, y+h-r, x+w, y+h, x+w-r, y+h,
		x+r, y+h, x, y+h, x, y+h-r, x, y+r, x, y, x+r, y)
}
