// Package data holds what train reads: events and items, their JSON, their files, and how foreign tables become them.
//
// # Ideas
//
// A data directory (Dir) is append-only. Events lie in segment files, one or more a day; items lie in segment files of
// patches. manifest.json names every segment with its size, count and hashes, and is replaced atomically: what the
// manifest does not name does not exist. FORMAT.md has the bytes.
//
// A mapping says which columns of a table become which fields. Import streams files through it, spills the rows to
// disk sorted by day, then drops a day at a time what the directory already holds, and makes everything visible in one
// rename. Memory grows neither with the file nor with the directory, only with the catalogue.
//
// # Invariants
//
//	D1  Rows == Events + Duplicates + Dropped in every report (Items in place of Events when items are imported).
//	D2  An event's id is unique within its day. An event without one gets the hash of its mapped row and k, where the
//	    row is the k-th of its like in the file. So genuine repeats stay, and a file read twice changes nothing.
//	D3  An import is visible whole or not at all, wherever it is killed.
//	D4  Of one item, the latest non-empty value of each field wins; merging patches that carry a time commutes,
//	    associates and is idempotent. Patches without a time win over what was there when they arrived.
//	D5  The digest depends on the events and items, not on paths, file names, clocks or the compressor.
//
// # Concurrency
//
// Any number of processes may read a Dir while one writes; the writer holds a lock. A Dir, a SegmentReader and a
// SegmentWriter belong to one goroutine at a time, except that Dir.Events and Dir.Items may run concurrently.
package data
