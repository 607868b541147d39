package train

import "fmt"

// validationCut is the first moment of the validation part of events that end before end: as long as the test is (length,
// in milliseconds), but a third of the training time at most; without a test, a fifth of the training time.
func validationCut(train *part, end, length int64) int64 {
	first, _ := train.extent()
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
	_, last := p.extent()
	return last + 1 - f.at
}

// rollingOrigin divides the time from at to the newest event into tests of one length that follow one another; each fold
// trains on all that lies before its test (Tashman, International Journal of Forecasting 16, 2000).
func rollingOrigin(p *part, at int64, folds int) ([]*fold, error) {
	if folds <= 1 {
		f, err := temporal(p, at, 0)
		return []*fold{f}, err
	}
	_, last := p.span()
	length := (last + 1 - at) / int64(folds)
	var all []*fold
	for n := range int64(folds) {
		until := at + (n+1)*length
		if n == int64(folds)-1 {
			until = 0
		}
		f, err := temporal(p, at+n*length, until)
		if err != nil {
			return nil, fmt.Errorf("fold %d of %d: %w", n+1, folds, err)
		}
		all = append(all, f)
	}
	return all, nil
}
