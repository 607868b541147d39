// Package calm does long work beside requests so that they do not wait for it.
//
// A goroutine that computes for long, or that sits in a system call, keeps its processor of the Go scheduler for up to 10 ms, twice
// that where the monitor sleeps; on a node of one core every request waits so long. Work in Do has a processor and a thread of
// its own, and the kernel lets the threads of requests go first.
package calm

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// Panic is what Do panics with where f did.
type Panic struct {
	Value any
	Stack []byte // of f
}

func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }

// Do runs f, which may start goroutines of its own, and returns when f does. Any number may run at once. Where f panics, Do does, in the
// goroutine of its caller, who may recover.
func Do(f func()) {
	extra.take()
	defer extra.give()
	done := make(chan struct{})
	var fault *Panic
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				fault = &Panic{v, debug.Stack()}
			}
		}()
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its low priority with it
		stepBack()
		f()
	}()
	<-done
	if fault != nil {
		panic(fault)
	}
}

var (
	extra   processor
	atStart = runtime.GOMAXPROCS(0)
)

// processor is one more processor of the Go scheduler, as long as somebody uses it.
type processor struct {
	mu     sync.Mutex
	users  int
	before int
}

func (p *processor) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users++; p.users == 1 {
		p.before = runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(p.before + 1)
	}
}

func (p *processor) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users > 0 {
		return
	}
	if os.Getenv("GOMAXPROCS") == "" && p.before == atStart {
		runtime.SetDefaultGOMAXPROCS() // it follows the limits of a container again
		return
	}
	runtime.GOMAXPROCS(p.before)
}
