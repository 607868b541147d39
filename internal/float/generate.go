package float

// The assembly of amd64 is written by the program in _gen.
//
//go:generate go run -C _gen . -out ../avx2_amd64.s
