package train

import (
	"errors"
	"fmt"
	"time"
)

// ErrSplit says that a division of the events leaves one side empty.
var ErrSplit = errors.New("split time outside the data")

// Counts are the sizes of a split, by which two implementations of the protocol can be told to agree.
type Counts struct {
	TrainRows  int `json:"trainRows"`  // events that train and count
	Rows       int `json:"rows"`       // the same, with those of the test
	TrainUsers int `json:"trainUsers"` // distinct users that train
	Items      int `json:"items"`      // distinct items that train: all of them are ranked
	Pairs      int `json:"pairs"`      // distinct (user, item) that train
	TestUsers  int `json:"testUsers"`  // users of the main question
	TestPairs  int `json:"testPairs"`  // what there is to be found in it
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// ParseSplit reads a split time: RFC 3339 with its own zone, or a date (2010-09-01) or a date and time
// (2010-09-01T12:00:00) in the given zone, nil being UTC.
func ParseSplit(s string, zone *time.Location) (time.Time, error) {
	if zone == nil {
		zone = time.UTC
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("split time %q: want 2010-09-01, 2010-09-01T12:00:00 or RFC 3339", s)
}
