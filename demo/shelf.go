package demo

import (
	"cmp"
	"slices"
	"strings"

	"github.com/edged/edged"
)

// shelf is the catalogue as the storefront shows it: the most popular first, searched by words. It is immutable.
type shelf struct {
	products   []product
	byID       map[string]int
	categories []string
}

// product is what the page knows of an item.
type product struct {
	ID          string  `json:"id"`
	Title       string  `json:"title,omitempty"`
	Description string  `json:"description,omitempty"`
	Category    string  `json:"category,omitempty"`
	Brand       string  `json:"brand,omitempty"`
	Price       float64 `json:"price,omitempty"`
	Currency    string  `json:"currency,omitempty"`
	Image       string  `json:"image,omitempty"`
	words       string  // what search looks into, lower case
}

const maxCategories = 12

// newShelf orders items by how many people came for them, then by id.
func newShelf(items []edged.Item, popularity map[string]int) *shelf {
	s := &shelf{byID: make(map[string]int, len(items))}
	count := map[string]int{}
	for i := range items {
		p := newProduct(&items[i])
		s.products = append(s.products, p)
		if top := topLevel(p.Category); top != "" {
			count[top]++
		}
	}
	slices.SortFunc(s.products, func(a, b product) int {
		return cmp.Or(cmp.Compare(popularity[b.ID], popularity[a.ID]), cmp.Compare(a.ID, b.ID))
	})
	for i := range s.products {
		s.byID[s.products[i].ID] = i
	}
	for name := range count {
		s.categories = append(s.categories, name)
	}
	slices.SortFunc(s.categories, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	s.categories = s.categories[:min(len(s.categories), maxCategories)]
	return s
}

func newProduct(it *edged.Item) product {
	p := product{ID: it.ID, Title: it.Title, Description: it.Description, Brand: it.Brand, Price: it.Price, Currency: it.Currency, Image: it.Image}
	if len(it.Categories) > 0 {
		p.Category = it.Categories[0]
	}
	p.words = strings.ToLower(strings.Join([]string{p.Title, p.ID, p.Brand, p.Category}, " "))
	return p
}

func topLevel(path string) string {
	top, _, _ := strings.Cut(path, "/")
	return top
}

// find returns one page of the products in the category that have every word, and how many there are in all.
func (s *shelf) find(words, category string, offset, n int) (page []product, total int) {
	want := strings.Fields(strings.ToLower(words))
	for i := range s.products {
		p := &s.products[i]
		if category != "" && topLevel(p.Category) != category || !hasAll(p.words, want) {
			continue
		}
		if total++; total > offset && len(page) < n {
			page = append(page, *p)
		}
	}
	return page, total
}

func hasAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func (s *shelf) get(id string) (*product, bool) {
	i, ok := s.byID[id]
	if !ok {
		return nil, false
	}
	return &s.products[i], true
}

// title is what to call an item in print.
func (s *shelf) title(id string) string {
	if p, ok := s.get(id); ok && p.Title != "" {
		return p.Title
	}
	return id
}
