package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/edged/edged/client"
)

// TestClientAndNode: every call of the client is understood by a node as it runs, and its answer by the client.
func TestClientAndNode(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	shop := newShop(t)
	shop.release(1)
	n := shop.start(1)[0]
	n.await("ready", 20*time.Second, n.serves(1))
	c, err := client.New(client.Config{URL: "http://" + n.listen})
	if err != nil {
		t.Fatal(err)
	}
	ctx, item := context.Background(), itemID(3)
	lists := map[string]func() (*client.Answer, error){
		"recommend": func() (*client.Answer, error) {
			return c.Recommend(ctx, client.Request{N: 4, Recent: client.Items(item), Fields: []string{"title"}})
		},
		"all wishes": func() (*client.Answer, error) {
			return c.Recommend(ctx, client.Request{N: 4, Recent: client.Items(item), Fields: []string{"title"}, Filter: `brand != "nobody"`, Boost: []client.Boost{{Where: "price > 0", By: 1.5}},
				Diversity: client.Share(0.2), Explore: client.Share(0), MinRelevance: 1e-6, Cap: &client.Cap{Category: 100, Brand: 100}, Timeout: time.Second})
		},
		"together": func() (*client.Answer, error) {
			return c.Together(ctx, item, client.List{N: 4, Fields: []string{"title"}})
		},
		"similar": func() (*client.Answer, error) {
			return c.Similar(ctx, item, client.List{N: 4, Fields: []string{"title"}})
		},
		"popular": func() (*client.Answer, error) { return c.Popular(ctx, client.List{N: 4, Fields: []string{"title"}}) },
		"trending": func() (*client.Answer, error) {
			return c.Trending(ctx, client.List{N: 4, Fields: []string{"title"}, Country: "DE"})
		},
	}
	for name, ask := range lists {
		a, err := ask()
		if err != nil || len(a.Items) != 4 || a.Items[0].Fields.Title != "version 1" || a.Release == "" {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if a, err := c.Popular(ctx, client.List{Category: "nowhere"}); err != nil || len(a.Items) != 0 {
		t.Errorf("popular in a category that is not there: %+v, %v", a, err)
	}
	page, err := c.Page(ctx, client.Page{Slots: []client.Slot{{Slot: "a", N: 3}, {Slot: "b", N: 3}}, Recent: client.Items(item), Filter: "price > 0", Timeout: time.Second})
	if err != nil || len(page) != 2 || len(page[0].Items) != 3 || len(page[1].Items) != 3 {
		t.Errorf("page: %+v, %v", page, err)
	}
	if it, err := c.Item(ctx, item); err != nil || it.ID != item {
		t.Errorf("item: %+v, %v", it, err)
	}
	var problem *client.Problem
	if _, err := c.Item(ctx, "nowhere"); !errors.As(err, &problem) || problem.Status != 404 {
		t.Errorf("an item that is not there: %v", err)
	}
	if r, err := c.Send(ctx, client.Event{Type: client.View, Item: item, Session: "s"}); err != nil || r.Accepted != 1 {
		t.Errorf("send: %+v, %v", r, err)
	}
	n.stop()
}
