package calm

import (
	"runtime"
	"sync"
	"testing"
)

func priority(t *testing.T) int {
	t.Helper()
	p, err := threadPriority()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDo(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, processors := priority(t), runtime.GOMAXPROCS(0)
	Do(func() {
		if got := priority(t); got != min(19, own+niceness) {
			t.Errorf("the work's niceness is %d", got)
		}
		if got := runtime.GOMAXPROCS(0); got != processors+1 {
			t.Errorf("%d processors beside the work, before there were %d", got, processors)
		}
		started := make(chan int)
		go func() { started <- priority(t) }()
		if got := <-started; got != own {
			t.Errorf("goroutines that the work starts have niceness %d, others %d", got, own)
		}
	})
	if got := runtime.GOMAXPROCS(0); got != processors {
		t.Errorf("%d processors afterwards, before there were %d", got, processors)
	}
	// no thread of low priority is left for others
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if got := priority(t); got != own {
				t.Errorf("a thread has kept niceness %d", got)
			}
		})
	}
	all.Wait()
}

func TestManyAtOnce(t *testing.T) {
	processors := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			Do(func() {
				if got := runtime.GOMAXPROCS(0); got != processors+1 {
					t.Errorf("%d processors, want %d", got, processors+1)
				}
			})
		})
	}
	all.Wait()
	if got := runtime.GOMAXPROCS(0); got != processors {
		t.Errorf("%d processors afterwards, want %d", got, processors)
	}
}

func TestExplicitProcessorsStay(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	Do(func() {})
	if got := runtime.GOMAXPROCS(0); got != 3 {
		t.Errorf("%d processors, 3 were asked for", got)
	}
}
