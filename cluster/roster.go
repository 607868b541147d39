package cluster

import (
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"
)

// Member is a node that is thought alive.
type Member struct {
	Name string
	Boot uint64
	Addr string // of gossip, host:port
	Zone string
	Self bool
}

// roster holds the live members, as the library's events tell. The library's own list can't be read while it changes: it hands
// out pointers into it. Its lock is a leaf: events come while the library holds its own.
type roster struct {
	mu      sync.Mutex
	members map[string]Member // by the library's name
}

// put takes a member that is new or has changed; one whose name or metadata isn't ours is passed over.
func (r *roster) put(n *memberlist.Node, self string) {
	name, boot, err := splitMember(n.Name)
	if err != nil {
		return
	}
	zone, err := decodeMeta(n.Meta)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members == nil {
		r.members = map[string]Member{}
	}
	r.members[n.Name] = Member{name, boot, n.Address(), zone, n.Name == self}
}

func (r *roster) drop(n *memberlist.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, n.Name)
}

func (r *roster) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.members)
}

// addresses are those of all members, earlier runs included.
func (r *roster) addresses() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make(map[string]bool, len(r.members))
	for _, m := range r.members {
		list[m.Addr] = true
	}
	return list
}

// list is of each node its latest run, by name.
func (r *roster) list() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	latest := map[string]Member{}
	for _, m := range r.members {
		if held, ok := latest[m.Name]; !ok || held.Boot < m.Boot {
			latest[m.Name] = m
		}
	}
	list := make([]Member, 0, len(latest))
	for _, m := range latest {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return list
}
