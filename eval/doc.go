// Package eval measures recommendations: lists in, figures out, with intervals that say how far the figures can be trusted.
//
// A Set holds cases: who is asked, and what they went on to choose. A Recommender answers a case with a list. Measure puts
// every case to it and keeps a score for each, so that users can be resampled (Bootstrap), two models compared on the same
// users (Compare), and groups of users told apart. A Report gathers all this as JSON and as one page of HTML.
//
// The package knows nothing of events, files or models: a case, an item and a user are numbers.
//
// # Definitions
//
// For a list of K places, r_k = 1 where place k (from 1) holds one of the case's m relevant items:
//
//	Recall     Σ r_k / m
//	Precision  Σ r_k / K, also where the list is shorter
//	NDCG       Σ r_k/log2(k+1) / Σ_{k ≤ min(K, m)} 1/log2(k+1)
//	           (Järvelin, Kekäläinen, TOIS 20(4), 2002, with binary gains; the ideal list has min(K, m) hits)
//	MAP        Σ_k r_k·(Σ_{l ≤ k} r_l)/k / min(K, m), the mean over cases of average precision
//	MRR        1/k of the first r_k = 1, else 0
//	HitRate    1 if any r_k = 1
//
// and each is the mean over the cases. What lists are like beside being right:
//
//	Coverage   the share of the items that came up for anybody
//	Gini       Σ_j (2j − n − 1)·x_j / ((n − 1)·Σ x), x_1 ≤ … ≤ x_n how often each of the n items came up: 0 where all come
//	           up alike, 1 where one item has it all (Shani, Gunawardana, Recommender Systems Handbook, 2011, 8.3.4)
//	Novelty    mean over the list of −log2 p(i), p(i) = max(n_i, 1)/U, n_i of U training users having item i
//	           (mean self-information: Zhou et al., PNAS 107(10), 2010)
//	Diversity  1 − mean similarity over the pairs of a list (intra-list similarity: Ziegler et al., WWW 2005): cosine of item
//	           vectors, or the Jaccard index of category sets; lists of fewer than two items are left out
//	PopularityLift  mean n_i over lists ÷ mean n_i over relevant items, each a mean over cases of a mean over items
//	           (Abdollahpouri et al., RecSys 2020, who compare with the profile and subtract 1; the relevant items exist for
//	           users without a profile too): 1 where lists are as popular as what people choose
//
// # Determinism and concurrency
//
// Figures do not depend on the number of threads: sums run in the order of cases, and each resample has a random
// generator of its own. Sets, results and reports are plain values that nothing here changes after they are made, so
// several goroutines may read them.
package eval
