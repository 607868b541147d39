package train

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

// ErrFile says that a file of pairs cannot be read; the error around it says where.
var ErrFile = errors.New("not a file of lines `user item item …`")

// PairFile is a file of pairs: each line a user and, after blanks, the items they have. Plain or gzip.
type PairFile struct {
	Name string // for errors
	io.Reader
}

// givenFiles makes a fold of two files, users and items as they come.
//
//   - Items are those of either file: one that only the test has is a candidate nobody can find, and counts in Recall.
//   - Users are those of either file: one that training does not know is asked with an empty history.
//   - A user's lines add up; a pair that is there twice counts once; a user without items has none.
//   - A test item that the user has in training stays in Recall's denominator, though lists leave it out. Where all are such,
//     nothing is left to ask.
//
// Rows are by ascending id, in byte order. limit bounds the pairs of both files.
func givenFiles(train, test PairFile, limit int) (*fold, error) {
	users, items := newInterner(), newInterner()
	a, err := readPairs(train, users, items, limit)
	if err != nil {
		return nil, err
	}
	b, err := readPairs(test, users, items, limit-len(a))
	if err != nil {
		return nil, err
	}
	userRow, itemRow := users.sort(), items.sort()
	f := &fold{train: pairPart(a, userRow, itemRow, items.ids)}
	var asked taken
	for i, e := range b {
		asked.add(userRow[e.user], itemRow[e.item], i)
	}
	pairs := f.train.pairs(0)
	x := &exam{name: examNew, goal: examNew}
	asked.each(func(user uint32, relevant []uint32, _ int) {
		x.questions = append(x.questions, question{who: int(user), user: user, relevant: relevant})
	})
	x.groupByActivity(func(q *question) int { return pairs.Count(int(q.user)) })
	if f.seen = seenPairs(x, pairs); f.seen == x.pairs() {
		return nil, fmt.Errorf("%s: all of its %d pairs are in %s too: lists leave out what training has, so nothing is left to find; keep those back from training, or give a test of other pairs",
			test.Name, f.seen, train.Name)
	}
	f.add(x)
	f.count(f.train)
	f.counts.Rows = len(a) + len(b)
	f.counts.TrainUsers = pairs.Active()
	return f, nil
}

// seenPairs counts what is asked for though training has it, and no list holds it.
func seenPairs(x *exam, pairs *learn.Matrix) (n int) {
	for i := range x.questions {
		has, _ := pairs.Row(int(x.questions[i].user))
		for _, item := range x.questions[i].relevant {
			if _, ok := slices.BinarySearch(has, item); ok {
				n++
			}
		}
	}
	return n
}

// filePair is one item of one line.
type filePair struct{ user, item uint32 }

// pairPart makes a part of pairs without times. Every user and item keeps its row, whether it has a pair or not.
func pairPart(pairs []filePair, userRow, itemRow []uint32, ids []string) *part {
	n := len(pairs)
	p := &part{users: len(userRow), items: len(itemRow), ids: ids, places: []edged.Setting{{}}, weights: []float64{1},
		user: make([]uint32, n), item: make([]uint32, n), session: make([]uint32, n), place: make([]uint16, n), kind: make([]uint8, n), at: make([]int64, n)}
	for i, e := range pairs {
		p.user[i], p.item[i], p.session[i] = userRow[e.user], itemRow[e.item], none
	}
	return p
}

// readPairs reads a file to its end; a pair that comes again is dropped.
func readPairs(f PairFile, users, items *interner, limit int) ([]filePair, error) {
	s, err := newPairScanner(f)
	if err != nil {
		return nil, err
	}
	var pairs []filePair
	seen := make(map[filePair]struct{})
	user, line := uint32(none), 0
	for {
		id, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if s.line != line {
			user, line = users.addBytes(id), s.line
			continue
		}
		pair := filePair{user, items.addBytes(id)}
		if _, again := seen[pair]; again {
			continue
		}
		if len(pairs) >= limit {
			return nil, fmt.Errorf("%s:%d: more pairs than maxEvents allows", f.Name, s.line)
		}
		seen[pair] = struct{}{}
		pairs = append(pairs, pair)
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("%s: %w: no line has a user and an item; columns are separated by blanks", f.Name, ErrFile)
	}
	return pairs, nil
}

// pairScanner cuts a file into ids. It holds one id at a time, so a line may be as long as it likes.
type pairScanner struct {
	name string
	r    *bufio.Reader
	line int // of the id that next returned last, from 1
	at   int // the line the reader is on
	id   []byte
}

func newPairScanner(f PairFile) (*pairScanner, error) {
	s := &pairScanner{name: f.Name, r: bufio.NewReaderSize(f.Reader, 64<<10), at: 1}
	if head, _ := s.r.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(s.r)
		if err != nil {
			return nil, fmt.Errorf("%s: gzip: %w", f.Name, err)
		}
		s.r = bufio.NewReaderSize(z, 64<<10)
	}
	if bom, _ := s.r.Peek(3); string(bom) == "\xef\xbb\xbf" {
		_, _ = s.r.Discard(3)
	}
	return s, nil
}

// next returns the next id, valid until the next call, or io.EOF.
func (s *pairScanner) next() ([]byte, error) {
	s.id = s.id[:0]
	for {
		b, err := s.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(s.id) > 0:
			return s.finish()
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case err != nil:
			return nil, fmt.Errorf("%s:%d: %w", s.name, s.at, err)
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
			if len(s.id) > 0 {
				if err := s.r.UnreadByte(); err != nil {
					return nil, fmt.Errorf("%s:%d: %w", s.name, s.at, err)
				}
				return s.finish()
			}
			if b == '\n' {
				if s.at == math.MaxInt32 {
					return nil, fmt.Errorf("%s: %w: more than %d lines", s.name, ErrFile, s.at)
				}
				s.at++
			}
		case b < ' ' || b == 0x7f:
			return nil, fmt.Errorf("%s:%d: %w: control character %#02x", s.name, s.at, ErrFile, b)
		case len(s.id) == edged.MaxIDLen:
			return nil, fmt.Errorf("%s:%d: %w: an id of more than %d bytes", s.name, s.at, ErrFile, edged.MaxIDLen)
		default:
			s.id = append(s.id, b)
		}
	}
}

func (s *pairScanner) finish() ([]byte, error) {
	if !utf8.Valid(s.id) {
		return nil, fmt.Errorf("%s:%d: %w: an id that is no UTF-8: %q", s.name, s.at, ErrFile, s.id[:min(len(s.id), 40)])
	}
	s.line = s.at
	return s.id, nil
}
