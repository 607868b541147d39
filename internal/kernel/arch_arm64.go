//go:build !purego

package kernel

func archVariants() []Variant { return nil }
