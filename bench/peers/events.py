"""Events to train on: generated ones, and those of two public data sets."""

import csv
import gzip
import os
import re

import numpy as np
import scipy.sparse as sp


def zipf(n, exponent, rng):
    """n shuffled shares that fall by a power law."""
    shares = (np.arange(1, n + 1) + 10.0) ** -exponent
    rng.shuffle(shares)
    return shares / shares.sum()


class Tastes:
    """Genres, and the clusters inside them; an item belongs to three clusters, the first more than the others."""

    def __init__(self, items, genres, clusters, skew, rng):
        self.genre_share = zipf(genres, 0.8, rng)
        genre = rng.choice(genres, clusters, p=self.genre_share)
        genre[:genres] = np.arange(genres)
        self.genre_of = np.sort(genre)
        self.first = np.searchsorted(self.genre_of, np.arange(genres))
        self.end = np.searchsorted(self.genre_of, np.arange(genres), side="right")
        popularity = zipf(items, skew, rng) * rng.lognormal(0, 0.5, items)
        self.popular = np.cumsum(popularity / popularity.sum())
        self._members(items, clusters, popularity / popularity.sum(), rng)

    def _members(self, items, clusters, popularity, rng):
        share = zipf(clusters, 0.7, rng)
        main = rng.choice(clusters, items, p=share)
        near = self.within(self.genre_of[main], rng.random(items))
        second = np.where(rng.random(items) < 0.65, near, rng.choice(clusters, items, p=share))
        third = rng.choice(clusters, items, p=share)
        weight = popularity**0.85
        cluster = np.concatenate([main, second, third])
        order = np.argsort(cluster, kind="stable")
        self.member = np.tile(np.arange(items), 3)[order]
        weights = np.concatenate([weight, weight * rng.random(items) * 0.6, weight * rng.random(items) * 0.15])
        self.cumulated = np.cumsum(weights[order])
        bounds = np.searchsorted(cluster[order], np.arange(clusters + 1))
        self.low = np.where(bounds[:-1] > 0, self.cumulated[bounds[:-1] - 1], 0.0)
        self.high = np.where(bounds[1:] > 0, self.cumulated[bounds[1:] - 1], 0.0)

    def within(self, genre, at):
        """The cluster of a genre at a share from 0 to 1 of its clusters."""
        return (self.first[genre] + at * (self.end[genre] - self.first[genre])).astype(np.int64)

    def draw(self, cluster, rng):
        """An item of each cluster, popular ones more often; 15 % are popular items of any cluster."""
        at = self.low[cluster] + rng.random(len(cluster)) * (self.high[cluster] - self.low[cluster])
        item = self.member[np.minimum(np.searchsorted(self.cumulated, at), len(self.member) - 1)]
        any_ = rng.random(len(cluster)) > 0.85
        popular = np.searchsorted(self.popular, rng.random(any_.sum()))
        item[any_] = np.minimum(popular, len(self.popular) - 1)
        return item


def generate(users, items, events, genres, clusters, seed, skew=1.0):
    """A matrix of users × items with counts. Users like up to three genres and ten clusters; popularity falls as rank**-skew."""
    rng = np.random.default_rng(seed)
    tastes = Tastes(items, genres, clusters, skew, rng)
    active = rng.lognormal(0, 1.0, users)
    active = np.clip(active * (events / active.sum()), 5, 3000).astype(np.int64)
    liked = rng.choice(genres, (users, 3), p=tastes.genre_share)
    share = np.cumsum(rng.dirichlet([1.2, 0.6, 0.3], users), 1)
    count = 10
    which = (rng.random((users, count))[:, :, None] > share[:, None, :]).sum(2).clip(0, 2)
    clusters_of = tastes.within(np.take_along_axis(liked, which, 1), rng.random((users, count)) ** 1.3)
    weights = np.cumsum(rng.dirichlet([0.6] * count, users), 1)
    rows, cols = [], []
    for start in range(0, users, 20000):
        user = np.repeat(np.arange(start, min(users, start + 20000)), active[start : start + 20000])
        choice = (rng.random(len(user))[:, None] > weights[user]).sum(1).clip(0, count - 1)
        cluster = clusters_of[user, choice]
        wide = rng.random(len(user)) < 0.2  # anywhere in the genre
        cluster[wide] = tastes.within(tastes.genre_of[cluster[wide]], rng.random(wide.sum()))
        rows.append(user.astype(np.int32))
        cols.append(tastes.draw(cluster, rng).astype(np.int32))
    return matrix(np.concatenate(rows), np.concatenate(cols), users, items)


def matrix(rows, cols, users, items):
    """Counts of (row, column) pairs."""
    m = sp.coo_matrix((np.ones(len(rows), np.float32), (rows, cols)), shape=(users, items)).tocsr()
    m.sum_duplicates()
    return m


def from_pairs(pairs, least):
    """A matrix of what users did with items; items of fewer than least events are left out."""
    users, rows = np.unique([u for u, _ in pairs], return_inverse=True)
    items, cols = np.unique([i for _, i in pairs], return_inverse=True)
    m = matrix(rows, cols, len(users), len(items))
    return m[:, np.asarray((m > 0).sum(0)).ravel() >= least].tocsr()


def data_dir():
    """Where the public data sets lie, as the tests of edged find them."""
    beside = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data")
    return os.environ.get("EDGED_DATA", beside)


def online_retail():
    """Purchases of known customers: https://doi.org/10.24432/C5CG6D."""
    path = os.path.join(data_dir(), "online-retail_2009-12_2010-12.csv.gz")
    pairs = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            bought = row["Customer ID"] and not row["Invoice"].startswith("C") and float(row["Quantity"]) > 0
            if bought and re.match(r"\d{5}", row["StockCode"]):
                pairs.append((row["Customer ID"], row["StockCode"].upper()))
    return from_pairs(pairs, 3)


def goodbooks():
    """Books rated by a sample of users: https://github.com/zygmuntz/goodbooks-10k."""
    path = os.path.join(data_dir(), "goodbooks10k_ratings_5pct-users.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as f:
        return from_pairs([(row["user_id"], row["book_id"]) for row in csv.DictReader(f)], 3)
