package model

import "testing"

// TestEmptyRowOfATableInItsFile: an item without entries behind others has an empty row, also where the table is too large for memory.
func TestEmptyRowOfATableInItsFile(t *testing.T) {
	table := &Table{offs: []uint32{0, 2, 2}, scales: []float32{1, 0}, name: tableSections} // rows are in the file
	if r, err := table.Row(1, new(TableBuffer)); err != nil || len(r.Rows) != 0 || len(r.Codes) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
