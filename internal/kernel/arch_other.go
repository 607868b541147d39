//go:build purego || (!amd64 && !arm64)

package kernel

func archVariants() []Variant { return nil }
