// Package train turns events and items into a release, and measures how good such a release is.
//
// Run reads data directories and writes model.snap, catalogue.snap and card.json. Evaluate splits the same events at
// one moment, trains on what came before and asks what came after, beside plain baselines; its last row is answered by
// the very code a node runs, from snapshot bytes.
//
// # The model
//
// Implicit ALS of package learn. Beside it a release holds item-item cosine neighbours, popularity, and decayed trends by country.
//
// # Who counts
//
// A visitor is a user or, where an event has no user, its session; an event with neither counts towards trends only. The
// evaluation knows users alone, by its protocol. A visitor and an item make one pair whose weight is the largest event
// weight seen between them: buying a thousand spoons is one opinion, whatever the quantity. Event types of weight 0 are ignored; a return takes nothing back.
//
// # Invariants
//
// T1. The same events and items, in any order, with the same Config give the same model.snap and catalogue.snap, whatever
// the number of threads: rows are ordered by id, sums run in a fixed order, and nothing of the clock enters the files
// (Created is the newest event's time). Timings are in card.json only. Machines with other vector instructions add in
// another order and may differ in last bits.
//
// T2. Memory is about 20 bytes an event and the distinct ids while loading, then about 24 bytes a pair and 4·d bytes a visitor
// and an item; Config.MaxEvents bounds the events.
//
// # Concurrency
//
// Run and Evaluate use Config.Threads goroutines and have none left when they return. They share nothing between calls,
// so several may run at once. Config, Summary and Report are plain values.
package train
