package train

import (
	"context"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

// alikeItems is how many items are told that are like one.
const alikeItems = 50

// readsContent tells whether training asks which items are alike.
func (c *Config) readsContent() bool {
	return c.Auto || c.Table != nil && c.Table.Content > 0 || c.Session != nil && c.Session.Prior > 0
}

// describe tells the part which of its items are alike by what they say of themselves. items are those of its rows; where they
// say nothing that two of them share, nothing is known.
func (p *part) describe(ctx context.Context, items []edged.Item, threads int) error {
	counts, _ := itemFeatures(items)
	alike, err := learn.Alike(ctx, learn.TFIDF(counts), alikeItems, threads)
	if err != nil {
		return err
	}
	if len(alike.Item) > 0 {
		p.alike = alike
	}
	return nil
}
