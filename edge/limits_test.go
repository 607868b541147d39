package edge

import "testing"

func TestConnectionsFitTheRoom(t *testing.T) {
	for _, test := range []struct {
		room  room
		asked int
		want  int
	}{
		{room{}, 0, 8192},
		{room{}, 100_000, 100_000},
		{room{memory: 8 << 30}, 0, 8192},
		{room{memory: 512 << 20}, 0, 2730}, // of 48 KiB in 128 MiB
		{room{memory: 512 << 20}, 5000, 5000},
		{room{memory: 1 << 20}, 0, 64},
		{room{descriptors: 1024}, 0, 768},
		{room{descriptors: 1024}, 5000, 768},
		{room{descriptors: 300}, 0, 150},
		{room{descriptors: 1}, 0, 1},
		{room{descriptors: 1<<64 - 1}, 0, 8192},
		{room{memory: 512 << 20, descriptors: 1024}, 0, 768},
	} {
		if got := test.room.connections(test.asked); got != test.want {
			t.Errorf("%+v, asked for %d: %d, want %d", test.room, test.asked, got, test.want)
		}
	}
	if a, b := (room{}).bodies(), (room{memory: 256 << 20}).bodies(); a != 64<<20 || b != 32<<20 {
		t.Errorf("%d and %d bytes of bodies", a, b)
	}
	if here := roomHere(); here.descriptors == 0 && descriptors() != 0 || here.connections(0) < 1 {
		t.Errorf("%+v", here)
	}
}
