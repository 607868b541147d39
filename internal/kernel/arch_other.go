package kernel

func archVariants() []Variant { return nil }
