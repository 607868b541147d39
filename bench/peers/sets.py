"""The embedding sets: what each is made of, and the npy files of each.

    python sets.py NAME...    makes those that are missing
"""

import dataclasses
import json
import os
import sys
import time

import numpy as np

import events
import train

MEASURED = 2000  # queries that are measured, of users whose vectors nothing else sees
CALIBRATION = 8000  # queries of other users, for layouts and calibration


def small(seed, users=30_000, items=41_000, count=1_030_000, skew=1.0):
    return lambda: events.generate(users, items, count, 40, 1000, seed, skew)


def medium():
    return events.generate(200_000, 100_000, 10_000_000, 60, 2500, 1)


def large():
    return events.generate(300_000, 1_000_000, 32_000_000, 120, 12_000, 2)


@dataclasses.dataclass(frozen=True)
class Set:
    """One set. kind: which row of the acceptance table it belongs to; seen: the engine was tuned while such sets were looked at."""

    name: str
    kind: str  # skewed, flat, large, small
    seen: bool
    about: str
    make: object = None  # () -> (events, model)
    of: str = ""  # another set whose vectors are changed
    power: float = 0.0  # items are divided by their length to that power
    k: int = 10


SETS = [
    Set("R64", "skewed", True, "revisited iALS", lambda: (small(11)(), train.RevisitedALS(64))),
    Set("R128", "skewed", True, "revisited iALS", lambda: (small(11)(), train.RevisitedALS(128))),
    Set("K25", "skewed", True, "revisited iALS, 25k items", lambda: (small(12, 70_000, 25_000, 850_000)(), train.RevisitedALS(64))),
    Set("B", "skewed", True, "implicit ALS, 100k items", lambda: (medium(), train.ImplicitALS(128))),
    Set("R128K100", "skewed", True, "R128, K = 100", of="R128", k=100),
    Set("R64N", "flat", True, "R64 normalised", of="R64", power=1.0),
    Set("R128N", "flat", True, "R128 normalised", of="R128", power=1.0),
    Set("BPR", "flat", True, "BPR", lambda: (small(11)(), train.BPR(64))),
    Set("TT", "flat", True, "two towers, unit length", lambda: (small(11)(), train.TwoTower(64))),
    Set("BN", "flat", True, "B normalised", of="B", power=1.0),
    Set("HC", "large", True, "implicit ALS, 1M items, lengths to the power 0.3", lambda: (large(), train.ImplicitALS(128, sweeps=3)), power=0.7),
    Set("U96", "skewed", False, "revisited iALS, other weights, 60k items, flatter popularity",
        lambda: (small(101, 60_000, 60_000, 2_500_000, 0.8)(), train.RevisitedALS(96, alpha=0.3, reg=0.001))),
    Set("U80", "skewed", False, "implicit ALS, alpha 10, 50k items, steeper popularity",
        lambda: (small(104, 50_000, 50_000, 2_000_000, 1.25)(), train.ImplicitALS(80, alpha=10))),
    Set("U112N", "flat", False, "implicit ALS, alpha 15, 80k items, normalised",
        lambda: (small(102, 80_000, 80_000, 4_000_000, 0.6)(), train.ImplicitALS(112, alpha=15)), power=1.0),
    Set("U64B", "flat", False, "BPR, 30k items, steeper popularity", lambda: (small(103, 40_000, 30_000, 900_000, 1.2)(), train.BPR(64))),
    Set("U48T", "flat", False, "two towers, 45k items, unit length",
        lambda: (small(105, 40_000, 45_000, 1_000_000, 0.9)(), train.TwoTower(48))),
    Set("U200", "skewed", False, "implicit ALS, alpha 20, 25k items", lambda: (small(106, 30_000, 25_000, 800_000)(), train.ImplicitALS(200, alpha=20))),
    Set("OR-ALS", "small", False, "Online Retail, revisited iALS", lambda: (events.online_retail(), train.RevisitedALS(64, alpha=0.3))),
    Set("OR-EASE", "small", False, "Online Retail, EASE cut by SVD", lambda: (events.online_retail(), train.EaseSVD(128))),
    Set("GB-BPR", "small", False, "goodbooks, BPR", lambda: (events.goodbooks(), train.BPR(64, epochs=60))),
    Set("GB-ALS", "small", False, "goodbooks, revisited iALS", lambda: (events.goodbooks(), train.RevisitedALS(128, alpha=0.3))),
]
BY_NAME = {s.name: s for s in SETS}


def root():
    """Where everything that is made or built is kept."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.environ.get("EDGED_BENCH_DIR", os.path.join(here, "..", "..", ".cache", "peers"))


def path(name, what):
    return os.path.join(root(), "sets", name, what)


def make(name):
    """Writes items.npy, train.npy, queries.npy and kth.npy (scores of each query's true best 100) unless they are there."""
    if os.path.exists(path(name, "about.json")):
        return
    s, start = BY_NAME[name], time.time()
    os.makedirs(path(name, ""), exist_ok=True)
    if s.of:
        make(s.of)
        items, queries, calibration = (np.load(path(s.of, f + ".npy")) for f in ("items", "queries", "train"))
    else:
        items, queries, calibration = trained(s)
    length = np.linalg.norm(items, axis=1, keepdims=True)
    items = (items / np.maximum(length, 1e-12) ** s.power).astype(np.float32)
    best = true_best(items, queries, 100)
    save(name, "items", items)
    save(name, "queries", queries)
    save(name, "train", calibration)
    save(name, "kth", best[1])
    with open(path(name, "about.json"), "w") as f:
        json.dump(dict(n=len(items), d=items.shape[1], first_quarter=concentration(items, best[0]), queries=len(queries), train=len(calibration)), f)
    print(name, items.shape, open(path(name, "about.json")).read(), f"{time.time() - start:.0f} s", flush=True)


def trained(s):
    m, model = s.make()
    rng = np.random.default_rng(3)
    active = rng.permutation(np.flatnonzero(np.diff(m.indptr) >= 5))
    measured = min(MEASURED, len(active) // 3)
    users = active[: measured + CALIBRATION]
    items, vectors = model.fit(m, users)
    vectors = vectors.astype(np.float32)
    return items, vectors[:measured], vectors[measured:]


def save(name, what, array):
    np.save(path(name, what + ".npy"), np.ascontiguousarray(array, np.float32))


def true_best(items, queries, k):
    """Rows and scores of the best k of a float32 scan, best first."""
    rows, scores = np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32)
    step = max(1, 20_000_000 // len(items))
    for at in range(0, len(queries), step):
        s = queries[at : at + step] @ items.T
        part = np.argpartition(-s, k, 1)[:, :k]
        value = np.take_along_axis(s, part, 1)
        order = np.argsort(-value, 1, kind="stable")
        rows[at : at + step] = np.take_along_axis(part, order, 1)
        scores[at : at + step] = np.take_along_axis(value, order, 1)
    return rows, scores


def concentration(items, best):
    """The share of the true best ten in the first quarter of the order of lengths."""
    place = np.empty(len(items), np.int64)
    place[np.argsort(-np.linalg.norm(items, axis=1), kind="stable")] = np.arange(len(items))
    return round(float((place[best[:, :10]] < len(items) / 4).mean()), 4)


if __name__ == "__main__":
    for name in sys.argv[1:] or list(BY_NAME):
        make(name)
