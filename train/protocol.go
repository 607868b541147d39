package train

import (
	"cmp"
	"slices"

	"github.com/edged/edged/eval"
)

// fold is one division of events: what trains, and the exams on what was left out.
type fold struct {
	train  *part
	exams  []*exam
	counts Counts
	at     int64 // the first moment of the test; 0 where the division is not by time
	until  int64 // the first moment after the test; 0: open
	seen   int   // of Files: pairs asked for that training has, which no list holds
}

// Names of exams.
const (
	examNew   = "new"       // items that are new to the user
	examAny   = "any"       // any items, repeats allowed
	examCold  = "cold"      // users without a history
	examNext  = "next"      // the next item of a session, from the session alone
	examPast  = "next-past" // the same, of customers with a past
	examItems = "items"     // items without a history
)

// titles name exams for people, questions say what is asked.
var titles, examQuestions = map[string]string{
	examNew: "new items", examAny: "any item", examCold: "customers without a history", examNext: "next item in session",
	examPast: "next item in session, with the customer's past", examItems: "items without a history",
}, map[string]string{
	examNew:   "Which items that they never had will they take next? Those they have are left out of the lists.",
	examAny:   "Which items will they take next, what they had before among them?",
	examCold:  "What will somebody take of whom nothing is known but the country, or the setting?",
	examNext:  "Given the items of a session so far, what is its next item?",
	examPast:  "The same, of customers whose earlier purchases are known.",
	examItems: "Of the items that nobody had before the test, which will they take? Only what an item says of itself can tell.",
}

// exam is one kind of question, put to everybody it can be put to.
type exam struct {
	name      string
	goal      string     // "new", "any", "next": what lists are for, and so what may not come in them
	questions []question // by who, then as they came
	groups    []eval.Group
	ids       []string // of the candidates, where they are not the items of the training part (examItems)
}

// question is: what would they choose now?
type question struct {
	who      int      // whom questions of one kind are gathered by; for the bootstrap
	user     uint32   // row in the training part, or none
	place    uint16   // setting, an index into the part's places; 0 may be the empty one
	session  []uint32 // the session's items so far, newest first
	at       int64    // when it is asked; 0 where times are not known
	relevant []uint32 // ascending, not empty: what they chose
	groups   []uint16 // indices into the exam's groups
}

// exam finds one by name; nil where the fold does not have it.
func (f *fold) exam(name string) *exam {
	for _, x := range f.exams {
		if x.name == name {
			return x
		}
	}
	return nil
}

// asks counts the questions of an exam.
func (f *fold) asks(name string) int {
	if x := f.exam(name); x != nil {
		return len(x.questions)
	}
	return 0
}

// add keeps an exam that asks anything.
func (f *fold) add(x *exam) {
	if len(x.questions) > 0 {
		f.exams = append(f.exams, x)
	}
}

// users counts whom an exam asks.
func (x *exam) users() int {
	seen := make(map[int]bool, len(x.questions))
	for i := range x.questions {
		seen[x.questions[i].who] = true
	}
	return len(seen)
}

// pairs counts what there is to be found.
func (x *exam) pairs() (n int) {
	for i := range x.questions {
		n += len(x.questions[i].relevant)
	}
	return n
}

// set is an exam as cases; popularity counts the training part's distinct users.
func (x *exam) set(p *part) *eval.Set {
	s := &eval.Set{Items: p.items, Groups: x.groups}
	if x.ids != nil {
		s.Items = len(x.ids)
	} else {
		s.Popularity, s.Population = p.popularity(), max(p.users, 1)
	}
	s.Cases = make([]eval.Case, len(x.questions))
	for i, q := range x.questions {
		s.Cases[i] = eval.Case{User: q.who, Relevant: q.relevant, Groups: q.groups}
	}
	return s
}

// popularity counts the distinct users of each item.
func (p *part) popularity() []uint32 {
	counts := make([]uint32, p.items)
	for _, i := range p.pairs(0).Index {
		counts[i]++
	}
	return counts
}

// taken gathers what the users of some events took: ascending items, by a key the caller chooses. Keys and items that are
// none are left out.
type taken struct {
	cells []takenCell
}

type takenCell struct {
	key, item uint32
	event     int // the first that said so
}

func (t *taken) add(key, item uint32, event int) {
	if key != none && item != none {
		t.cells = append(t.cells, takenCell{key, item, event})
	}
}

// each calls fn for every key, ascending, with its distinct items, ascending, and its first event.
func (t *taken) each(fn func(key uint32, items []uint32, first int)) {
	slices.SortFunc(t.cells, func(a, b takenCell) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.item, b.item), cmp.Compare(a.event, b.event))
	})
	for lo, hi := 0, 0; lo < len(t.cells); lo = hi {
		first := t.cells[lo].event
		var items []uint32
		for hi = lo; hi < len(t.cells) && t.cells[hi].key == t.cells[lo].key; hi++ {
			first = min(first, t.cells[hi].event)
			if len(items) == 0 || items[len(items)-1] != t.cells[hi].item {
				items = append(items, t.cells[hi].item)
			}
		}
		fn(t.cells[lo].key, items, first)
	}
}
