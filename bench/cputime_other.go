//go:build !linux

package bench

import "time"

var processStart = time.Now()

// threadTime returns wall time: where the processor time of a thread cannot be had.
func threadTime() time.Duration { return time.Since(processStart) }
