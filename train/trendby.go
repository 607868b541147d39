package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edged/edged"
)

// trendParts are what lists of what is popular may go by beside the country, as TrendBy names them.
var trendParts = []struct {
	name string
	by   int
}{{edged.Device, edged.ByDevice}, {edged.Referrer, edged.ByReferrer}, {edged.LocalHour, edged.ByDaypart}}

// trendBy is TrendBy as parts of a setting.
func (c *Config) trendBy() (by int) {
	for _, part := range trendParts {
		if slices.Contains(c.TrendBy, part.name) {
			by |= part.by
		}
	}
	return by
}

// partsOf names parts.
func partsOf(by int) (names []string) {
	for _, part := range trendParts {
		if by&part.by != 0 {
			names = append(names, part.name)
		}
	}
	return names
}

// checkTrendBy refuses what nothing goes by, and what is said twice.
func (c *Config) checkTrendBy() error {
	if got := partsOf(c.trendBy()); len(got) != len(c.TrendBy) {
		return fmt.Errorf("trendBy: %s, want some of %s, each once", strings.Join(c.TrendBy, ", "), strings.Join(partsOf(^0), ", "))
	}
	return nil
}
