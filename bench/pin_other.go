//go:build !linux

package bench

import "errors"

func pinThread(int) (undo func(), err error) {
	return nil, errors.New("core: needs Linux")
}
