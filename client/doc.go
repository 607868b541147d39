// Package client asks an edged node for recommendations and tells it what visitors did.
//
//	c, err := client.New(client.Config{URL: "https://edge.example", Key: os.Getenv("EDGED_KEY")})
//	answer, err := c.Recommend(ctx, client.Request{User: "u-17", N: 10, Fields: []string{"title"}})
//	result, err := c.Send(ctx, client.Event{User: "u-17", Item: "85123A", Type: client.View, Recommendation: answer.ID})
//
// A page's visitor, whose profile is in a token, is a Visitor: the token goes along with each call for him, and the new one is taken from answers.
//
//	visitor := client.NewVisitor(client.VisitorConfig{Token: fromHisCookie}) // empty: his first visit
//	mine := c.For(visitor)
//	result, err := mine.Send(ctx, client.Event{Item: "85123A", Type: client.View})
//	answer, err := mine.Recommend(ctx, client.Request{N: 10, Filter: "price < 20", Diversity: client.Share(0.3)})
//	keep(visitor.Token())
//
// A call is tried again, a few times and after growing pauses, where that can do no harm: when the node says 429 or 503, or the connection
// fails. Retry-After is kept to. Events are given an id each before they are first sent, so that sending them twice stores them once. The context
// bounds a call with all its tries; an error that is the node's word is a *Problem.
//
// A Client may be used by any number of goroutines.
package client
