package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// maxAdminBody bounds what an operator may send.
const maxAdminBody = 64 << 10

// adminDocument describes the admin listener. It is kept by hand; a test compares it with the routes.
//
//go:embed admin.json
var adminDocument []byte

// adminRoute is a pattern of the admin listener and what answers it.
type adminRoute struct {
	pattern string
	answer  http.HandlerFunc
}

// adminRoutes are those that are offered.
func (s *Server) adminRoutes() []adminRoute {
	a := &s.cfg.Admin
	show := func(what func() any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { s.adminJSON(w, what()) }
	}
	var list []adminRoute
	add := func(offered bool, pattern string, answer http.HandlerFunc) {
		if offered {
			list = append(list, adminRoute{pattern, answer})
		}
	}
	add(true, "GET /metrics", s.writeMetrics)
	add(true, "GET /openapi.json", adminOpenAPI)
	add(a.Status != nil, "GET /v1/admin/release", show(a.Status))
	add(a.Status != nil && a.Rollback != nil, "POST /v1/admin/release", s.adminRelease)
	add(a.Releases != nil, "GET /v1/admin/releases", show(a.Releases))
	add(a.Difference != nil, "GET /v1/admin/releases/difference", s.releaseDifference)
	add(a.Chunks != nil, "GET /v1/admin/chunks", show(a.Chunks))
	add(a.Members != nil, "GET /v1/admin/cluster", show(a.Members))
	add(a.Rules != nil, "GET /v1/admin/rules", show(a.Rules))
	add(a.Overlay != nil, "GET /v1/admin/overlay", s.overlayShow)
	add(a.Overlay != nil, "POST /v1/admin/overlay", s.overlayWrite)
	add(a.Overlay != nil, "GET /v1/admin/overlay/file", s.overlayFile)
	return list
}

func adminOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(adminDocument) // a caller that has gone is no fault of ours
}

// AdminHandler returns what belongs on the admin listener: metrics, release control, the overlay, cluster members, profiles. Where
// a key is set every request must bear it.
func (s *Server) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.adminRoutes() {
		mux.HandleFunc(r.pattern, r.answer)
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.adminUnknown(w, r, mux) })
	return s.keyed(s.sameSite(mux))
}

// sameSite keeps web pages that an operator has open away from the listener: requests that a browser sends for another
// site, and, where no key is asked for, those to a name that only says it is this machine (DNS rebinding).
func (s *Server) sameSite(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.adminProblem(w, withStatus(http.StatusForbidden, "pages of other sites may change nothing here"))
	}))
	next = guard.Handler(next)
	if len(s.cfg.Admin.Key) > 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackHost(r.Host) {
			s.adminProblem(w, withStatus(http.StatusForbidden, "without a key this listener answers to localhost and loopback addresses only, not to Host %s", quote(r.Host)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// adminUnknown answers paths and methods that nothing else does.
func (s *Server) adminUnknown(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(probe); pattern != "" && pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		s.adminProblem(w, withStatus(http.StatusNotFound, "nothing is at this path"))
		return
	}
	p := withStatus(http.StatusMethodNotAllowed, "%s can't be used here", quote(r.Method))
	p.allow = strings.Join(allowed, ", ")
	s.adminProblem(w, p)
}

// keyed lets through only requests that bear the key. Hashes are compared, so that the time taken says nothing of the
// key or its length.
func (s *Server) keyed(next http.Handler) http.Handler {
	if len(s.cfg.Admin.Key) == 0 {
		return next
	}
	want := sha256.Sum256(s.cfg.Admin.Key)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, bearer := bearerOf(r.Header.Get("Authorization"))
		got := sha256.Sum256([]byte(key))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !bearer {
			w.Header().Set("WWW-Authenticate", `Bearer realm="edged admin"`)
			s.adminProblem(w, withStatus(http.StatusUnauthorized, "this listener wants a bearer key"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) writeMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	s.cfg.Metrics.WritePrometheus(w)
	for _, set := range s.cfg.Admin.Metrics {
		set.WritePrometheus(w)
	}
	metrics.WriteProcessMetrics(w)
}

// adminRelease answers POST /v1/admin/release {"action":"rollback"}.
func (s *Server) adminRelease(w http.ResponseWriter, r *http.Request) {
	body, p := adminBody(w, r, maxAdminBody)
	if p == nil {
		p = parseAction(body)
	}
	if p != nil {
		s.adminProblem(w, p)
		return
	}
	if err := s.cfg.Admin.Rollback(); err != nil {
		s.adminProblem(w, withStatus(http.StatusConflict, "rollback: %v", err))
		return
	}
	s.adminJSON(w, s.cfg.Admin.Status())
}

// adminBody reads a body of at most limit bytes.
func adminBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, *problem) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge(limit)
	case err != nil:
		return nil, bad("the body did not arrive")
	}
	return body, nil
}

// parseAction checks that the body asks for the one action there is.
func parseAction(body []byte) *problem {
	keys := []string{"action"}
	var action []byte
	var scan scanner
	scan.reset(body)
	p := scan.object(keys, func(int) (p *problem) {
		action, p = scan.text(64)
		return p
	})
	if p == nil {
		p = scan.end()
	}
	if p == nil && string(action) != "rollback" {
		p = badField("action", `want "rollback", got %s`, quote(action))
	}
	return p
}

func (s *Server) adminJSON(w http.ResponseWriter, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		s.cfg.Logger.Error("serve: admin answer", "error", err)
		s.adminProblem(w, problemOf(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // a caller that has gone is no fault of ours
}

func (s *Server) adminProblem(w http.ResponseWriter, p *problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.append(nil))
}
