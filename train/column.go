package train

// column grows without moving what it has: memory for a hundred million numbers is not there twice.
type column[T any] struct {
	blocks [][]T
	n      int
}

const columnBlock = 1 << 18

func (c *column[T]) add(x T) {
	if c.n%columnBlock == 0 {
		c.blocks = append(c.blocks, make([]T, 0, columnBlock))
	}
	last := &c.blocks[len(c.blocks)-1]
	*last = append(*last, x)
	c.n++
}

// flat is all of it in one piece; the column is empty afterwards.
func (c *column[T]) flat() []T {
	all := make([]T, 0, c.n)
	for i, b := range c.blocks {
		all = append(all, b...)
		c.blocks[i] = nil
	}
	*c = column[T]{}
	return all
}
