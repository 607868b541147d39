package serve

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestAppendString(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, s string) {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			t.Fatalf("encoding/json on %q: %v", s, err)
		}
		if got := string(appendString(nil, s)) + "\n"; got != want.String() {
			t.Fatalf("appendString(%q) = %s, encoding/json says %s", s, got, want.String())
		}
		if a, b := appendString(nil, s), appendString(nil, []byte(s)); !bytes.Equal(a, b) {
			t.Fatalf("string %s, bytes %s", a, b)
		}
	}
	for c := range 256 {
		check(t, string([]byte{byte(c)}))
		check(t, "a"+string([]byte{byte(c)})+"é\u2028\u2029\U0001f600z")
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.String().Draw(t, "s")) })
	rapid.Check(t, func(t *rapid.T) { check(t, string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))) })
}

func TestAppendFloat(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, f float32) {
		want, err := json.Marshal(f)
		if err != nil {
			want = []byte("null")
		}
		if got := appendFloat(nil, f); !bytes.Equal(got, want) {
			t.Fatalf("appendFloat(%g) = %s, encoding/json says %s", f, got, want)
		}
	}
	for _, f := range []float32{0, float32(math.Copysign(0, -1)), 1, -1, .1, 1e-6, 9.99e-7, 1e-7, 1e-10, 1e20, 1e21, 1e22, 3.4e38, 1e-45,
		float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		check(t, f)
		check(t, -f)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, math.Float32frombits(rapid.Uint32().Draw(t, "bits"))) })
}
