package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// actAsEdged makes the test binary be edged, so that tests run the real command in processes of their own.
const actAsEdged = "EDGED_TEST_ACT_AS_EDGED"

func TestMain(m *testing.M) {
	if os.Getenv(actAsEdged) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestLoop is the product's main job as a user runs it: import, train, publish, three gossiping nodes under load, a new
// release, an event that moves trending elsewhere, a node killed, and its return with the origin away.
func TestLoop(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	shop := newShop(t)
	shop.release(1)
	nodes := shop.start(3)
	for _, n := range nodes {
		n.await("ready", 20*time.Second, n.serves(1))
	}
	load := startLoad(t, nodes, 500)
	swapNoticed := shop.publishUnderLoad(nodes, 2)
	trendNoticed := shop.trendMoves(nodes)
	goneNoticed := shop.sellsOut(nodes, itemID(7))
	load.spare(nodes[2])
	nodes[2].kill()
	load.during(time.Second)
	shop.hideOrigin()
	back := nodes[2].again()
	back.await("ready without the origin", 20*time.Second, back.serves(2))
	if err := back.hides(itemID(7)); err != nil {
		t.Error(err)
	}
	status := shop.edged("status", "--node", "http://"+nodes[0].admin)
	diff := shop.edged("status", "--diff", "--node", "http://"+nodes[0].admin)
	for _, says := range []string{"serves", "2-", "1 of 10000 entries", "n0 (this)", "previous", "n2"} {
		if !strings.Contains(status, says) {
			t.Errorf("status says nothing of %q:\n%s", says, status)
		}
	}
	if !strings.Contains(diff, "catalogue") || !strings.Contains(diff, "overlap") {
		t.Errorf("status --diff:\n%s", diff)
	}
	load.during(time.Second)
	load.finish()
	back.stop()
	for _, n := range nodes[:2] {
		n.stop()
	}
	t.Logf("%d answers, none failed, none mixed; release on all nodes %v after publish, trending on all %v after the event, sold out on all %v after the word",
		load.answers.Load(), swapNoticed, trendNoticed, goneNoticed)
}

// shop is a directory with everything one shop has.
type shop struct {
	t    *testing.T
	dir  string
	seed string // gossip address of the first node
}

func newShop(t *testing.T) *shop {
	s := &shop{t: t, dir: t.TempDir()}
	s.edged("keys", "init", "--keys", s.path("keys"))
	return s
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

// edged runs a command to its end.
func (s *shop) edged(args ...string) string {
	s.t.Helper()
	cmd := command(args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("edged %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), actAsEdged+"=1")
	return cmd
}

// release imports a catalogue whose titles name the version, so that an answer shows which release each of its parts came
// from; then trains and publishes. Items of one kind are all but the same, so a0 is not left to chance: with a small one int8 mixes them up, and the
// release is held back.
func (s *shop) release(version int) {
	s.t.Helper()
	events, items := s.path("events.jsonl"), s.path("items.jsonl")
	writeEvents(s.t, events)
	writeItems(s.t, items, version)
	s.edged("import", "events", "--data", s.path("data"), events)
	s.edged("import", "items", "--data", s.path("data"), items)
	out := s.path(fmt.Sprintf("release-%d", version))
	s.edged("train", "--data", s.path("data"), "--out", out, "--factors", "16", "--sweeps", "4", "--a0", "0.1")
	s.edged("publish", "--release", out, "--origin", s.path("origin"), "--keys", s.path("keys"))
}

const shopItems = 120

func itemID(i int) string { return fmt.Sprintf("item-%03d", i) }

// writeEvents writes visits of people who each like one of four kinds of items.
func writeEvents(t *testing.T, name string) {
	rng := rand.New(rand.NewPCG(1, 1))
	var b bytes.Buffer
	for user := range 200 {
		for range 20 {
			item := rng.IntN(shopItems/4)*4 + user%4
			fmt.Fprintf(&b, `{"user":"u%d","item":%q,"type":"view","time":%d,"context":{"country":"DE"}}`+"\n",
				user, itemID(item), 1_790_000_000_000+rng.Int64N(30*86400_000))
		}
	}
	writeFile(t, name, b.Bytes())
}

func writeItems(t *testing.T, name string, version int) {
	var b bytes.Buffer
	for i := range shopItems {
		fmt.Fprintf(&b, `{"id":%q,"title":"version %d","price":%d}`+"\n", itemID(i), version, i+1)
	}
	writeFile(t, name, b.Bytes())
}

func writeFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hideOrigin takes the origin away, as a cut line would.
func (s *shop) hideOrigin() {
	s.t.Helper()
	if err := os.Rename(s.path("origin"), s.path("origin-away")); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) start(count int) []*runningNode {
	s.seed = freeAddress(s.t)
	var nodes []*runningNode
	for i := range count {
		n := &runningNode{t: s.t, name: fmt.Sprintf("n%d", i), listen: freeAddress(s.t), admin: freeAddress(s.t), shop: s, gossip: s.seed}
		if i > 0 {
			n.gossip = freeAddress(s.t)
		}
		n.run()
		nodes = append(nodes, n)
	}
	return nodes
}

// publishUnderLoad publishes the next version and says how long after the publish the last node served it.
func (s *shop) publishUnderLoad(nodes []*runningNode, version int) time.Duration {
	s.t.Helper()
	s.release(version)
	start := time.Now()
	for _, n := range nodes {
		n.await("the new release", 20*time.Second, n.serves(version))
	}
	return time.Since(start)
}

// trendMoves sends events to the first node and says how long until the others' trending list begins with their item.
func (s *shop) trendMoves(nodes []*runningNode) time.Duration {
	s.t.Helper()
	item := itemID(shopItems - 1)
	for i := range 5 {
		body := fmt.Sprintf(`{"item":%q,"type":"purchase","session":"s%d","context":{"country":"DE"}}`, item, i)
		status, answer := nodes[0].ask(http.MethodPost, "/v1/events", body)
		if status != http.StatusAccepted {
			s.t.Fatalf("event: %d %s", status, answer)
		}
	}
	start := time.Now()
	for _, n := range nodes {
		n.await("the event in trending", 20*time.Second, func() error {
			var list answerBody
			if err := n.get("/v1/trending?country=DE&n=1", &list); err != nil {
				return err
			}
			if len(list.Items) != 1 || list.Items[0].ID != item {
				return fmt.Errorf("trending: %+v", list.Items)
			}
			return nil
		})
	}
	return time.Since(start)
}

// sellsOut tells the second node that an item is not available, by the command, and says how long until no node answers with it.
func (s *shop) sellsOut(nodes []*runningNode, item string) time.Duration {
	s.t.Helper()
	for _, n := range nodes {
		if err := n.hides(item); err == nil {
			s.t.Fatalf("%s does not show %s to begin with", n.name, item)
		}
	}
	s.edged("overlay", "set", "--node", "http://"+nodes[1].admin, "--id", item, "--available", "no")
	start := time.Now()
	for _, n := range nodes {
		n.await("word that an item is sold out", 20*time.Second, func() error { return n.hides(item) })
	}
	took := time.Since(start)
	if list := s.edged("overlay", "list", "--node", "http://"+nodes[0].admin); !strings.Contains(list, item) {
		s.t.Errorf("overlay list says nothing of %s:\n%s", item, list)
	}
	return took
}

// hides reports whether an item is among all the popular ones.
func (n *runningNode) hides(item string) error {
	var a answerBody
	if err := n.get(fmt.Sprintf("/v1/popular?n=%d", shopItems), &a); err != nil {
		return err
	}
	for _, it := range a.Items {
		if it.ID == item {
			return fmt.Errorf("%s is shown", item)
		}
	}
	return nil
}

type runningNode struct {
	t      *testing.T
	name   string
	listen string
	admin  string
	gossip string
	shop   *shop
	cmd    *exec.Cmd
	log    *bytes.Buffer
}

func (n *runningNode) run() {
	n.t.Helper()
	s := n.shop
	n.cmd = command("serve", "--name", n.name, "--listen", n.listen, "--admin", n.admin, "--dir", s.path(n.name),
		"--origin", s.path("origin"), "--trust", filepath.Join(s.path("keys"), "trust.json"),
		"--gossip-listen", n.gossip, "--gossip-seeds", s.seed, "--gossip-key-file", filepath.Join(s.path("keys"), "gossip.key"), "--gossip-profile", "local")
	n.log = new(bytes.Buffer)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	cmd := n.cmd
	n.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		if n.t.Failed() {
			n.t.Logf("%s:\n%s", n.name, n.log)
		}
	})
}

// again starts a killed node anew, on its old directory and addresses.
func (n *runningNode) again() *runningNode {
	fresh := &runningNode{t: n.t, name: n.name, listen: n.listen, admin: n.admin, gossip: n.gossip, shop: n.shop}
	fresh.run()
	return fresh
}

func (n *runningNode) kill() {
	n.cmd.Process.Kill()
	n.cmd.Wait()
}

// stop asks the node to end and wants a clean exit.
func (n *runningNode) stop() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("%s: after SIGTERM: %v", n.name, err)
	}
}

// await polls until ok says nil.
func (n *runningNode) await(what string, patience time.Duration, ok func() error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			n.t.Fatalf("%s: no %s within %v: %v", n.name, what, patience, err)
		case <-tick.C:
		}
	}
}

func (n *runningNode) serves(version int) func() error {
	return func() error {
		var a answerBody
		if err := n.get("/v1/recommend?n=1", &a); err != nil {
			return err
		}
		if !strings.HasPrefix(a.Release, fmt.Sprintf("%d-", version)) {
			return fmt.Errorf("serves %q", a.Release)
		}
		return nil
	}
}

// answerBody is what the tests read of an answer.
type answerBody struct {
	Items []struct {
		ID     string
		Fields struct{ Title string }
	}
	Level   string
	Release string
}

var browser = &http.Client{Timeout: 5 * time.Second}

func (n *runningNode) get(path string, into any) error {
	status, body := n.ask(http.MethodGet, path, "")
	if status != http.StatusOK {
		return fmt.Errorf("%s: %d %s", path, status, body)
	}
	return json.Unmarshal(body, into)
}

// ask returns the status, 0 where there was no answer.
func (n *runningNode) ask(method, path, body string) (int, []byte) {
	req, err := http.NewRequest(method, "http://"+n.listen+path, strings.NewReader(body))
	if err != nil {
		return 0, []byte(err.Error())
	}
	resp, err := browser.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return resp.StatusCode, answer
}

// load asks each node at an even rate and wants every answer whole: status 200, and every title of the release named.
type load struct {
	t       *testing.T
	cancel  context.CancelFunc
	ended   chan error
	count   int
	spared  atomic.Pointer[runningNode]
	answers atomic.Int64
}

func startLoad(t *testing.T, nodes []*runningNode, rate int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, cancel: cancel, ended: make(chan error, len(nodes)), count: len(nodes)}
	t.Cleanup(cancel)
	for i, n := range nodes {
		go func() { l.ended <- l.drive(ctx, n, rate/len(nodes), rand.New(rand.NewPCG(2, uint64(i)))) }()
	}
	return l
}

func (l *load) drive(ctx context.Context, n *runningNode, rate int, rng *rand.Rand) error {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if l.spared.Load() == n {
			return nil
		}
		if err := checkAnswer(n, itemID(rng.IntN(shopItems))); err != nil && l.spared.Load() != n {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		l.answers.Add(1)
	}
}

func checkAnswer(n *runningNode, recent string) error {
	var a answerBody
	if err := n.get("/v1/recommend?n=8&fields=title&recent="+recent, &a); err != nil {
		return err
	}
	if len(a.Items) != 8 {
		return fmt.Errorf("%d items, want 8", len(a.Items))
	}
	version, _, _ := strings.Cut(a.Release, "-")
	for _, it := range a.Items {
		if it.Fields.Title != "version "+version {
			return fmt.Errorf("release %s answered with %q", a.Release, it.Fields.Title)
		}
	}
	return nil
}

// spare tells the load that n is meant to be down.
func (l *load) spare(n *runningNode) { l.spared.Store(n) }

// during lets the load run on.
func (l *load) during(d time.Duration) {
	select {
	case err := <-l.ended:
		l.count--
		if err != nil {
			l.t.Fatal(err)
		}
	case <-time.After(d):
	}
}

func (l *load) finish() {
	l.t.Helper()
	l.cancel()
	var errs []error
	for range l.count {
		errs = append(errs, <-l.ended)
	}
	if err := errors.Join(errs...); err != nil {
		l.t.Fatal(err)
	}
}

// freeAddress is a loopback address nobody listens on just now, for TCP and UDP.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
