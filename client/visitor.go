package client

import (
	"net/http"
	"sync"
)

// Visitor is whom a Client calls for. It may be used by several goroutines at once.
type Visitor struct {
	assertion string
	user      string
	session   string
	optedOut  bool

	mu    sync.Mutex
	token string
}

// VisitorConfig says who a visitor is; all of it is optional.
type VisitorConfig struct {
	Token     string // his profile, as an answer gave it; empty: the first one is asked for
	Assertion string // lets a publishable key act for one user
	User      string // whose profile, from a secret key; in a Request and in events he is named there
	Session   string // likewise
	OptedOut  bool   // Sec-GPC: nothing is looked up, nothing stored
}

// NewVisitor returns a Visitor.
func NewVisitor(cfg VisitorConfig) *Visitor {
	v := &Visitor{token: cfg.Token, assertion: cfg.Assertion, user: cfg.User, session: cfg.Session, optedOut: cfg.OptedOut}
	if v.token == "" {
		v.token = newToken
	}
	return v
}

// newToken asks for a first token.
const newToken = "new"

// Token is the visitor's profile as it is now, to be kept until he comes again; empty: there is none.
func (v *Visitor) Token() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.token == newToken {
		return ""
	}
	return v.token
}

// give adds the visitor to a request. A nil Visitor is nobody.
func (v *Visitor) give(h http.Header) {
	if v == nil {
		return
	}
	v.mu.Lock()
	h.Set("Edged-Profile", v.token)
	v.mu.Unlock()
	for name, value := range map[string]string{"Edged-Assertion": v.assertion, "Edged-User": v.user, "Edged-Session": v.session} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if v.optedOut {
		h.Set("Sec-GPC", "1")
	}
}

// take keeps the token an answer brings.
func (v *Visitor) take(h http.Header) {
	token := h.Get("Edged-Profile")
	if v == nil || token == "" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token = token
}
