package serve

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// What a Difference may end with.
var (
	ErrBusy    = errors.New("another question of this kind is being answered")
	ErrNotHeld = errors.New("not held")
)

// Difference says what one release held changes beside another, for so many sample visitors; version 0 stands for the one served, and for the one before.
type Difference func(ctx context.Context, now, before uint64, visitors int) (any, error)

const maxVisitors = 100

// releaseDifference answers GET /v1/admin/releases/difference.
func (s *Server) releaseDifference(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.adminProblem(w, bad("malformed query"))
		return
	}
	numbers := map[string]uint64{"visitors": 5}
	known := []string{"release", "against", "visitors"}
	for name, values := range query {
		if indexOf(known, []byte(name)) < 0 {
			s.adminProblem(w, unknown("query parameter", name, known))
			return
		}
		if numbers[name], err = strconv.ParseUint(values[0], 10, 63); err != nil {
			s.adminProblem(w, badField(name, "want a whole number, got %s", quote(values[0])))
			return
		}
	}
	if numbers["visitors"] > maxVisitors {
		s.adminProblem(w, badField("visitors", "want %s", wholeFrom(0, maxVisitors)))
		return
	}
	found, err := s.cfg.Admin.Difference(r.Context(), numbers["release"], numbers["against"], int(numbers["visitors"]))
	switch {
	case errors.Is(err, ErrBusy):
		s.adminProblem(w, unavailable("%v", err))
	case errors.Is(err, ErrNotHeld):
		s.adminProblem(w, withStatus(http.StatusNotFound, "%v", err))
	case err != nil:
		s.cfg.Logger.Error("serve: difference of releases", "error", err)
		s.adminProblem(w, withStatus(http.StatusInternalServerError, "%v", err))
	default:
		s.adminJSON(w, found)
	}
}
