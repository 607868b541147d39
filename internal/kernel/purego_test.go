//go:build purego || (!amd64 && !arm64)

package kernel

const purego = true // no assembly is built in
