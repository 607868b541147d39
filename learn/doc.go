// Package learn holds the models: each a plain struct of hyper-parameters with a Fit that takes matrices and gives what a
// release carries. It knows nothing of events, files or time.
//
// # ALS
//
// Implicit ALS as in Rendle et al., "Revisiting the Performance of iALS" (arXiv 2110.14037). With s = x·y for visitor
// vector x and item vector y, n the summed weight of a row's observations, U visitors and I items with observations,
//
//	L = Σ_observed w(1−s)² + a0 Σ_all s² + λ Σ_u (n_u + a0·I)^ν |x_u|² + λ Σ_i (n_i + a0·U)^ν |y_i|²
//
// Each half-sweep improves every row of one side by conjugate gradients in float32, until a step gains next to nothing; L
// does not rise but for rounding. Both sides are first turned into the eigenbasis of the other side, where its Gram matrix
// is diagonal: a step of a row of h observations then costs 2hd multiply-adds and little more, not d² beside them, and the
// diagonal is a good preconditioner. The start spans the directions in which the weights vary most, and after the first
// sweeps the two sides are balanced: both save sweeps, the more the weaker the regularisation. At the end the item vectors are turned so once more, with signs fixed: no score
// changes, and a node's fold-in enjoys the same.
//
// # Determinism and concurrency
//
// The same input and hyper-parameters give the same bits on the same vector instructions, whatever the number of threads.
// Every Fit may be called from many goroutines and has none left when it returns.
package learn
