package main

import (
	"strings"
	"testing"
)

// TestAVariantTheCPUDoesNotRunIsRefused: nobody is to measure plain Go by a slip of the pen.
func TestAVariantTheCPUDoesNotRunIsRefused(t *testing.T) {
	vars := map[string]string{"EDGED_SIMD": "abacus"}
	if code, _, stderr := invoke(t, vars, "inspect", t.TempDir()); code != exitUsage || !strings.Contains(stderr, `EDGED_SIMD is "abacus"`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	code, stdout, stderr := invoke(t, vars, "version")
	if code != exitDone || !strings.Contains(stdout, `EDGED_SIMD is "abacus", but this CPU runs generic`) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// TestBenchSearchTakesZerosAtTheirWord: a zero is no way of saying the default.
func TestBenchSearchTakesZerosAtTheirWord(t *testing.T) {
	for _, flag := range []string{"k", "recall", "most", "passes", "seed"} {
		code, _, stderr := invoke(t, nil, "bench", "search", "--items", "i.npy", "--queries", "q.npy", "--"+flag, "0")
		if code != exitUsage || !strings.Contains(stderr, "--"+flag+": 0") {
			t.Errorf("--%s 0: exit %d: %s", flag, code, stderr)
		}
	}
}
