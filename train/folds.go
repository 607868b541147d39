package train

import (
	"errors"
	"fmt"
	"time"
)

// validationCut is the first moment of the validation part of events that end before end: as long as the test is (length,
// in milliseconds), but a third of the training time at most; without a test, a fifth of the training time.
func validationCut(train *part, end, length int64) int64 {
	first, _ := train.span()
	span := end - first
	if length <= 0 {
		return end - span/5
	}
	return end - min(length, span/3)
}

// length is how long the test of a division by time lasts; p is what was divided.
func (f *fold) length(p *part) int64 {
	if f.until > 0 {
		return f.until - f.at
	}
	_, last := p.span()
	return last + 1 - f.at
}

// validation divides the training part of a fold by time once more: what a choice may look at.
func (f *fold) validation(p *part) (*fold, error) {
	return temporal(f.train, validationCut(f.train, f.at, f.length(p)), 0)
}

// rollingOrigin makes folds whose tests, each of one length, follow one another up to the newest event, oldest first; each
// trains on all that lies before its test (Tashman, International Journal of Forecasting 16, 2000).
func rollingOrigin(p *part, folds int, length time.Duration) ([]*fold, error) {
	ms := length.Milliseconds()
	if folds < 1 || ms < 1 {
		return nil, errors.New("rolling origin: want one fold or more, of a millisecond or more")
	}
	_, last := p.span()
	var all []*fold
	for n := folds; n >= 1; n-- {
		at := last + 1 - int64(n)*ms
		f, err := temporal(p, at, at+ms)
		if err != nil {
			return nil, fmt.Errorf("fold %d of %d: %w", folds-n+1, folds, err)
		}
		all = append(all, f)
	}
	return all, nil
}
