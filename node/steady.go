package node

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// What the pieces of a release must come at, so that nobody holds a release back by sending it for ever: in each slowWindow, which is longer than
// any one piece may take, slowBytes, or what brings the whole within slowWhole. A piece counts as slowPiece at least, for asking takes time too.
const (
	slowWindow = 4 * time.Minute
	slowWhole  = 24 * time.Hour
	slowBytes  = 256 << 10
	slowPiece  = 4 << 10
)

// floor is how many bytes must come in which time. Where the node itself bounds its rate, a quarter of that is enough.
func floor(want []release.Piece, rate int64) (least int64, window time.Duration) {
	var all int64
	for _, p := range want {
		all += counted(p.Size)
	}
	least, window = max(slowBytes, all/int64(slowWhole/slowWindow)), slowWindow
	if rate > 0 {
		window = max(window, 4*release.MaxChunkSize*time.Second/time.Duration(rate))
		least = min(least, max(1, int64(window/time.Second)*rate/4))
	}
	return least, window
}

func counted(size int64) int64 { return max(size, slowPiece) }

// steady is a fetch that is given up with origin.ErrSlow where it falls below the floor.
func steady(fetch release.Fetch, rate int64) release.Fetch {
	return func(ctx context.Context, want []release.Piece, got func(release.Piece, []byte) error) error {
		var came atomic.Int64
		watch := func(ctx context.Context, cancel context.CancelCauseFunc) { drips(ctx, cancel, want, rate, &came) }
		return under(ctx, watch, func(ctx context.Context) error {
			return fetch(ctx, want, func(p release.Piece, b []byte) error {
				came.Add(counted(p.Size))
				return got(p, b)
			})
		})
	}
}

// under runs f while watch looks on, which may cancel it: then f's error is the cause.
func under(ctx context.Context, watch func(context.Context, context.CancelCauseFunc), f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { watch(ctx, cancel) })
	err := f(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	cancel(nil)
	watching.Wait()
	return err
}

// drips cancels when too little comes.
func drips(ctx context.Context, cancel context.CancelCauseFunc, want []release.Piece, rate int64, came *atomic.Int64) {
	least, window := floor(want, rate)
	tick := time.NewTicker(window)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n := came.Swap(0); n < least {
			cancel(fmt.Errorf("%w: %d bytes of pieces in %v, want at least %d", origin.ErrSlow, n, window, least))
			return
		}
	}
}
