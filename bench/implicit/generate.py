"""Writes synthetic visitor-item pairs with the skew of real shops: see README.md, "The data"."""

import argparse
import csv
import gzip

import numpy as np
import scipy.sparse as sp


def zipf(n, power, shift):
    weight = (np.arange(n) + shift) ** -power
    return np.cumsum(weight) / weight.sum()


def pairs(users, items, events, topics, seed):
    """A CSR matrix of ones: `events` distinct pairs, or a few less where visitors have run out of items."""
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0, 1.1, users)  # the mean is 1.8 times the median, the largest about 60 times the mean
    activity = np.cumsum(activity / activity.sum())
    home = rng.integers(0, topics, (users, 4)).astype(np.uint16)  # a visitor has up to four topics
    order = np.empty((topics, items // topics * 4), np.uint32)  # an item is in about four topics
    popular = rng.permutation(items)
    for t in range(topics):
        # Sorting keeps what is popular everywhere ahead within a topic too.
        order[t] = popular[np.sort(rng.choice(items, order.shape[1], replace=False))]
    within, anywhere = zipf(order.shape[1], 0.9, 10), zipf(items, 0.9, 30)
    matrix = sp.csr_matrix((users, items), dtype=np.float32)
    missing = events
    for _ in range(20):
        n = int(missing * 1.3) + 1000
        u = np.searchsorted(activity, rng.random(n)).astype(np.int64)
        topic = home[u, np.minimum(rng.geometric(0.5, n) - 1, 3)]
        i = order[topic, np.searchsorted(within, rng.random(n))].astype(np.int64)
        wander = rng.random(n) < 0.3  # three in ten are whatever is popular
        i[wander] = popular[np.searchsorted(anywhere, rng.random(int(wander.sum())))]
        key = np.unique(np.concatenate([matrix_keys(matrix), u * items + i]))
        if len(key) > events:
            key = np.sort(rng.choice(key, events, replace=False))
        matrix = sp.csr_matrix((np.ones(len(key), np.float32), (key // items, key % items)), shape=(users, items))
        missing = events - matrix.nnz
        if missing <= events // 1000:
            break
    return matrix


def retail(path, split="2010-09-01"):
    """Online Retail as docs/evaluation.md has it: pairs before the split, and new pairs of known customers and items after."""
    opened = gzip.open(path, "rt", newline="") if path.endswith(".gz") else open(path, newline="")
    before, after = set(), set()
    with opened as f:
        for row in csv.DictReader(f):
            code = row["StockCode"].upper()
            if code[:5].isdigit() and len(code) >= 5 and int(row["Quantity"]) > 0 and row["Invoice"][0] != "C" and row["Customer ID"]:
                (before if row["InvoiceDate"] < split else after).add((row["Customer ID"], code))
    users, items = ({v: n for n, v in enumerate(sorted({pair[at] for pair in before}))} for at in (0, 1))
    new = [(u, i) for u, i in after - before if u in users and i in items]
    shape = (len(users), len(items))
    rows = [np.array([(users[u], items[i]) for u, i in sorted(part)]) for part in (before, new)]
    return [sp.csr_matrix((np.ones(len(r), np.float32), (r[:, 0], r[:, 1])), shape=shape) for r in rows]


def matrix_keys(matrix):
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return rows * matrix.shape[1] + matrix.indices


def save(matrix, path):
    """int64 rows, columns, pairs; then the row starts (int64) and the columns (uint32); all little-endian."""
    with open(path, "wb") as f:
        np.array([*matrix.shape, matrix.nnz], "<i8").tofile(f)
        matrix.indptr.astype("<i8").tofile(f)
        matrix.indices.astype("<u4").tofile(f)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--users", type=int, default=100_000)
    p.add_argument("--items", type=int, default=50_000)
    p.add_argument("--events", type=int, default=10_000_000)
    p.add_argument("--topics", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("out")
    a = p.parse_args()
    m = pairs(a.users, a.items, a.events, a.topics, a.seed)
    save(m, a.out)
    users, items = np.diff(m.indptr), np.bincount(m.indices, minlength=a.items)
    print(f"{m.nnz} pairs; a visitor has {np.median(users):.0f} (median), {users.max()} (most);"
          f" an item {np.median(items):.0f} (median), {items.max()} (most), {(items == 0).sum()} none")
