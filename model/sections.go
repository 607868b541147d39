package model

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/edged/edged/snapshot"
)

// Names of the sections; FORMAT.md says what is in them.
const (
	secMeta       = "meta"
	secIDOffs     = "ids.offs"
	secIDText     = "ids.text"
	secIDHash     = "ids.hash"
	secCodes      = "vec.codes"
	secScales     = "vec.scales"
	secOrder      = "vec.order"
	secPlace      = "vec.place"
	secGram       = "vec.gram"
	secLow        = "vec.low"
	secFrame      = "cell.frame"
	secStarts     = "cell.starts"
	secRadius     = "cell.radius"
	secCentroids  = "cell.codes"
	secCentroidSc = "cell.scales"
	secBits       = "bit.codes"
	secBitF       = "bit.f"
	secBitH       = "bit.h"
	secQueries    = "checks.queries"
	secPopularity = "pop.score"
	secPopular    = "pop.order"
	secTrendLists = "trend.lists"
	secTrendHits  = "trend.hits"

	secSettingLists = "setting.lists"
	secSettingHits  = "setting.hits"

	secNeighbours = "neighbours"
	secChecks     = "checks"
	secPopularZ   = "pop.z"
	secRepeatQ    = "repeat.q"
	secMean       = "vec.mean"
	secAvailable  = "available"
	secExpires    = "expires"
	secFolded     = "overlay"

	secTermText    = "term.text"
	secTermOffs    = "term.offs"
	secTermPosts   = "term.posts"
	secPostRows    = "post.rows"
	secPostBits    = "post.bits"
	secPostRoaring = "post.roaring"
	secNumValues   = "num.values"
	secNumStarts   = "num.starts"
	secNumRows     = "num.rows"
)

// filterSections are those of a catalogue that filters read.
var filterSections = []string{
	secTermText, secTermOffs, secTermPosts, secPostRows, secPostBits, secPostRoaring, secNumValues, secNumStarts, secNumRows,
}

var modelSections = append([]string{
	secMeta, secIDOffs, secIDText, secIDHash, secCodes, secScales, secOrder, secPlace, secGram,
	secLow, secFrame, secStarts, secRadius, secCentroids, secCentroidSc, secBits, secBitF, secBitH, secQueries,
	secPopularity, secPopular, secTrendLists, secTrendHits, secNeighbours, secChecks, secPopularZ, secRepeatQ, secMean,
}, slices.Concat(tableSections.all(), sessionSections.all(), contentSections())...)

// ModelSections returns the sections this program knows in a model, for snapshot.Open.
func ModelSections() []string { return slices.Clone(modelSections) }

// CatalogueSections returns the sections this program knows in a catalogue, for snapshot.Open.
func CatalogueSections() []string {
	names := append([]string{secMeta, secAvailable, secExpires, secFolded}, filterSections...)
	for _, f := range fields {
		c := columnOf(f.name)
		names = append(names, c.offs, c.values)
	}
	return names
}

// sections takes hot sections off a snapshot. The first that is missing or of another size than it must have is
// remembered in err, and from then on everything is empty.
type sections struct {
	file *snapshot.File
	err  error
}

func (s *sections) bytes(name string, limit int) []byte {
	if s.err != nil {
		return nil
	}
	b, ok := s.file.Hot(name)
	switch {
	case !ok:
		s.err = fmt.Errorf("section %s: missing, or not hot", name)
	case len(b) > limit:
		s.err = fmt.Errorf("section %s: %d bytes, at most %d", name, len(b), limit)
	default:
		return b
	}
	return nil
}

func (s *sections) exact(name string, size int) []byte {
	b := s.bytes(name, size)
	if s.err == nil && len(b) != size {
		s.err = fmt.Errorf("section %s: %d bytes, want %d", name, len(b), size)
	}
	if s.err != nil {
		return nil
	}
	return b
}

// str copies a whole section into a string.
func (s *sections) str(name string) string {
	n, ok := s.file.Len(name)
	if s.err == nil && (!ok || uint64(n) > maxText) {
		s.err = fmt.Errorf("section %s: missing, or longer than %d", name, uint64(maxText))
	}
	if s.err != nil {
		return ""
	}
	b, err := s.file.ReadAt(make([]byte, 0, n), name, 0, n)
	if err != nil {
		s.err = err
		return ""
	}
	return unsafe.String(unsafe.SliceData(b), len(b)) // nobody else holds b
}
