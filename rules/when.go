package rules

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (d *decoder) readWhen(n *yaml.Node, at string, w *whenText) {
	w.zone = time.UTC
	var from, until *yaml.Node
	d.object(n, at, fields{
		"slot":    func(n *yaml.Node, at string) { w.slots = d.texts(n, at) },
		"country": func(n *yaml.Node, at string) { w.countries = d.texts(n, at) },
		"device":  func(n *yaml.Node, at string) { w.devices = d.texts(n, at) },
		"segment": func(n *yaml.Node, at string) { w.segments = d.texts(n, at) },
		"from":    func(n *yaml.Node, _ string) { from = n },
		"until":   func(n *yaml.Node, _ string) { until = n },
		"days":    func(n *yaml.Node, at string) { w.days, w.someDays = d.days(n, at), true },
		"hours":   func(n *yaml.Node, at string) { w.hours, w.someHours = d.hours(n, at), true },
		"zone":    func(n *yaml.Node, at string) { w.zone = d.zone(n, at) },
		"if":      func(n *yaml.Node, at string) { w.condition = d.expression(n, at, requestNames) },
	})
	w.from = d.moment(from, join(at, "from"), w.zone) // the zone may come after them
	w.until = d.moment(until, join(at, "until"), w.zone)
	if from != nil && until != nil && w.from != 0 && w.until != 0 && w.from >= w.until {
		d.fault(until, "%s: not after from", join(at, "until"))
	}
}

// zone reads the name of a time zone. Those of the running system count.
func (d *decoder) zone(n *yaml.Node, at string) *time.Location {
	name := d.text(n, at, MaxName)
	if name == "" || len(name) > MaxName {
		return time.UTC
	}
	if z, ok := d.zones[name]; ok {
		return z
	}
	z, err := time.LoadLocation(name)
	switch {
	case err != nil || name == "Local":
		d.fault(n, "%s: unknown zone %q; want one such as Europe/London", at, clip(name))
		return time.UTC
	case len(d.zones) == MaxZones:
		d.fault(n, "%s: more than %d different zones", at, MaxZones)
	}
	d.zones[name] = z
	return z
}

// layouts of a moment, the first with a zone of its own.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// moment reads a date, or date and time, in the zone unless it says another.
func (d *decoder) moment(n *yaml.Node, at string, zone *time.Location) int64 {
	if n == nil {
		return 0
	}
	text := d.text(n, at, MaxName)
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil && t.UnixMilli() > 0 {
			return t.UnixMilli()
		}
	}
	d.fault(n, "%s: want a date or time such as 2026-12-24 or 2026-12-24T18:00, got %s", at, kindOf(n))
	return 0
}

func (d *decoder) days(n *yaml.Node, at string) (days [7]bool) {
	for _, name := range d.texts(n, at) {
		found := false
		for i, known := range dayNames {
			if strings.EqualFold(name, known) {
				days[i], found = true, true
			}
		}
		if !found {
			d.fault(n, "%s: unknown day %q; known: %s", at, clip(name), strings.Join(dayNames[:], ", "))
		}
	}
	return days
}

// hours reads "18:00-23:30" as minutes of the day; 24:00 is the day's end.
func (d *decoder) hours(n *yaml.Node, at string) (hours [2]int) {
	from, to, ok := strings.Cut(d.text(n, at, MaxName), "-")
	var err error
	for i, t := range []string{from, to} {
		var more error
		hours[i], more = minuteOf(strings.TrimSpace(t))
		if more != nil {
			err = more
		}
	}
	if !ok || err != nil || hours[0] == hours[1] || hours[0] == dayMinutes {
		d.fault(n, "%s: want two times such as 18:00-23:30, got %s", at, kindOf(n))
		return [2]int{0, dayMinutes}
	}
	return hours
}

const (
	dayMinutes  = 24 * 60
	weekMinutes = 7 * dayMinutes
)

func minuteOf(s string) (int, error) {
	if s == "24:00" {
		return dayMinutes, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("no time: %q", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// span is a part of the week in minutes from Sunday's midnight, its end left out; the end may lie in the next week.
type span struct{ from, to int16 }

// weekly returns the parts of the week of days and hours. A window over midnight belongs to the day it begins on.
func (w *whenText) weekly() []span {
	if !w.someDays && !w.someHours {
		return nil
	}
	from, to := 0, dayMinutes
	if w.someHours {
		from, to = w.hours[0], w.hours[1]
		if to < from {
			to += dayMinutes
		}
	}
	spans := []span{} // not nil: no day at all never holds
	for day := range w.days {
		if w.days[day] || !w.someDays {
			spans = append(spans, span{int16(day*dayMinutes + from), int16(day*dayMinutes + to)})
		}
	}
	return spans
}

// holds reports whether a minute of the week lies in one of the spans.
func holds(spans []span, minute int16) bool {
	for _, s := range spans {
		if minute >= s.from && minute < s.to || minute+weekMinutes < s.to {
			return true
		}
	}
	return false
}

// minuteOfWeek is the minute of the week of a moment in a zone.
func minuteOfWeek(ms int64, zone *time.Location) int16 {
	t := time.UnixMilli(ms).In(zone)
	return int16(int(t.Weekday())*dayMinutes + t.Hour()*60 + t.Minute())
}
