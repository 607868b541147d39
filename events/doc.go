// Package events is the durable event log of a node.
//
// # Ideas
//
// What Append has acknowledged is on the disk: it returns after an fsync. One fsync serves all who wait at that moment
// (group commit), so that throughput does not depend on the disk's latency. The files are segments as package data
// has them, one block a commit or more, so a log is imported by naming its directory; nothing is converted.
//
// # Invariants
//
//	E1  Every acknowledged event is in the log after any crash.
//	E2  Events keep the id they came with, or get a random one; an import drops what it has by id. So an event that was
//	    sent twice, or imported twice, counts once.
//	E3  After a failed write or fsync its segment is never written again: what a disk holds after a failed fsync is
//	    anyone's guess. A commit a second later starts a new segment; those before it fail at once. A segment that holds
//	    nothing acknowledged is removed.
//
// A log also knows a window of recent ids, and does not write those again. It is rebuilt when the log is opened.
//
// # Concurrency
//
// A Log is safe for concurrent use. Open starts one goroutine, the only one that writes; Close ends it.
package events
