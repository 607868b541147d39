package events

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
)

const (
	lockName  = "lock"
	maxQueued = 256 // batches that wait for a commit; also the most one commit takes
)

// ErrClosed is what Append gets when the log is closed.
var ErrClosed = errors.New("event log is closed")

// Options say how a log works. Zero means the default.
type Options struct {
	Clock      func() time.Time // nil: time.Now
	MaxSegment int64            // bytes after which a new file is begun; default 64 MiB
	KeepIDs    int              // recent ids that are remembered; default 131,072, about 64 bytes each
	Random     io.Reader        // where ids come from; nil: crypto/rand
	Logger     *slog.Logger     // nil: silent
}

// EnsureDefaults fills what is zero.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MaxSegment == 0 {
		o.MaxSegment = 64 << 20
	}
	if o.KeepIDs == 0 {
		o.KeepIDs = 1 << 17
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate reports all faults at once.
func (o *Options) Validate() error {
	var errs []error
	if o.MaxSegment < 0 {
		errs = append(errs, fmt.Errorf("MaxSegment %d: negative", o.MaxSegment))
	}
	if o.KeepIDs < 0 {
		errs = append(errs, fmt.Errorf("KeepIDs %d: negative", o.KeepIDs))
	}
	return errors.Join(errs...)
}

// Stats count since the log was opened.
type Stats struct {
	Events     int64 // written and durable
	Duplicates int64 // not written: their id was known
	Commits    int64 // fsyncs that served someone
	Failures   int64 // commits that failed, those refused in the pause after a failure too
	Bytes      int64 // written to segments
	Torn       int64 // bytes of torn tails cut at open
	Damaged    int64 // segments found damaged at open; they are left alone
}

// Log is a node's event log. It is safe for concurrent use.
type Log struct {
	opts    Options
	writer  *writer // the committer's
	lock    io.Closer
	queue   chan *request
	closing chan struct{}
	done    chan struct{}
	once    sync.Once
	told    map[string]bool // troubles logged since the last success; the committer's

	mu    sync.Mutex
	stats Stats
	err   error // of closing
}

// request is a batch that waits for its commit.
type request struct {
	records [][]byte
	keys    []key
	fresh   []bool     // set by the committer
	done    chan error // one answer
}

// Open opens the log in dir, made if absent, and mends what a crash left.
func Open(fsys vfs.FS, dir string, opts Options) (*Log, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("open event log: %w", err)
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open event log: %w", err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if vfs.ReadOnly(err) {
		return nil, fmt.Errorf("event log %s can't be written: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("event log %s has another writer: %w", dir, err)
	}
	l := &Log{
		opts: opts, lock: lock,
		queue: make(chan *request, maxQueued), closing: make(chan struct{}), done: make(chan struct{}),
		told: map[string]bool{},
	}
	l.writer = &writer{fs: fsys, dir: dir, opts: opts, ids: newWindow(opts.KeepIDs)}
	if err := l.writer.recover(&l.stats); err != nil {
		return nil, fmt.Errorf("open event log: %w", errors.Join(err, lock.Close()))
	}
	go l.run()
	return l, nil
}

// Append writes a batch and returns when it is durable. fresh[i] is false where the id of batch[i] was seen before;
// such events are not written again. Events without id get one, in place.
//
// Either the whole batch is acknowledged or none of it. After an error, and when ctx ends first, it is not known what of it
// will be found: send it again with the same ids.
func (l *Log) Append(ctx context.Context, batch []edged.Event) (fresh []bool, err error) {
	r, err := l.request(batch)
	if err != nil {
		return nil, fmt.Errorf("append events: %w", err)
	}
	select {
	case <-l.closing:
		return nil, ErrClosed
	default:
	}
	select {
	case l.queue <- r:
	case <-l.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("append events: %w", ctx.Err())
	}
	return r.wait(ctx, l.done)
}

// request encodes a batch, so that the committer holds nothing of the caller's.
func (l *Log) request(batch []edged.Event) (*request, error) {
	r := &request{
		records: make([][]byte, len(batch)), keys: make([]key, len(batch)),
		fresh: make([]bool, len(batch)), done: make(chan error, 1),
	}
	for i := range batch {
		e := &batch[i]
		if e.ID == "" {
			id, err := l.newID()
			if err != nil {
				return nil, err
			}
			e.ID = id
		}
		if err := data.CheckEvent(e); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		r.records[i] = data.AppendEventRecord(nil, e)
		r.keys[i] = keyOf(e.ID)
	}
	return r, nil
}

func (l *Log) newID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(l.opts.Random, b[:]); err != nil {
		return "", fmt.Errorf("random id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// wait returns the committer's answer.
func (r *request) wait(ctx context.Context, stopped <-chan struct{}) ([]bool, error) {
	select {
	case err := <-r.done:
		return r.answer(err)
	case <-ctx.Done():
		return nil, fmt.Errorf("append events: %w", ctx.Err())
	case <-stopped:
	}
	select {
	case err := <-r.done: // answered before the committer ended
		return r.answer(err)
	default:
		return nil, ErrClosed
	}
}

func (r *request) answer(err error) ([]bool, error) {
	if err != nil {
		return nil, fmt.Errorf("append events: %w", err)
	}
	return r.fresh, nil
}

// run commits until the log is closed, then what still waits.
func (l *Log) run() {
	defer close(l.done)
	for {
		select {
		case r := <-l.queue:
			l.commit(r)
		case <-l.closing:
			for {
				select {
				case r := <-l.queue:
					l.commit(r)
				default:
					return
				}
			}
		}
	}
}

// commit makes the first batch durable together with all that wait.
func (l *Log) commit(first *request) {
	group := []*request{first}
	for more := true; more && len(group) < maxQueued; {
		select {
		case r := <-l.queue:
			group = append(group, r)
		default:
			more = false
		}
	}
	events, bytes, err := l.writer.commit(group)
	l.count(group, events, bytes, err)
	l.tell(events, err)
	for _, r := range group {
		r.done <- err
	}
}

// maxTold bounds how many different troubles are remembered as told.
const maxTold = 16

// tell logs each distinct trouble once, until events are written again.
func (l *Log) tell(events int64, err error) {
	if err == nil {
		if events > 0 && len(l.told) > 0 {
			l.opts.Logger.Info("events are written again")
			clear(l.told)
		}
		return
	}
	what := cause(err)
	if l.told[what] || len(l.told) >= maxTold {
		return
	}
	l.told[what] = true
	l.opts.Logger.Error("events not written", "error", err)
}

// cause is what the errors of one trouble have in common: they name different segments.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Op + ": " + p.Err.Error()
	}
	return err.Error()
}

func (l *Log) count(group []*request, events, bytes int64, err error) {
	total := 0
	for _, r := range group {
		total += len(r.records)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Bytes += bytes
	if err != nil {
		l.stats.Failures++
		return
	}
	l.stats.Commits++
	l.stats.Events += events
	l.stats.Duplicates += int64(total) - events
}

// Stats returns the counts.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Close commits what waits, refuses what comes, and releases the directory.
func (l *Log) Close() error {
	l.once.Do(func() {
		close(l.closing)
		<-l.done
		l.err = errors.Join(l.writer.close(), l.lock.Close())
	})
	return l.err
}
