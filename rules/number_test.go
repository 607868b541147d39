package rules

import "testing"

// YAML and Go know more ways to write a number than people who read rules.
func TestNumbersAreDecimal(t *testing.T) {
	for text, fine := range map[string]bool{"0.5": true, "5e-1": true, "1": true, "0_1e-1": false, "0x1p-1": false, "0X1p-1": false, ".inf": false} {
		if faults := Check([]byte("rules: [{name: a, diversity: " + text + "}]")); Failed(faults) == fine {
			t.Errorf("%s: %v", text, faults)
		}
	}
}
