package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// handbook is docs/operations.md, whose commands are run as they stand there, in a directory that has the files they name.
type handbook struct {
	*shop
	root   *testing.T
	text   string
	node   *runningNode
	admin  string
	secure bool            // the admin listener has a certificate
	env    []string        // of commands
	tried  map[string]bool // commands of the handbook, as they stand there
}

// says runs the only command of the handbook that begins so, with other words where the reader puts in his own.
func (h *handbook) says(begin string, instead ...string) string {
	h.t.Helper()
	return h.run(h.words(begin, instead...)...)
}

// asks is says for a command that asks the node.
func (h *handbook) asks(begin string, instead ...string) string {
	h.t.Helper()
	return h.run(append(h.words(begin, instead...), "--node", h.url()+h.admin)...)
}

// words are those of a command, without edged.
func (h *handbook) words(begin string, instead ...string) (words []string) {
	h.t.Helper()
	found := regexp.MustCompile("(?m)(?:^|`)("+regexp.QuoteMeta(begin)+"[^`#\n]*)").FindAllStringSubmatch(h.text, -1)
	if len(found) == 0 {
		h.t.Fatalf("docs/operations.md has no command %q", begin)
	}
	h.tried[strings.TrimSpace(found[0][1])] = true
	line := strings.NewReplacer(append(instead, "/srv/origin", "origin", "/var/lib/edged", "n0", "/etc/edged/", "keys/")...).Replace(strings.TrimSpace(found[0][1]))
	for _, word := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1)[1:] {
		words = append(words, strings.Trim(word, "'"))
	}
	return words
}

// untried lists the commands in the handbook's blocks that were not run.
func (h *handbook) untried() (list []string) {
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(h.text, -1) {
		for line := range strings.SplitSeq(block[1], "\n") {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "edged ") && !h.tried[line] {
				list = append(list, line)
			}
		}
	}
	return list
}

func (h *handbook) run(args ...string) string {
	h.t.Helper()
	cmd := command(args...)
	cmd.Dir, cmd.Env = h.dir, append(cmd.Env, h.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("edged %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// steers is a command of the table of edged rollout, which leaves out what all need.
func (h *handbook) steers(text string, instead ...string) {
	h.t.Helper()
	if !strings.Contains(h.text, "`edged rollout "+text) {
		h.t.Fatalf("docs/operations.md has no `edged rollout %s", text)
	}
	args := strings.Fields(strings.NewReplacer(instead...).Replace("rollout " + text))
	h.run(append(args, "--origin", "origin", "--keys", "keys")...)
}

// learned makes the release directory anew, of other titles.
func (h *handbook) learned(version int) {
	h.t.Helper()
	events, items := h.path("events.jsonl"), h.path("items.jsonl")
	writeEvents(h.t, events)
	writeItems(h.t, items, version)
	h.edged("import", "events", "--data", h.path("shop"), events)
	h.edged("import", "items", "--data", h.path("shop"), items)
	h.says("edged train   --data shop --out release", "--out release", "--out release --factors 16 --sweeps 4 --a0 0.1")
}

// status waits until the node says so of itself.
func (h *handbook) status(what string, ok func(s nodeStatus) bool) (s nodeStatus) {
	h.t.Helper()
	asked := *h.node
	asked.listen = h.admin
	h.node.await(what, 30*time.Second, func() error {
		if err := asked.get("/v1/admin/release", &s); err != nil {
			return err
		}
		if !ok(s) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	return s
}

type nodeStatus struct {
	Version, Rollout, Root uint64
	Held                   bool
	Alarms                 []struct{ Name string }
}

func (h *handbook) serves(version uint64) {
	h.t.Helper()
	h.status(fmt.Sprintf("release %d", version), func(s nodeStatus) bool { return s.Version == version && len(s.Alarms) == 0 })
}

// start starts a node with what the handbook says of one, of gossip, and in more lines that begin so.
func (h *handbook) start(keys, origin string, more ...string) {
	h.t.Helper()
	h.admin = freeAddress(h.t)
	gossip := freeAddress(h.t)
	n := &runningNode{t: h.t, name: "n0", listen: freeAddress(h.t), shop: h.shop, gossip: gossip}
	args := append(h.words("edged serve --dir", "/srv/origin", origin, "/etc/edged", keys), "--name", "n0", "--listen", n.listen, "--poll", "100ms")
	if len(more) == 0 {
		args = append(args, "--admin", h.admin)
	}
	for _, begin := range append(more, "edged serve … --gossip-key-file") {
		args = append(args, h.words(begin, " gossip.key", " keys/gossip.key", "10.0.0.5:7946", gossip, "10.0.0.1:7946,10.0.0.2:7946", gossip, "10.0.0.5:8081", h.admin)[2:]...)
	}
	n.cmd = command(args...)
	n.cmd.Dir = h.dir
	log, err := os.OpenFile(h.path("n0.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	n.cmd.Stderr = log
	if err := n.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.node = n
	h.root.Cleanup(func() {
		n.kill()
		log.Close()
		if h.root.Failed() {
			h.root.Log(h.log())
		}
	})
}

// log is what the node said.
func (h *handbook) log() string {
	text, _ := os.ReadFile(h.path("n0.log"))
	return string(text)
}

func TestOperations(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	h := &handbook{shop: &shop{t: t, dir: t.TempDir()}, root: t, text: string(text), tried: map[string]bool{}}
	h.says("edged keys init --keys keys")
	h.learned(1)
	h.says("edged inspect release")
	h.says("edged publish --release release --origin")
	h.says("edged inspect /srv/origin --trust")
	h.start("keys", "origin")
	h.serves(1)
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{{"rollout", h.rollout}, {"keys", h.keys}, {"gossip", h.gossip}, {"rules", h.rules}, {"overlay", h.overlay}, {"status", h.looked}, {"access", h.access}, {"lost origin", h.lostOrigin}, {"lost root", h.lostRoot}} {
		ok := t.Run(part.name, func(t *testing.T) {
			h.t, h.node.t = t, t
			part.run(t)
		})
		if h.t, h.node.t = t, t; !ok {
			t.FailNow()
		}
	}
	h.node.stop()
	if list := h.untried(); len(list) > 0 {
		t.Errorf("commands of docs/operations.md that nothing runs:\n%s", strings.Join(list, "\n"))
	}
}

func (h *handbook) rollout(*testing.T) {
	h.learned(2)
	h.says("edged inspect release --against")
	h.says("edged publish --release release --canary 5%")
	h.says("edged rollout canary --share 25%")
	h.says("edged rollout promote")
	h.serves(2)
	h.says("edged inspect /var/lib/edged --trust")
	h.says("edged inspect /srv/origin --release 8 --against-release 7", "8", "2", "7", "1")
	h.learned(3)
	h.says("edged publish --release release --canary 5%")
	h.says("edged rollout abort")
	h.serves(2)
	if out := h.says("edged rollout show"); !regexp.MustCompile(`kept +3-[0-9a-f]+, withdrawn`).MatchString(out) || !regexp.MustCompile(`rollback +goes to 1-`).MatchString(out) {
		h.t.Errorf("the aborted release is not shown as withdrawn, or a rollback goes elsewhere:\n%s", out)
	}
	h.steers("rollback")
	h.serves(1)
	h.steers("to --release 7", "7", "2")
	h.serves(2)
	h.steers("pin")
	h.steers("hold")
	h.status("a hold", func(s nodeStatus) bool { return s.Held && s.Version == 2 })
	h.steers("resume")
	h.status("its end", func(s nodeStatus) bool { return !s.Held && s.Version == 2 })
	asked := *h.node
	asked.listen = h.admin
	if status, answer := asked.ask(http.MethodPost, "/v1/admin/release", `{"action":"rollback"}`); status != http.StatusOK || !strings.Contains(h.text, `curl -d '{"action":"rollback"}' http://127.0.0.1:8081/v1/admin/release`) {
		h.t.Fatalf("%d %s", status, answer)
	}
	h.serves(1)
	h.steers("to --release 7", "7", "3")
	h.serves(3)
}

var keyID = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// keys changes them while the node runs, which follows to each root.
func (h *handbook) keys(t *testing.T) {
	before := keyID.FindAllString(h.says("edged keys show"), -1)
	h.says("edged keys add")
	var added string
	for _, id := range keyID.FindAllString(h.says("edged keys show"), -1) {
		if !strings.Contains(strings.Join(before, " "), id) {
			added = id
		}
	}
	h.says("edged keys threshold")
	h.says("edged publish --refresh", "--refresh", "--refresh --origin origin --keys keys")
	root := h.status("the threshold", func(s nodeStatus) bool { return s.Root >= 3 }).Root
	h.run("keys", "threshold", "--keys", "keys", "--role", "release", "--keys-wanted", "1")
	h.says("edged keys revoke", "34750f98bd59fcfc", added)
	h.says("edged keys rotate")
	h.says("edged keys renew     ")
	h.says("edged publish --refresh", "--refresh", "--refresh --origin origin --keys keys")
	h.status("the last root", func(s nodeStatus) bool { return s.Root == root+4 && len(s.Alarms) == 0 })
}

func (h *handbook) gossip(t *testing.T) {
	for i, word := range []string{"add", "use", "drop"} {
		h.says("edged keys gossip " + word)
		h.node.await("keys followed", 20*time.Second, func() error {
			if n := strings.Count(h.log(), "keys were changed"); n <= i {
				return fmt.Errorf("%d changes", n)
			}
			return nil
		})
	}
}

// rules travel with a release, and alone.
func (h *handbook) rules(t *testing.T) {
	asked := *h.node
	asked.listen = h.admin
	counts := func(n int) {
		t.Helper()
		h.node.await(fmt.Sprintf("%d rules", n), 20*time.Second, func() error {
			var s struct {
				From  string
				Rules int
			}
			if err := asked.get("/v1/admin/rules", &s); err != nil || s.From != "release" || s.Rules != n {
				return fmt.Errorf("%+v, %v", s, err)
			}
			return nil
		})
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(h.path("rules.yaml"), []byte("rules:\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("- {name: a, bury: {tag: sale}}\n")
	h.says("edged rules check")
	h.says("edged publish --release release --rules rules.yaml")
	counts(1)
	write("- {name: a, bury: {tag: sale}}\n- {name: b, exclude: {brand: nobody}}\n")
	if out := h.says("edged publish --rules-only --rules rules.yaml"); !strings.Contains(out, "1 pieces new") || !strings.Contains(out, `line 3: rule "b"`) {
		t.Errorf("more than rules was put, or no warning is there:\n%s", out)
	}
	counts(2)
	h.steers("rollback")
	counts(1)
	h.says("edged publish --rules-only --no-rules")
	counts(0)
	write("- {name: a, burry: {tag: sale}}\n")
	bad := command("publish", "--rules-only", "--rules", "rules.yaml", "--origin", "origin", "--keys", "keys")
	bad.Dir = h.dir
	if out, err := bad.CombinedOutput(); err == nil || !strings.Contains(string(out), `line 2: rule "a": burry: unknown key`) {
		t.Errorf("%v: %s", err, out)
	}
}

// overlay says what is different until the next release, which takes it over.
func (h *handbook) overlay(t *testing.T) {
	sold, priced := itemID(1), itemID(2)
	ids := []string{"85123A", sold, "22423", priced}
	h.asks("edged overlay set --id 85123A", ids...)
	if err := h.node.hides(sold); err != nil {
		t.Error(err)
	}
	h.asks("edged overlay set --id 22423", ids...)
	h.asks("edged overlay set --id N-1")
	if list := h.asks("edged overlay list"); !strings.Contains(list, sold) || !strings.Contains(list, "10.95") || !strings.Contains(list, "N-1") {
		t.Errorf("the list says:\n%s", list)
	}
	h.asks("edged overlay remove", ids...)
	if err := h.node.hides(sold); err == nil {
		t.Errorf("%s is hidden still", sold)
	}
	h.asks("edged overlay export")
	h.says("edged train --data shop --overlay", "--out release", "--out release --factors 16 --sweeps 4")
	before := h.status("a release", func(nodeStatus) bool { return true }).Version
	h.says("edged publish --release release --origin")
	h.status("the next", func(s nodeStatus) bool { return s.Version > before })
	if list := h.asks("edged overlay list"); !strings.Contains(list, "inRelease") {
		t.Errorf("the release has the new item, and the list says:\n%s", list)
	}
}

// looked looks at the node.
func (h *handbook) looked(t *testing.T) {
	s := h.status("a release", func(nodeStatus) bool { return true })
	id := fmt.Sprintf("%d-", s.Version)
	for begin, wants := range map[string]string{"edged status  ": id, "edged status --diff  ": "overlap", "edged status --diff --release": "overlap"} {
		if out := h.asks(begin, "8", fmt.Sprint(s.Version), "7", fmt.Sprint(s.Version-1)); !strings.Contains(out, wants) {
			t.Errorf("%s: nothing of %q:\n%s", begin, wants, out)
		}
	}
}

// access starts the node anew, with keys of the API and of tokens, and an admin listener with a certificate, which is asked with its key.
func (h *handbook) access(t *testing.T) {
	h.node.stop()
	publishable := h.says("edged keys api make --file api-keys.json --origins")
	secret := strings.TrimSpace(h.says("edged keys api make --file api-keys.json --kind secret"))
	h.says("edged keys token --file")
	if info, err := os.Stat(h.path("token.keys")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keys of tokens: %v, %v; want them for their owner alone", info, err)
	}
	writeFile(t, h.path("admin.key"), []byte("an admin key of some length"))
	writeCertificate(t, h.path("admin.pem"), h.path("admin-key.pem"))
	h.secure, h.env = true, []string{"SSL_CERT_FILE=" + h.path("admin.pem")} // for what has no --ca
	h.start("keys", "origin", "edged serve … --api-keys", "edged serve … --profile token", "edged serve … --admin")
	h.node.await("a release", 30*time.Second, func() error {
		if status := h.asUser(secret); status != http.StatusOK {
			return fmt.Errorf("%d", status)
		}
		return nil
	})
	for key, want := range map[string]int{"": http.StatusUnauthorized, strings.TrimSpace(publishable): http.StatusForbidden, secret: http.StatusOK} {
		if status := h.asUser(key); status != want {
			t.Errorf("with key %q: %d, want %d", key, status, want)
		}
	}
	if out := h.asks("edged status  ", "status", "status --key-file admin.key"); !strings.Contains(out, "overlay") {
		t.Error(out)
	}
	if out, err := command("status", "--node", h.url()+h.admin).CombinedOutput(); err == nil {
		t.Errorf("without key and certificate:\n%s", out)
	}
	words := h.words("edged status --node https://10.0.0.5:8081", "https://10.0.0.5:8081", h.url()+h.admin, "admin.key", h.path("admin.key"), "admin.pem", h.path("admin.pem"))
	if out, err := command(words...).CombinedOutput(); err != nil {
		t.Errorf("by its certificate: %v\n%s", err, out)
	}
	list := h.says("edged keys api list")
	id := regexp.MustCompile(`(?m)^([0-9a-f]{8}) .*secret`).FindStringSubmatch(list)
	if id == nil {
		t.Fatalf("no secret key is listed:\n%s", list)
	}
	h.says("edged keys api revoke", "3fa9c2d1", id[1])
	h.node.await("the key to be worth nothing", 20*time.Second, func() error {
		if status := h.asUser(secret); status != http.StatusUnauthorized {
			return fmt.Errorf("%d", status)
		}
		return nil
	})
	h.node.stop()
	h.secure, h.env = false, nil
	h.start("keys", "origin")
}

// asUser asks for a user's recommendations with a key.
func (h *handbook) asUser(key string) int {
	req, err := http.NewRequest(http.MethodPost, "http://"+h.node.listen+"/v1/recommend", strings.NewReader(`{"user":"u1"}`))
	if err != nil {
		h.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := browser.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// url is how the admin listener is asked.
func (h *handbook) url() string {
	if h.secure {
		return "https://"
	}
	return "http://"
}

// writeCertificate makes a certificate of this machine, which signs itself, and its key.
func writeCertificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	writeFile(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// lostOrigin takes the rollout away, which is published again above what the node has seen.
func (h *handbook) lostOrigin(t *testing.T) {
	if err := os.Remove(h.path("origin/rollout.json")); err != nil {
		t.Fatal(err)
	}
	seen := h.status("what it saw", func(s nodeStatus) bool { return s.Rollout > 0 })
	above := max(seen.Rollout, seen.Version)
	h.says("edged publish --release release --origin /srv/origin --keys keys --above", "41", fmt.Sprint(above))
	h.status("the rollout above", func(s nodeStatus) bool { return s.Rollout > above && s.Version > above && len(s.Alarms) == 0 })
}

// lostRoot begins with new keys and an empty origin.
func (h *handbook) lostRoot(t *testing.T) {
	h.node.stop()
	h.run("keys", "init", "--keys", "new-keys")
	h.run("publish", "--release", "release", "--origin", "new-origin", "--keys", "new-keys")
	h.start("new-keys", "new-origin")
	h.serves(1)
}
