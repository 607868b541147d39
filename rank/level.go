package rank

// Level is a rung of the ladder, the most personal first.
type Level uint8

// The levels.
const (
	Personal Level = iota
	Session
	Segment
	Regional
	Global
	Static
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
