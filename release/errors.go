package release

import (
	"errors"
	"fmt"
)

// What callers branch on. Every error of this package wraps one of them and says where.
var (
	ErrFormat     = errors.New("malformed")
	ErrTooLarge   = errors.New("too large")
	ErrSignature  = errors.New("signature does not match")
	ErrUnknownKey = errors.New("not signed by a trusted key")
	ErrRole       = errors.New("signed by keys of another role")
	ErrThreshold  = errors.New("too few signatures of trusted keys")
	ErrHash       = errors.New("hash mismatch")
	ErrSize       = errors.New("wrong size")
	ErrCritical   = errors.New("needs a newer edged")
)

// formatf is an ErrFormat with its place.
func formatf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrFormat)
}
