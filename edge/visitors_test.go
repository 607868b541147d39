package edge

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/access"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/profile"
)

// talk sends a request with headers and returns the answer with its body.
func talk(t testing.TB, client *http.Client, method, url, body string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// A visitor's token works on every node that has the key, and a key that only opens, too.
func TestTokensRoamBetweenNodes(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	old, young := profile.NewTokenKey(), profile.NewTokenKey()
	s.must(vfs.WriteFile(s.fs, "old.keys", []byte(old+"\n")))
	s.must(vfs.WriteFile(s.fs, "both.keys", []byte(young+"\n"+old+"\n")))
	s.must(vfs.WriteFile(s.fs, "young.keys", []byte(young+"\n")))
	node := func(name, keys string) *Edge {
		cfg := s.config(name)
		cfg.Profile, cfg.Token.KeyFile = ProfileToken, keys
		e := s.start(cfg)
		until(t, "it serves", func() bool { return serves(t, e, id) })
		return e
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	first := node("first", "old.keys")
	resp, _ := talk(t, client, "POST", "http://"+first.Addr()+"/v1/events", `{"item":"a-007","type":"view"}`, map[string]string{"Edged-Profile": "new"})
	token := resp.Header.Get("Edged-Profile")
	for _, c := range []struct {
		name, keys string
		holds      bool
	}{{"second", "both.keys", true}, {"third", "young.keys", false}} {
		_, body := talk(t, client, "GET", "http://"+node(c.name, c.keys).Addr()+"/v1/profile", "", map[string]string{"Edged-Profile": token})
		if strings.Contains(body, `"a-007"`) != c.holds {
			t.Errorf("%s: %s", c.keys, body)
		}
	}
}

func TestAPIKeyFile(t *testing.T) {
	s := newShop(t)
	text, key, err := access.New(access.Publishable, nil, "", time.Now())
	s.must(err)
	file, err := (&access.Keys{}).With(key).File()
	s.must(err)
	s.must(vfs.WriteFile(s.fs, "api-keys.json", file))
	cfg := s.config("one")
	cfg.APIKeys = "api-keys.json"
	e := s.start(cfg)
	if status, _ := ask(t, "GET", "http://"+e.Addr()+"/v1/popular", ""); status != 401 {
		t.Errorf("without a key: %d, want 401", status)
	}
	if status, _ := ask(t, "GET", "http://"+e.Addr()+"/v1/popular?key="+text, ""); status == 401 {
		t.Error("with the key: 401")
	}
	for name, content := range map[string]string{"bad.json": `{"keys":[{}]}`, "none.json": ""} {
		if content != "" {
			s.must(vfs.WriteFile(s.fs, name, []byte(content)))
		}
		cfg := s.config("two")
		cfg.APIKeys = name
		if e, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "apiKeys") {
			t.Errorf("%s: %v %v", name, e, err)
		}
	}
}

// certificate makes a certificate for loopback that signs itself.
func certificate(t testing.TB) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func TestAdminUnderTLS(t *testing.T) {
	s := newShop(t)
	cert, key := certificate(t)
	s.must(vfs.WriteFile(s.fs, "admin.pem", cert))
	s.must(vfs.WriteFile(s.fs, "admin-key.pem", key))
	s.must(vfs.WriteFile(s.fs, "admin.key", []byte("a key of more than sixteen bytes")))
	cfg := s.config("one")
	cfg.AdminTLS, cfg.AdminKeyFile = TLS{"admin.pem", "admin-key.pem"}, "admin.key"
	e := s.start(cfg)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	url := "https://" + e.AdminAddr() + "/metrics"
	if resp, _ := talk(t, client, "GET", url, "", nil); resp.StatusCode != 401 {
		t.Errorf("without the key: %d, want 401", resp.StatusCode)
	}
	resp, body := talk(t, client, "GET", url, "", map[string]string{"Authorization": "Bearer a key of more than sixteen bytes"})
	if resp.StatusCode != 200 || !strings.Contains(body, "edged_http_requests_total") && !strings.Contains(body, "edged_answers_total") {
		t.Errorf("with the key: %d %.100s", resp.StatusCode, body)
	}
	cfg = s.config("two")
	cfg.AdminTLS = TLS{"admin.pem", "admin.key"}
	if e, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "adminTLS") {
		t.Errorf("with no private key: %v %v", e, err)
	}
}

func TestVisitorSettingsAreChecked(t *testing.T) {
	s := newShop(t)
	cfg := s.config("one")
	cfg.Profile, cfg.Token.Lifetime, cfg.AdminTLS.CertFile = ProfileToken, time.Second, "x"
	cfg.EnsureDefaults()
	err := cfg.Validate()
	for _, want := range []string{"token.keyFile: missing", "token.lifetime: 1s", "adminTlsCert, adminTlsKey: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s among it", err, want)
		}
	}
	s.must(vfs.WriteFile(s.fs, "short.keys", bytes.Repeat([]byte("A"), 8)))
	cfg = s.config("two")
	cfg.Profile, cfg.Token.KeyFile = ProfileToken, "short.keys"
	if e, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "token.keyFile: short.keys: line 1") {
		t.Errorf("%v %v", e, err)
	}
}

// Keys are rotated in the file: the node takes up the new ones and drops those that were revoked, and keeps what it has where the file is wrong.
func TestKeysFollowTheirFiles(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	draw := func() (string, access.Key) {
		text, key, err := access.New(access.Publishable, nil, "", time.Now())
		s.must(err)
		return text, key
	}
	write := func(keys *access.Keys) {
		file, err := keys.File()
		s.must(err)
		s.must(vfs.WriteFile(s.fs, "api-keys.json", file))
	}
	oldText, oldKey := draw()
	newText, newKey := draw()
	oldToken, newToken := profile.NewTokenKey(), profile.NewTokenKey()
	write((&access.Keys{}).With(oldKey))
	s.must(vfs.WriteFile(s.fs, "token.keys", []byte(oldToken+"\n")))
	cfg := s.config("one")
	cfg.APIKeys, cfg.Profile, cfg.Token.KeyFile = "api-keys.json", ProfileToken, "token.keys"
	e := s.start(cfg)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	call := func(method, path, body, key, token string) (*http.Response, string) {
		headers := map[string]string{"Authorization": "Bearer " + key}
		if token != "" {
			headers["Edged-Profile"] = token
		}
		return talk(t, client, method, "http://"+e.Addr()+path, body, headers)
	}
	takes := func(key string) bool {
		resp, _ := call("GET", "/v1/popular", "", key, "")
		return resp.StatusCode == 200
	}
	until(t, "the old key is taken", func() bool { return takes(oldText) && holds(e, id) })
	resp, _ := call("POST", "/v1/events", `{"item":"a-007","type":"view"}`, oldText, "new")
	token := resp.Header.Get("Edged-Profile")

	write((&access.Keys{}).With(oldKey).With(newKey))
	until(t, "both keys are taken", func() bool { return takes(newText) && takes(oldText) })
	s.must(vfs.WriteFile(s.fs, "api-keys.json", []byte(`{"keys":[{}]}`)))
	s.must(vfs.WriteFile(s.fs, "token.keys", []byte(newToken+"\n"+oldToken+"\n")))
	until(t, "tokens are sealed with the new key", func() bool {
		resp, _ := call("POST", "/v1/events", `{"item":"a-008","type":"view"}`, newText, token)
		sealed := resp.Header.Get("Edged-Profile")
		return sealed != "" && sealed[:6] != token[:6] // version and key id
	})
	if !takes(oldText) {
		t.Error("a file that is wrong took a key away")
	}
	write((&access.Keys{}).With(newKey))
	until(t, "the old key is refused", func() bool { return takes(newText) && !takes(oldText) })
	s.must(vfs.WriteFile(s.fs, "token.keys", []byte(newToken+"\n")))
	until(t, "the old token is worthless", func() bool {
		_, body := call("GET", "/v1/profile", "", newText, token)
		return !strings.Contains(body, "a-007")
	})
}

// holds reports whether a node holds a release, whoever may ask it.
func holds(e *Edge, id string) bool {
	r := e.Current()
	return r != nil && r.Release().ID == id
}
