package kernel

// The assembly of amd64 is written by programs in _gen, that of arm64 by hand.
//
//go:generate go run -C _gen . -variant avx512 -out ../avx512_amd64.s
//go:generate go run -C _gen . -variant avx2 -out ../avx2_amd64.s
