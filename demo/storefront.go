package demo

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/edged/edged/web"
)

// page is what /config.json tells the storefront.
type page struct {
	Name       string    `json:"name"`
	Simulated  bool      `json:"simulated"`
	Nodes      []address `json:"nodes"`
	Countries  []string  `json:"countries"`
	Categories []string  `json:"categories"`
	Visitors   []persona `json:"visitors"`
}

// address is where a node answers.
type address struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// fill makes empty lists of missing ones, which the page would otherwise get as null.
func (p *page) fill() {
	p.Nodes = append([]address{}, p.Nodes...)
	p.Countries = append([]string{}, p.Countries...)
	p.Categories = append([]string{}, p.Categories...)
	p.Visitors = append([]persona{}, p.Visitors...)
}

// storefront serves the page, the catalogue and the pictures. Recommendations come from the nodes, not from here.
type storefront struct {
	page    page
	shelf   *shelf
	picture func(id string) ([]byte, bool) // nil: the page draws
}

// handler is safe for concurrent use.
func (s *storefront) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(onlyFiles{web.Storefront()}))
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.page) })
	mux.HandleFunc("GET /products", s.products)
	mux.HandleFunc("GET /products/{id...}", s.product)
	mux.HandleFunc("GET /img/{name}", s.image)
	return s.secure(mux)
}

// secure adds the headers under which hostile titles stay text: no inline script or style, no frames, nothing loaded from
// elsewhere but pictures, nobody asked but the nodes.
func (s *storefront) secure(next http.Handler) http.Handler {
	connect := "'self'"
	for _, n := range s.page.Nodes {
		connect += " " + n.URL
	}
	pictures := "'self'"
	if s.picture == nil {
		pictures += " data: https: http:" // an imported catalogue's are wherever it says
	}
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src " + pictures + "; connect-src " + connect +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// onlyFiles hides directory listings.
type onlyFiles struct{ fs.FS }

func (o onlyFiles) Open(name string) (fs.File, error) {
	if name != "." && !strings.Contains(name, ".") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}

const maxPage = 200

func (s *storefront) products(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := number(q.Get("n"), 30, maxPage)
	offset, err2 := number(q.Get("offset"), 0, 1<<30)
	if err := errors.Join(err, err2); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	found, total := s.shelf.find(q.Get("q"), q.Get("category"), offset, n)
	if found == nil {
		found = []product{}
	}
	writeJSON(w, map[string]any{"total": total, "items": found})
}

// number reads a whole number from 0 to most, or takes the default where nothing is said.
func number(text string, def, most int) (int, error) {
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, errors.New("want a whole number from 0 to " + strconv.Itoa(most))
	}
	return n, nil
}

func (s *storefront) product(w http.ResponseWriter, r *http.Request) {
	p, ok := s.shelf.get(r.PathValue("id"))
	if !ok {
		http.Error(w, "no such product", http.StatusNotFound)
		return
	}
	writeJSON(w, p)
}

func (s *storefront) image(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutSuffix(r.PathValue("name"), ".svg")
	var svg []byte
	if ok = ok && s.picture != nil; ok {
		svg, ok = s.picture(id)
	}
	if !ok {
		http.Error(w, "no such picture", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Write(svg)
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(b)
}

const defaultListen = "127.0.0.1:8088"

// listen takes the address asked for, or, where none was and the default is taken, any free one.
func listen(address string) (net.Listener, error) {
	if address != "" {
		return net.Listen("tcp", address)
	}
	if ln, err := net.Listen("tcp", defaultListen); err == nil {
		return ln, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

func (s *storefront) server() *http.Server {
	return &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(nothing{}, "", 0)}
}

// nothing swallows what net/http says about connections that browsers drop.
type nothing struct{}

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
