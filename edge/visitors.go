package edge

import (
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

func (e *Edge) sealer() (*profile.Sealer, error) {
	file, err := vfs.ReadFile(e.cfg.FS, e.cfg.Token.KeyFile, maxKey)
	if err != nil {
		return nil, err
	}
	return e.sealerOf(file)
}

func (e *Edge) sealerOf(file []byte) (*profile.Sealer, error) {
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
