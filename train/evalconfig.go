package train

import (
	"cmp"
	"errors"
	"time"

	"github.com/edged/edged"
)

// Protocols.
const (
	Temporal  = "temporal"   // trains on what came before a moment and asks what came after
	LeaveLast = "leave-last" // keeps back the end of every history
	Session   = "session"    // trains on the sessions before a moment and asks for the next item of later ones
	Files     = "files"      // takes two files of pairs
)

// EvalConfig says what to measure.
type EvalConfig struct {
	Protocol  string            // default Temporal, or Files where those are given
	SplitTime time.Time         // of Temporal and Session: events at this very moment are test events
	Folds     int               // of Temporal: tests that follow one another up to the newest event, each trained for anew; default 1
	Share     float64           // of LeaveLast: how much of a history is kept back; 0: its last item
	Train     *PairFile         // of Files
	Test      *PairFile         // of Files
	Repeats   bool              // of Temporal: the main question is about any item, repeats among them; else about new items
	K         int               // length of the lists, 1 to 500; default 20
	Resamples int               // of the bootstrap behind intervals and comparisons; default 2000
	Types     []edged.EventType // if set, only these events count, with their weight of Config or 1
	Ratings   bool              // of Temporal and LeaveLast: events carry a rating as their value; foretell those kept back
	Anonymous bool              // of Session: sessions without a user count too
	Serve     Listen            // puts the release behind HTTP, to be asked once more that way; nil: not asked for
	Config    Config            // of the models; UsersOnly is set, or with Anonymous not
}

// EnsureDefaults fills what is zero.
func (c *EvalConfig) EnsureDefaults() {
	if c.Train != nil || c.Test != nil {
		c.Protocol = cmp.Or(c.Protocol, Files)
	}
	c.Protocol = cmp.Or(c.Protocol, Temporal)
	c.K = cmp.Or(c.K, 20)
	c.Folds = cmp.Or(c.Folds, 1)
	c.Resamples = cmp.Or(c.Resamples, 2000)
	c.Config.EnsureDefaults()
	c.Config.UsersOnly = !c.Anonymous
	if len(c.Types) > 0 {
		c.Config.EventWeights = only(c.Config.EventWeights, c.Types)
	}
}

func only(weights map[edged.EventType]float64, types []edged.EventType) map[edged.EventType]float64 {
	kept := make(map[edged.EventType]float64)
	for _, t := range types {
		kept[t] = 1
		if w := weights[t]; w > 0 {
			kept[t] = w
		}
	}
	return kept
}

// Validate reports every fault at once. It expects the defaults to be filled.
func (c *EvalConfig) Validate() error {
	byTime := c.Protocol == Temporal || c.Protocol == Session
	files := c.Train != nil && c.Test != nil
	return errors.Join(
		check(byTime || c.Protocol == LeaveLast || c.Protocol == Files, "protocol: %q, want %s, %s, %s or %s", c.Protocol, Temporal, LeaveLast, Session, Files),
		check(!byTime || !c.SplitTime.IsZero(), "splitTime: missing: the first moment of the test, such as 2010-09-01"),
		check(byTime || c.SplitTime.IsZero(), "splitTime: the protocol %s has none", c.Protocol),
		check(c.Train == nil || c.Test != nil, "test: missing: the file of pairs to ask for, beside train"),
		check(c.Test == nil || c.Train != nil, "train: missing: the file of pairs to learn from, beside test"),
		check(c.Protocol != Files || c.Train != nil || c.Test != nil, "train and test: missing: the protocol %s divides nothing itself", Files),
		check(c.Protocol == Files || !files, "train and test: only the protocol %s takes them", Files),
		check(!c.Repeats || c.Protocol == Temporal, "repeats: only the protocol %s can tell", Temporal),
		check(!c.Ratings || c.Protocol == Temporal || c.Protocol == LeaveLast, "ratings: only the protocols %s and %s can keep some back", Temporal, LeaveLast),
		checkRange("folds", float64(c.Folds), 1, 100),
		check(c.Folds == 1 || c.Protocol == Temporal, "folds: only the protocol %s has them", Temporal),
		check(c.Share >= 0 && c.Share < 1, "share: %v, want 0 to below 1", c.Share),
		check(c.Share == 0 || c.Protocol == LeaveLast, "share: only the protocol %s has one", LeaveLast),
		check(byTime || c.Config.Previous == "", "previous: the protocol %s cannot tell whether that release knows what is asked: only %s and %s can", c.Protocol, Temporal, Session),
		checkRange("k", float64(c.K), 1, edged.MaxN),
		checkRange("resamples", float64(c.Resamples), 100, 1e6),
		c.Config.Validate())
}
