package edge

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/edged/edged/access"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/serve"
)

// addVisitors says where profiles live and who may call.
func (e *Edge) addVisitors(cfg *serve.Config) (err error) {
	switch e.cfg.Profile {
	case ProfileMemory:
		cfg.Profiles = profile.New(profile.Options{Clock: e.cfg.Clock})
	case ProfileToken:
		if cfg.Tokens, err = e.sealer(); err != nil {
			return fmt.Errorf("token.keyFile: %s: %w", e.cfg.Token.KeyFile, err)
		}
	}
	if e.cfg.APIKeys == "" {
		return nil
	}
	if cfg.Keys, err = e.keys(); err != nil {
		return fmt.Errorf("apiKeys: %s: %w", e.cfg.APIKeys, err)
	}
	return nil
}

// keys reads the API keys.
func (e *Edge) keys() (*access.Keys, error) {
	file, err := vfs.ReadFile(e.cfg.FS, e.cfg.APIKeys, access.MaxFile)
	if err != nil {
		return nil, err
	}
	return access.Parse(file)
}

// keyFile follows a file of keys, so that a rotation needs no restart. A file that is wrong, or has gone, changes nothing.
type keyFile struct {
	what  string
	name  string // empty: there is none
	limit int64
	apply func() error // reads it again

	last []byte // as read last; nil: never
	told string // the fault told last
}

// keyFiles are those of a node.
func (e *Edge) keyFiles() []*keyFile {
	api := &keyFile{what: "API keys", name: e.cfg.APIKeys, limit: access.MaxFile, apply: func() error {
		keys, err := e.keys()
		if err == nil {
			e.server.SetKeys(keys)
		}
		return err
	}}
	if e.cfg.Profile != ProfileToken {
		return []*keyFile{api}
	}
	return []*keyFile{api, {what: "token keys", name: e.cfg.Token.KeyFile, limit: maxKey, apply: func() error {
		sealer, err := e.sealer()
		if err == nil {
			e.server.SetTokens(sealer)
		}
		return err
	}}}
}

// follow applies the file where it has changed, and once after the start, when it may have changed already.
func (f *keyFile) follow(e *Edge) {
	if f.name == "" {
		return
	}
	file, err := vfs.ReadFile(e.cfg.FS, f.name, f.limit)
	if err == nil && f.last != nil && bytes.Equal(file, f.last) {
		return
	}
	first := f.last == nil
	if err == nil {
		f.last = append(make([]byte, 0, len(file)), file...)
		err = f.apply()
	}
	switch {
	case err != nil && err.Error() != f.told:
		f.told = err.Error()
		e.cfg.Logger.Error("keys stay as they were", "keys", f.what, "file", f.name, "error", err)
	case err == nil && !first:
		f.told = ""
		e.cfg.Logger.Info("other keys count from now on", "keys", f.what, "file", f.name)
	}
}

func (e *Edge) sealer() (*profile.Sealer, error) {
	file, err := vfs.ReadFile(e.cfg.FS, e.cfg.Token.KeyFile, maxKey)
	if err != nil {
		return nil, err
	}
	keys, err := profile.ParseTokenKeys(file)
	if err != nil {
		return nil, err
	}
	return profile.NewSealer(keys, profile.TokenOptions{Tenant: e.cfg.Token.Tenant, TTL: e.cfg.Token.Lifetime, Clock: e.cfg.Clock})
}

// listenAdmin opens the admin listener, under TLS where it has a certificate.
func (e *Edge) listenAdmin() (net.Listener, error) {
	ln, err := net.Listen("tcp", e.cfg.Admin)
	if err != nil || e.cfg.AdminTLS == (TLS{}) {
		return ln, err
	}
	pair, err := e.certificate()
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("adminTLS: %w", err)
	}
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}), nil
}

// maxPEM bounds a file of certificates.
const maxPEM = 1 << 20

func (e *Edge) certificate() (pair tls.Certificate, err error) {
	cert, err := vfs.ReadFile(e.cfg.FS, e.cfg.AdminTLS.CertFile, maxPEM)
	if err != nil {
		return pair, err
	}
	key, err := vfs.ReadFile(e.cfg.FS, e.cfg.AdminTLS.KeyFile, maxPEM)
	if err != nil {
		return pair, err
	}
	return tls.X509KeyPair(cert, key)
}
