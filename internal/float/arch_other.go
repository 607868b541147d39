//go:build purego || !amd64

package float

func archVariants() []variant { return nil }
