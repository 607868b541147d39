package data

import "time"

const dayMillis = 24 * 60 * 60 * 1000

// dayNumber counts days since 1970 in UTC.
func dayNumber(ms int64) int64 {
	n := ms / dayMillis
	if ms%dayMillis < 0 {
		n--
	}
	return n
}

// dayOf names the UTC day of a time as YYYY-MM-DD, which sorts as time does.
func dayOf(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }

func dayName(number int64) string { return dayOf(number * dayMillis) }
