package rank

// Level is a rung of the ladder, the most personal first.
type Level uint8

// The levels: how the answer was found.
const (
	Personal Level = iota // for the visitor, by what he did
	Session               // by this session alone, or around an item that was asked about
	Segment               // it trends in the setting, where that is more than the country
	Regional              // it trends in the country
	Global                // it trends everywhere, or is popular
	Static                // nothing was found
)

func (l Level) String() string {
	switch l {
	case Personal:
		return "personal"
	case Session:
		return "session"
	case Segment:
		return "segment"
	case Regional:
		return "regional"
	case Global:
		return "global"
	}
	return "static"
}

// Source is where an item comes from.
type Source = string

// The sources.
const (
	SourcePersonal Source = "personal" // the visitor's vector, or most of a blend's score from the history
	SourceSession  Source = "session"  // most of a blend's score from what comes next in sessions
	SourceSimilar  Source = "similar"  // the table of neighbours
	SourceTogether Source = "together" // a table: what goes with another item
	SourceVector   Source = "vector"   // another item's vector
	SourceLive     Source = "live"     // trending now
	SourceTrend    Source = "trend"    // trending as of the release
	SourceExplore  Source = "explore"  // a new item, shown to learn of it
	SourcePopular  Source = "popular"  // the popular ones, or most of a blend's score from popularity of late
)
