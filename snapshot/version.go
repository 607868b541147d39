package snapshot

// Major and Minor are the version of the format this package writes, and their history:
//
//	1.0  the first (edged 0.1.0)
//
// Every file of the same major version is read; see FORMAT.md for what a newer minor version may change.
const (
	Major = 1
	Minor = 0
)
