package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edged/edged/bench"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
)

// TestSwapBesideLoad measures what a request costs a node at half of its peak, processor time and p99, while it fetches a release, from another node and
// the origin, gives the other its pieces, and swaps; beside the same without. EDGED_PAIRS says how many interleaved pairs, EDGED_EVERY how long either
// half of one lasts, 2.5 s where it says nothing: it is the time between two releases.
func TestSwapBesideLoad(t *testing.T) {
	pairs, err := strconv.Atoi(os.Getenv("EDGED_PAIRS"))
	if err != nil || pairs < 2 {
		t.Skip("takes a minute; set EDGED_PAIRS, 9 or more")
	}
	every, err := time.ParseDuration(cmp.Or(os.Getenv("EDGED_EVERY"), "2.5s"))
	if err != nil {
		t.Fatal(err)
	}
	v := newVictim(t)
	o := origin.NewDir(vfs.OS, v.path("origin"))
	rollouts := make([][]byte, pairs+2)
	for i := range rollouts {
		if _, err := publish.Run(t.Context(), publish.Config{Release: v.dirs[i%4], Origin: o, Keys: v.path("keys"), Force: true}); err != nil {
			t.Fatal(err)
		}
		if rollouts[i], err = os.ReadFile(v.path("origin/rollout.json")); err != nil {
			t.Fatal(err)
		}
	}
	offer := func(i int) {
		if err := vfs.WriteFile(vfs.OS, v.path("origin/rollout.json"), rollouts[i]); err != nil {
			t.Fatal(err)
		}
	}
	offer(0)
	t.Setenv("GOMAXPROCS", "1")
	nodes := v.shop.start(2)
	for _, n := range nodes {
		n.await("ready", 20*time.Second, n.serves(1))
	}
	letGo(t, nodes[1].cmd.Process.Pid) // it stands for another machine, and there are no more than two cores here
	load := bench.LoadConfig{URL: "http://" + nodes[0].listen, Connections: 16, NoYardstick: true, Warmup: -1, Mix: bench.Mix{RecommendGet: .6, RecommendPost: .4}}
	for i := range 200 {
		load.Items = append(load.Items, itemID(i))
	}
	load.Duration, load.Rate, load.Peak, load.Pairs, load.PairDuration = 500*time.Millisecond, 100, true, 1, time.Second
	report, err := bench.RunLoad(t.Context(), load)
	if err != nil || report.Peak == nil {
		t.Fatal(err)
	}
	load.Peak, load.Duration, load.Rate = false, every, report.Peak.Target.Median/2
	var cpu, p99 []float64
	for i := range pairs {
		var at [2]bench.LoadReport
		var used [2]float64
		for k := range 2 {
			swaps := (k+i)%2 == 1
			side := 0
			if swaps {
				side = 1
				time.AfterFunc(500*time.Millisecond, func() { offer(i + 1) })
			}
			before := processorTime(t, nodes[0].cmd.Process.Pid)
			if at[side], err = bench.RunLoad(t.Context(), load); err != nil || at[side].Errors > 0 {
				t.Fatalf("%v, %d errors %v", err, at[side].Errors, at[side].ErrorsByClass)
			}
			used[side] = (processorTime(t, nodes[0].cmd.Process.Pid) - before) / float64(at[side].Requests) * 1e6
			if swaps {
				nodes[0].await("the swap", 5*time.Second, nodes[0].serves(i+2))
				nodes[1].await("the other's", 5*time.Second, nodes[1].serves(i+2))
			}
		}
		t.Logf("%.0f/s: %.1f µs and p99 %.0f µs without, %.1f and %.0f with", load.Rate, used[0], at[0].P99Us, used[1], at[1].P99Us)
		cpu, p99 = append(cpu, used[1]/used[0]), append(p99, at[1].P99Us/at[0].P99Us)
	}
	t.Logf("with ÷ without, median and second of either end (96 %% of 9 pairs): processor time a request %s, p99 %s", spreadOf(cpu), spreadOf(p99))
	for _, n := range nodes {
		n.stop()
	}
}

// letGo lets the threads of a process have what time the others leave.
func letGo(t *testing.T, pid int) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err == nil {
			err = unix.SchedSetAttr(id, &unix.SchedAttr{Policy: unix.SCHED_IDLE}, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func spreadOf(list []float64) string {
	slices.Sort(list)
	return fmt.Sprintf("%.3f [%.3f, %.3f]", list[len(list)/2], list[1], list[len(list)-2])
}

// processorTime is what a process took so far, in seconds, by its clock of ticks of 10 ms.
func processorTime(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var sum float64
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += ticks / 100
	}
	return sum
}
