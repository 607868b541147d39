package serve

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/rank"
)

// statuses are those this package answers with; others count as 0.
var statuses = [...]int{0,
	http.StatusOK, http.StatusAccepted, http.StatusNoContent, http.StatusNotModified,
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusMethodNotAllowed, http.StatusRequestTimeout,
	http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusExpectationFailed,
	http.StatusRequestHeaderFieldsTooLarge, http.StatusInternalServerError, http.StatusNotImplemented,
	http.StatusServiceUnavailable, http.StatusHTTPVersionNotSupported,
}

// Reasons why an event is not taken.
const (
	reasonMalformed = iota // the text is no JSON object
	reasonInvalid          // a field is missing, unknown, of the wrong type or too long
	reasonFuture           // its time lies ahead of the clock
	reasonStore            // it could not be made durable
	reasonUser             // the caller may not act for its user
	reasonCount
)

var reasonNames = [reasonCount]string{"malformed", "invalid", "future", "store", "user"}

// meters are the figures of one server.
type meters struct {
	set      *metrics.Set
	requests [routeCount][len(statuses)]atomic.Pointer[metrics.Counter] // made when first needed
	latency  [routeCount]latency
	levels   [rank.Static + 1]*metrics.Counter
	panics   *metrics.Counter
	missing  *metrics.Counter
	kept     *metrics.Counter

	shortages *metrics.Counter

	tokensRefused, optedOut *metrics.Counter
	accepted, duplicate     *metrics.Counter
	rejected                [reasonCount]*metrics.Counter
}

func newMeters(s *Server, set *metrics.Set) *meters {
	m := &meters{set: set}
	set.RegisterMetricsWriter(m.writeLatencies)
	for i := range m.levels {
		m.levels[i] = set.GetOrCreateCounter(fmt.Sprintf(`edged_answers_total{level=%q}`, rank.Level(i)))
	}
	for i, name := range reasonNames {
		m.rejected[i] = set.GetOrCreateCounter(fmt.Sprintf(`edged_events_rejected_total{reason=%q}`, name))
	}
	m.panics = set.GetOrCreateCounter("edged_panics_total")
	m.missing = set.GetOrCreateCounter("edged_unknown_seeds_total")
	m.kept = set.GetOrCreateCounter("edged_answers_kept_total")
	m.shortages = set.GetOrCreateCounter("edged_accept_shortages_total")
	m.tokensRefused = set.GetOrCreateCounter("edged_profile_tokens_refused_total")
	m.optedOut = set.GetOrCreateCounter("edged_events_opted_out_total")
	m.accepted = set.GetOrCreateCounter("edged_events_accepted_total")
	m.duplicate = set.GetOrCreateCounter("edged_events_duplicate_total")
	set.GetOrCreateGauge("edged_http_requests_in_progress", func() float64 { return float64(s.working.Load()) })
	set.GetOrCreateGauge("edged_http_body_bytes", func() float64 { return float64(s.budget.sum.Load()) })
	set.GetOrCreateGauge("edged_http_connections", func() float64 { return float64(s.http.GetOpenConnectionsCount()) })
	set.GetOrCreateGauge("edged_release_age_seconds", func() float64 { return s.releaseAge().Seconds() })
	set.GetOrCreateGauge("edged_release_version", s.releaseVersion)
	set.GetOrCreateGauge(fmt.Sprintf(`edged_kernels{variant=%q}`, kernel.Active()), func() float64 { return 1 })
	return m
}

// releaseAge is 0 while no release is held; edged_release_version tells the two apart.
func (s *Server) releaseAge() time.Duration {
	r := s.cfg.Releases.Current()
	if r == nil {
		return 0
	}
	return age(r, s.cfg.Clock())
}

// age is how long ago a release was made; a clock behind the publisher's counts as no age.
func age(r *rank.Ranker, now time.Time) time.Duration {
	return max(0, now.Sub(r.Release().Created))
}

func (s *Server) releaseVersion() float64 {
	if r := s.cfg.Releases.Current(); r != nil {
		return float64(r.Release().Version)
	}
	return 0
}

// done counts an answered request.
func (m *meters) done(route, status int, took time.Duration) {
	m.requestCounter(route, status).Inc()
	m.latency[route].add(took)
}

// writeLatencies writes the histograms of all routes.
func (m *meters) writeLatencies(w io.Writer) {
	const name = "edged_http_request_duration_seconds"
	metrics.WriteMetadataIfNeeded(w, name, "histogram")
	for i := range m.latency {
		m.latency[i].write(w, name, fmt.Sprintf("route=%q", routeTable[i].name))
	}
}

func (m *meters) requestCounter(route, status int) *metrics.Counter {
	place := max(0, slices.Index(statuses[:], status))
	slot := &m.requests[route][place]
	c := slot.Load()
	if c == nil {
		c = m.set.GetOrCreateCounter(fmt.Sprintf(`edged_http_requests_total{route=%q,status="%d"}`, routeTable[route].name, statuses[place]))
		slot.Store(c)
	}
	return c
}
