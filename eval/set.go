package eval

import (
	"errors"
	"fmt"
	"slices"
)

// ErrSet says that a set cannot be measured on.
var ErrSet = errors.New("bad evaluation set")

// Case is one question: what would this user have chosen next?
type Case struct {
	User     int      // cases of one user are resampled together; any numbers from 0 on
	Relevant []uint32 // what they did choose: items, ascending, at least one
	Groups   []uint16 // indices into Set.Groups, at most one of each dimension
}

// Group is a kind of case worth a row of its own: Dimension "country", Name "FR".
type Group struct {
	Dimension string `json:"dimension"`
	Name      string `json:"name"`
}

// Set is what models are measured on. Items are 0…Items-1.
type Set struct {
	Items  int
	Cases  []Case
	Groups []Group

	Popularity []uint32 // by item: how many training users have it; nil: neither novelty nor popularity is measured
	Population int      // the training users counted there

	Vectors    []float32  // by item, Dim numbers each; nil: diversity by Categories
	Dim        int        // length of a vector
	Categories [][]uint32 // by item, ascending; nil too: diversity is not measured
}

// Users counts the distinct users of the cases.
func (s *Set) Users() int { return len(s.units()) }

// units gathers the cases of each user: the units of resampling, by ascending user.
func (s *Set) units() [][]int32 {
	order := make([]int32, len(s.Cases))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return s.Cases[a].User - s.Cases[b].User })
	var units [][]int32
	for lo, hi := 0, 0; lo < len(order); lo = hi {
		for hi = lo; hi < len(order) && s.Cases[order[hi]].User == s.Cases[order[lo]].User; hi++ {
		}
		units = append(units, order[lo:hi])
	}
	return units
}

// Validate reports the first fault: a set is made by a program, and its faults are the program's.
func (s *Set) Validate() error {
	if err := s.validateItems(); err != nil {
		return fmt.Errorf("%w: %w", ErrSet, err)
	}
	if len(s.Cases) == 0 {
		return fmt.Errorf("%w: no cases", ErrSet)
	}
	for i := range s.Cases {
		if err := s.validateCase(&s.Cases[i]); err != nil {
			return fmt.Errorf("%w: case %d: %w", ErrSet, i, err)
		}
	}
	return nil
}

func (s *Set) validateItems() error {
	switch {
	case s.Items < 1:
		return errors.New("no items")
	case s.Popularity != nil && (len(s.Popularity) != s.Items || s.Population < 1):
		return fmt.Errorf("popularity of %d items among %d users, want %d items and a user", len(s.Popularity), s.Population, s.Items)
	case s.Vectors != nil && (s.Dim < 1 || len(s.Vectors) != s.Items*s.Dim):
		return fmt.Errorf("%d numbers of vectors, want %d items × %d", len(s.Vectors), s.Items, s.Dim)
	case s.Categories != nil && len(s.Categories) != s.Items:
		return fmt.Errorf("categories of %d items, want %d", len(s.Categories), s.Items)
	}
	return nil
}

func (s *Set) validateCase(c *Case) error {
	switch {
	case c.User < 0:
		return fmt.Errorf("user %d", c.User)
	case len(c.Relevant) == 0:
		return errors.New("nothing relevant")
	case int(c.Relevant[len(c.Relevant)-1]) >= s.Items:
		return fmt.Errorf("item %d of %d", c.Relevant[len(c.Relevant)-1], s.Items)
	}
	for k := 1; k < len(c.Relevant); k++ {
		if c.Relevant[k-1] >= c.Relevant[k] {
			return fmt.Errorf("relevant items do not ascend at %d", c.Relevant[k])
		}
	}
	for _, g := range c.Groups {
		if int(g) >= len(s.Groups) {
			return fmt.Errorf("group %d of %d", g, len(s.Groups))
		}
	}
	return nil
}
