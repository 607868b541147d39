package cluster

import (
	"strconv"

	"github.com/hashicorp/memberlist"
)

// repeat times ⌈log₁₀(n+1)⌉ is how often a message is sent in a cluster of n.
const repeat = 4

// maxWaiting bounds the messages waiting in one queue. Those that were sent most often make room: the exchange of states
// carries whatever is lost here.
const maxWaiting = 4096

// maxMessage is the largest gossiped message. A packet has room for it besides what the library adds; a fact that is larger
// travels by streams alone.
const maxMessage = maxPacketPlain - 64

// outbox holds the messages to be gossiped, the urgent ones apart, so that a flood of the others can't hold them up.
type outbox struct {
	queues [classes]*memberlist.TransmitLimitedQueue
	news   map[string]*message // shared ones of the last second or so that no flood has carried, by name; they are in a queue, too, but for
	large  bool                // some that no packet has room for
}

func newOutbox(members func() int) outbox {
	o := outbox{news: map[string]*message{}}
	for i := range o.queues {
		o.queues[i] = &memberlist.TransmitLimitedQueue{NumNodes: members, RetransmitMult: repeat}
	}
	return o
}

func (o *outbox) push(f *Fact) {
	m := &message{name: f.queueName(), body: encodeMessage(f)}
	large := len(m.body) > maxMessage
	if f.shared() && (len(o.news) < maxWaiting || o.news[m.name] != nil) {
		o.news[m.name], o.large = m, o.large || large
	}
	if large {
		return
	}
	q := o.queues[f.class()]
	q.QueueBroadcast(m)
	q.Prune(maxWaiting)
}

// old forgets what few others wait with: packets carry it.
func (o *outbox) old() { o.news, o.large = map[string]*message{}, false }

func (o *outbox) take(overhead, limit int) [][]byte {
	var list [][]byte
	for _, q := range o.queues {
		got := q.GetBroadcasts(overhead, limit)
		for _, m := range got {
			limit -= overhead + len(m)
		}
		list = append(list, got...)
	}
	return list
}

func (o *outbox) waiting() int {
	n := 0
	for _, q := range o.queues {
		n += q.NumQueued()
	}
	return n
}

// queueName is equal for facts that replace each other, so that the newer takes the older's place in the queue.
func (f *Fact) queueName() string {
	b := make([]byte, 0, 40+len(f.Node)+len(f.Key))
	if !f.shared() {
		b = append(b, f.Node...)
	}
	b = append(b, '/')
	b = append(strconv.AppendUint(b, f.Boot, 16), '/')
	b = append(strconv.AppendUint(b, uint64(f.Kind), 16), '/')
	return string(append(b, f.Key...))
}

// message is a broadcast of the library's queue.
type message struct {
	name string
	body []byte
}

func (m *message) Invalidates(memberlist.Broadcast) bool { return false } // the queue replaces by name
func (m *message) Name() string                          { return m.name }
func (m *message) Message() []byte                       { return m.body }
func (m *message) Finished()                             {}
