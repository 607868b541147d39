// Package train turns events and items into a release, and measures how good such a release is.
//
// Run reads data directories and writes model.snap, catalogue.snap and card.json. Evaluate divides the same events by a
// protocol, trains on one part and asks about the other, beside plain baselines; its last row is answered by the very code a
// node runs, from snapshot bytes.
//
// # The models
//
// A local ridge table or one of neighbours, implicit ALS and a near-pair session table of package learn, blended by package rank for each goal
// (new items, any items, the next of a session) and stage of evidence. Beside them a release holds item-item cosine neighbours,
// popularity, and decayed trends by country.
//
// # The choice
//
// With Config.Auto a selection makes trials on the last part of what there is to learn from. A fold divides events into a part
// that trains and exams on the rest; a lab holds what trials on a fold share; a sheet holds the score of every part of a blend
// for the candidates of many questions, so that weights can be tried at the price of additions. Candidates go through rounds of
// successive halving; every setting is a ladder, of which they try a window and, where the best lies at its edge, what follows. Of more than a million events trials look at a sample of the users.
//
// # Who counts
//
// A visitor is a user or, where an event has no user, its session; an event with neither counts towards trends only. The
// evaluation knows users alone, by its protocol. A visitor and an item make one pair whose weight is the largest event
// weight seen between them: buying a thousand spoons is one opinion, whatever the quantity. Event types of weight 0 are ignored; a return takes nothing back.
//
// # Invariants
//
// T1. The same events and items, in any order but that of the events of one moment, with the same Config give the same model.snap and catalogue.snap, whatever
// the number of threads: rows are ordered by id, sums run in a fixed order, and nothing of the clock enters the files
// (Created is the newest event's time). Timings are in card.json only. Machines with other vector instructions add in
// another order and may differ in last bits.
//
// T2. Memory is about 23 bytes an event and the distinct ids while loading, then about 24 bytes a pair and 4·d bytes a visitor
// and an item (docs/sizing.md); Config.MaxEvents bounds the events.
//
// T3. A choice looks at the training part alone, and counts trials, not time: the same input chooses the same configuration
// unless Config.TimeLimit cut it off, and the card's configuration gives the same bytes without any trial.
//
// # Concurrency
//
// Run and Evaluate use Config.Threads goroutines and have none left when they return. They share nothing between calls,
// so several may run at once. Config, Summary and Report are plain values.
package train
