// Package snapshot writes and reads files of named, aligned, checksummed sections that are used in place: no parsing,
// no copy. FORMAT.md has the bytes.
//
// Two kinds of section differ in where their bytes live after Open. Hot ones are copied to one piece of memory, in large
// pages where the system has such, and File.Hot hands out parts of it: reading them can't fail, and holding one holds all.
// All others stay in the mapped file, which somebody may cut while it is mapped; touching a page that has gone kills a Go
// program, so they are read only by copying out, through ReadAt, which turns such a fault into ErrFault. (A cut inside a
// page reads as zeros up to the page's end, as the system has it: readers of mapped sections check what they read.)
//
// Files are little endian, as all machines edged runs on; on others Open and Write refuse.
package snapshot
