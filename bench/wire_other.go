//go:build !linux

package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// wire needs Linux's epoll.
type wire struct{}

var errNoWire = errors.New("needs Linux")

func openWire(string, int, [][]byte) (*wire, error) { return nil, errNoWire }
func (*wire) close()                                {}

func (*wire) saturate(context.Context, time.Duration) (float64, error) { return 0, errNoWire }

func (*wire) pace(context.Context, float64, time.Duration, time.Duration, *rand.Rand) (*paced, error) {
	return nil, errNoWire
}

func processTime(int) time.Duration { return 0 }
