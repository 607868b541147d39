package serve

import (
	"sync/atomic"

	"github.com/edged/edged/access"
	"github.com/edged/edged/profile"
)

// guard is what decides who may call and whose profile is opened. A call takes it once, so that keys may change between two requests and never
// within one.
type guard struct {
	keys   *access.Keys    // nil: anyone may call
	tokens *profile.Sealer // nil: profiles are not in tokens
	cors   cors
}

// guards holds the one that counts.
type guards struct{ atomic.Pointer[guard] }

func newGuard(cfg *Config, keys *access.Keys, tokens *profile.Sealer) *guard {
	return &guard{keys: keys, tokens: tokens, cors: newCORS(cfg.Origins, keys, tokens != nil)}
}

// SetKeys makes other API keys count from the next request on, where there were some.
func (s *Server) SetKeys(keys *access.Keys) {
	s.change(func(g *guard) *guard {
		if g.keys == nil || keys == nil {
			return g
		}
		return newGuard(&s.cfg, keys, g.tokens)
	})
}

// SetTokens makes other keys of tokens count from the next request on, where profiles are in tokens.
func (s *Server) SetTokens(tokens *profile.Sealer) {
	s.change(func(g *guard) *guard {
		if g.tokens == nil || tokens == nil {
			return g
		}
		return newGuard(&s.cfg, g.keys, tokens)
	})
}

func (s *Server) change(next func(*guard) *guard) {
	for {
		if g := s.guard.Load(); s.guard.CompareAndSwap(g, next(g)) {
			return
		}
	}
}
