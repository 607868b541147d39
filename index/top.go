package index

// top keeps the best k hits in a heap whose root is the worst of them.
type top struct {
	hits []Hit
	k    int
}

func (t *top) full() bool { return len(t.hits) == t.k }

// add puts h in; where the heap is full it takes the root's place, which the caller has seen to be worse.
func (t *top) add(h Hit) {
	if t.full() {
		t.hits[0] = h
		t.down(0, len(t.hits))
		return
	}
	t.hits = append(t.hits, h)
	for i := len(t.hits) - 1; i > 0; {
		parent := (i - 1) / 2
		if !t.hits[parent].Before(t.hits[i]) {
			return
		}
		t.hits[i], t.hits[parent] = t.hits[parent], t.hits[i]
		i = parent
	}
}

// down restores the heap over the first n hits after hits[i] became better.
func (t *top) down(i, n int) {
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && t.hits[child].Before(t.hits[child+1]) {
			child++
		}
		if !t.hits[i].Before(t.hits[child]) {
			return
		}
		t.hits[i], t.hits[child] = t.hits[child], t.hits[i]
		i = child
	}
}

// sort turns the heap into a list, best first.
func (t *top) sort() {
	for n := len(t.hits) - 1; n > 0; n-- {
		t.hits[0], t.hits[n] = t.hits[n], t.hits[0]
		t.down(0, n)
	}
}
