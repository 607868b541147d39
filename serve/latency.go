package serve

import (
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"
)

// latencyBuckets have the upper bounds 10 µs, 20 µs, … 2.6 s; one more has the rest.
const (
	leastLatency   = 10 * time.Microsecond
	latencyBuckets = 19
)

// latency counts durations by buckets, without a lock.
type latency struct {
	buckets [latencyBuckets + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func (l *latency) add(d time.Duration) {
	d = max(d, 0)
	place := bits.Len64(uint64(max(d-1, 0) / leastLatency)) // bounds count as within
	l.buckets[min(place, latencyBuckets)].Add(1)
	l.sum.Add(int64(d))
}

// write writes the histogram in Prometheus' text format.
func (l *latency) write(w io.Writer, name, labels string) {
	total := uint64(0)
	for i := range l.buckets {
		total += l.buckets[i].Load()
		bound := "+Inf"
		if i < latencyBuckets {
			bound = strconv.FormatFloat((leastLatency << i).Seconds(), 'g', -1, 64)
		}
		fmt.Fprintf(w, "%s_bucket{%s,le=%q} %d\n", name, labels, bound, total)
	}
	fmt.Fprintf(w, "%s_sum{%s} %g\n%s_count{%s} %d\n", name, labels, time.Duration(l.sum.Load()).Seconds(), name, labels, total)
}
