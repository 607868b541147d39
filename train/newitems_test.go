package train

import (
	"fmt"
	"testing"

	"github.com/edged/edged"
)

// TestNewItemsHaveVectors: an item that nobody had lies with those whose words it shares.
func TestNewItemsHaveVectors(t *testing.T) {
	s := newShop(6)
	for i := range s.items {
		s.items[i].Title = fmt.Sprintf("%s thing %d", []string{"red", "blue"}[i/40%2], i)
	}
	s.items[85].Title = "blue something" // 80 to 89 nobody had
	disk, _ := trainShop(t, s, Config{})
	m := openRelease(t, disk)
	towards := func(item, from, to edged.Row) (sum float64) {
		v := m.AppendVector(nil, item)
		for row := from; row < to; row++ {
			for k, x := range m.AppendVector(nil, row) {
				sum += v[k] * x
			}
		}
		return sum
	}
	for item, wantRed := range map[edged.Row]bool{80: true, 85: false} {
		red, blue := towards(item, 0, 40), towards(item, 40, 80)
		if red == blue || red > blue != wantRed {
			t.Errorf("item %d: %g towards red, %g towards blue", item, red, blue)
		}
	}
}
