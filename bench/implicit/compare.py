"""Trains the same loss with Python's implicit and with edged, turn and turn about. README.md says how and why."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as implicit asks: it has threads of its own

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares

import generate


def holdout(matrix, share, seed):
    """Splits pairs at random."""
    rng = np.random.default_rng(seed)
    coo = matrix.tocoo()
    test = rng.random(coo.nnz) < share
    parts = [(np.ones(k.sum(), np.float32), (coo.row[k], coo.col[k])) for k in (~test, test)]
    return [sp.csr_matrix(p, shape=matrix.shape) for p in parts]


def loss(train, x, y, confidence, reg):
    """implicit's: Σ c(1−s)² over pairs, s² over the rest, + reg·(|X|² + |Y|²); sums in float64."""
    everything = float(np.sum((x.T.astype(np.float64) @ x) * (y.T.astype(np.float64) @ y)))
    rows = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr))
    observed = 0.0
    for at in range(0, train.nnz, 500_000):
        s = np.einsum("ij,ij->i", x[rows[at : at + 500_000]], y[train.indices[at : at + 500_000]]).astype(np.float64)
        observed += float(np.sum(confidence * (1 - s) ** 2 - s**2))
    return everything + observed + reg * (float(np.sum(x.astype(np.float64) ** 2)) + float(np.sum(y.astype(np.float64) ** 2)))


def quality(train, test, x, y, k=20, users=5000):
    """Recall and NDCG at k of held-out pairs among all items but those trained with."""
    asked = np.flatnonzero(np.diff(test.indptr))
    asked = np.random.default_rng(0).permutation(asked)[:users]
    recall, ndcg, gain = [], [], 1 / np.log2(np.arange(2, k + 2))
    for at in range(0, len(asked), 500):
        block = asked[at : at + 500]
        scores = x[block] @ y.T
        for u, s in zip(block, scores):
            s[train.indices[train.indptr[u] : train.indptr[u + 1]]] = -np.inf
            top = np.argpartition(-s, k)[:k]
            top = top[np.argsort(-s[top])]
            relevant = test.indices[test.indptr[u] : test.indptr[u + 1]]
            hit = np.isin(top, relevant)
            recall.append(hit.sum() / len(relevant))
            ndcg.append((hit * gain).sum() / gain[: min(k, len(relevant))].sum())
    return float(np.mean(recall)), float(np.mean(ndcg))


def theirs(train, a, factors, seed):
    model = AlternatingLeastSquares(factors=factors, regularization=a.reg, alpha=a.confidence, iterations=a.sweeps,
                                    num_threads=a.threads, random_state=seed, use_cg=True, use_native=True)
    kept, seconds, aside = [], [], 0.0

    def after(_, __, ___):
        nonlocal aside
        now = time.perf_counter()
        seconds.append(now - start - aside)
        kept.append((model.user_factors.copy(), model.item_factors.copy()))
        aside += time.perf_counter() - now

    start = time.perf_counter()
    model.fit(train, show_progress=False, callback=after)
    return seconds, [loss(train, x, y, a.confidence, a.reg) for x, y in kept], kept[-1]


def ours(train, pairs, a, factors, seed, directory):
    weight = a.confidence - 1
    target = weight / a.confidence  # t of README.md
    out = os.path.join(directory, "vectors")
    report = subprocess.run(
        [a.edged, "-pairs", pairs, "-out", out, "-factors", str(factors), "-weight", str(weight), "-a0", "1", "-nu", "0", "-reg",
         repr(a.reg * target), "-sweeps", str(a.sweeps), "-seed", str(seed), "-threads", str(a.threads)],
        check=True, capture_output=True, text=True)
    r = json.loads(report.stdout)
    v = np.fromfile(out, "<f4").reshape(-1, factors) / np.float32(np.sqrt(target))
    x, y = v[: train.shape[0]], v[train.shape[0] :]
    losses = [(l - train.nnz * target) / target**2 for l in r["losses"]]
    found = loss(train, x, y, a.confidence, a.reg)
    if abs(found / losses[-1] - 1) > 1e-4:
        sys.exit(f"edged says that its loss is {losses[-1]}; its vectors have {found}")
    return r["seconds"], losses, (x, y)


WITHIN = (0.01, 0.001)  # of the least loss that either ends with


def first(seconds, losses, goal):
    """When the loss is first at or below the goal; None: never."""
    return next((s for s, l in zip(seconds, losses) if l <= goal), None)


def measure(train, test, pairs, a, factors, seed, directory):
    ts, tl, tv = theirs(train, a, factors, seed)
    os_, ol, ov = ours(train, pairs, a, factors, seed, directory)
    goal = max(tl[-1], ol[-1])  # both get there
    reached = [first(seconds, losses, goal) for seconds, losses in ((ts, tl), (os_, ol))]
    least = min(tl[-1], ol[-1])
    within = {str(share): [first(seconds, losses, least * (1 + share)) for seconds, losses in ((ts, tl), (os_, ol))] for share in WITHIN}
    row = {"factors": factors, "seed": seed, "goal": goal, "seconds": reached, "within": within, "sweeps": [ts.index(reached[0]) + 1, os_.index(reached[1]) + 1],
           "sweep": [ts[-1] / len(ts), os_[-1] / len(os_)], "loss": [tl[-1], ol[-1]], "quality": [quality(train, test, *tv), quality(train, test, *ov)],
           "losses": [tl, ol], "times": [ts, os_]}
    print(f"D {factors}, seed {seed}: to loss {goal:.6g} {reached[0]:.2f} s ({row['sweeps'][0]} sweeps) and {reached[1]:.2f} s ({row['sweeps'][1]}),"
          f" within {', '.join(f'{float(share):.1%} {shown(a)} and {shown(b)}' for share, (a, b) in within.items())} of the least,"
          f" a sweep {row['sweep'][0]:.3f} and {row['sweep'][1]:.3f} s, after {a.sweeps} {tl[-1]:.6g} and {ol[-1]:.6g},"
          f" Recall/NDCG@20 {row['quality'][0][0]:.4f}/{row['quality'][0][1]:.4f} and {row['quality'][1][0]:.4f}/{row['quality'][1][1]:.4f}", flush=True)
    return row


def shown(seconds):
    return "never" if seconds is None else f"{seconds:.2f} s"


def near(rows, share):
    """Medians of both and of their ratio, where all runs get there; of who does not, how many do."""
    cells = []
    times = [[r["within"][share][w] for r in rows] for w in (0, 1)]
    for t in times:
        got = [s for s in t if s is not None]
        cells.append(f"{statistics.median(got):.2f} s" if len(got) == len(t) else f"{len(got)} of {len(t)} runs do")
    ratios = [a / b for a, b in zip(*times) if a is not None and b is not None]
    cells.append(f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})" if len(ratios) == len(rows) else "–")
    return cells


def table_within(rows):
    print(f"\n| D | {' | '.join(f'within {share:.1%} of the least loss, implicit | edged | ratio' for share in WITHIN)} |")
    print("|---|" + "---|---|---|" * len(WITHIN))
    for d in dict.fromkeys(r["factors"] for r in rows):
        of = [r for r in rows if r["factors"] == d]
        print(f"| {d} | {' | '.join(' | '.join(near(of, str(share))) for share in WITHIN)} |")


def table(name, rows):
    print(f"\n| {name} | to the loss, implicit | edged | ratio | a sweep, implicit | edged | loss, edged/implicit | Recall@20 / NDCG@20, implicit | edged |")
    print("|---|---|---|---|---|---|---|---|---|")
    for d in dict.fromkeys(r["factors"] for r in rows):
        of = [r for r in rows if r["factors"] == d]
        median = lambda f: statistics.median(map(f, of))
        ratios = [r["seconds"][0] / r["seconds"][1] for r in of]
        q = [[median(lambda r: r["quality"][w][m]) for m in (0, 1)] for w in (0, 1)]
        print(f"| D = {d} | {median(lambda r: r['seconds'][0]):.2f} s | {median(lambda r: r['seconds'][1]):.2f} s |"
              f" {statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f}) | {median(lambda r: r['sweep'][0]):.3f} s |"
              f" {median(lambda r: r['sweep'][1]):.3f} s | {median(lambda r: r['loss'][1] / r['loss'][0]):.5f} |"
              f" {q[0][0]:.4f} / {q[0][1]:.4f} | {q[1][0]:.4f} / {q[1][1]:.4f} |")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--edged", required=True, help="the binary of this folder")
    p.add_argument("--retail", help="the Online Retail table (CSV, may be gzipped); without it, synthetic pairs")
    p.add_argument("--users", type=int, default=100_000)
    p.add_argument("--items", type=int, default=50_000)
    p.add_argument("--events", type=int, default=10_000_000)
    p.add_argument("--factors", type=int, nargs="+", default=[64, 128])
    p.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    p.add_argument("--sweeps", type=int, default=15)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--confidence", type=float, default=4, help="of a pair (alpha)")
    p.add_argument("--reg", type=float, default=5)
    p.add_argument("--json", help="where all numbers go")
    a = p.parse_args()
    if a.retail:
        train, test = generate.retail(a.retail)
    else:
        train, test = holdout(generate.pairs(a.users, a.items, int(a.events / 0.98), 200, 1), 0.02, 1)
    print(f"{train.shape[0]} visitors, {train.shape[1]} items, {train.nnz} pairs, {test.nnz} held out", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        pairs = os.path.join(directory, "pairs")
        generate.save(train, pairs)
        rows = [measure(train, test, pairs, a, d, s, directory) for d in a.factors for s in a.seeds]
    table("Online Retail" if a.retail else "synthetic", rows)
    table_within(rows)
    if a.json:
        with open(a.json, "w") as f:
            json.dump(rows, f, indent=1)
