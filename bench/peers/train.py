"""Models that turn events into embeddings. Each returns (item vectors, vectors of the users asked for)."""

import numpy as np
import scipy.sparse as sp
from implicit.cpu import _als


def history(m, users, count, rng):
    """count random items of each user's: what a visitor has just looked at."""
    rows, cols = [], []
    for at, user in enumerate(users):
        items = m.indices[m.indptr[user] : m.indptr[user + 1]]
        items = rng.choice(items, min(count, len(items)), replace=False)
        rows.append(np.full(len(items), at))
        cols.append(items)
    rows, cols = np.concatenate(rows), np.concatenate(cols)
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)), shape=(len(users), m.shape[1]))


class RevisitedALS:
    """Implicit ALS with the loss of Rendle et al. (arXiv 2110.14037): every pair weighs alpha, regularisation grows with
    frequency: sum over events (1-s)² + alpha · sum over all s² + reg · (count + alpha · opposite)^nu · |x|²."""

    def __init__(self, dim, alpha=0.1, reg=0.003, nu=1.0, sweeps=8, seed=7):
        self.dim, self.alpha, self.reg, self.nu, self.sweeps, self.seed = dim, alpha, reg, nu, sweeps, seed

    def fit(self, m, users):
        rng = np.random.default_rng(self.seed)
        events = (m > 0).astype(np.float32).tocsr()
        items = (rng.standard_normal((m.shape[1], self.dim)) * 0.1 / np.sqrt(self.dim)).astype(np.float32)
        turned = events.T.tocsr()
        for _ in range(self.sweeps):
            vectors = self.solve(events, items)
            items = self.solve(turned, vectors)
        return items, self.solve(history(events, users, 10, rng), items)

    def solve(self, m, fixed):
        gram = self.alpha * (fixed.T @ fixed)
        out = np.zeros((m.shape[0], self.dim), np.float32)
        weight = self.reg * (np.diff(m.indptr) + self.alpha * m.shape[1]) ** self.nu
        for i in np.flatnonzero(np.diff(m.indptr)):
            seen = fixed[m.indices[m.indptr[i] : m.indptr[i + 1]]]
            left = gram + seen.T @ seen
            left.flat[:: self.dim + 1] += weight[i]
            out[i] = np.linalg.solve(left, seen.sum(0))
        return out


class ImplicitALS:
    """Implicit ALS (Hu, Koren, Volinsky 2008) by the package implicit: confidence 1 + alpha · log(1 + count)."""

    def __init__(self, dim, alpha=40.0, sweeps=6, seed=5, threads=2):
        self.dim, self.alpha, self.sweeps, self.seed, self.threads = dim, alpha, sweeps, seed, threads

    def fit(self, m, users):
        rng = np.random.default_rng(self.seed)
        confidence = m.astype(np.float32).tocsr()
        confidence.data = (1 + self.alpha * np.log1p(confidence.data)).astype(np.float32)
        turned = confidence.T.tocsr()
        vectors = (rng.standard_normal((m.shape[0], self.dim)) * 0.01).astype(np.float32)
        items = (rng.standard_normal((m.shape[1], self.dim)) * 0.01).astype(np.float32)
        for _ in range(self.sweeps):
            _als.least_squares_cg(confidence, vectors, items, 0.05, num_threads=self.threads, cg_steps=3)
            _als.least_squares_cg(turned, items, vectors, 0.05, num_threads=self.threads, cg_steps=3)
        never = np.diff(turned.indptr) == 0
        items[never] = rng.standard_normal((never.sum(), self.dim)).astype(np.float32) * 1e-4
        return items, vectors[users]


class Adagrad:
    """Sparse steps: rows of a table, each with its own running sum of squares."""

    def __init__(self, table, rate):
        self.table, self.rate, self.squares = table, rate, np.full(len(table), 1e-6, np.float32)

    def step(self, rows, gradient):
        unique, at = np.unique(rows, return_inverse=True)
        add = sp.csr_matrix((np.ones(len(rows), np.float32), (at, np.arange(len(rows)))), shape=(len(unique), len(rows)))
        gradient = np.asarray(add @ gradient)
        self.squares[unique] += (gradient * gradient).mean(1)
        self.table[unique] -= self.rate * gradient / np.sqrt(self.squares[unique])[:, None]


class BPR:
    """Bayesian personalised ranking (Rendle et al. 2009), no biases, batches with Adagrad."""

    def __init__(self, dim, epochs=30, rate=0.05, reg=0.01, batch=8192, seed=9):
        self.dim, self.epochs, self.rate, self.reg, self.batch, self.seed = dim, epochs, rate, reg, batch, seed

    def fit(self, m, users):
        rng = np.random.default_rng(self.seed)
        pairs = m.tocoo()
        known = set((pairs.row.astype(np.int64) * m.shape[1] + pairs.col).tolist())
        x = (rng.standard_normal((m.shape[0], self.dim)) * 0.1).astype(np.float32)
        y = (rng.standard_normal((m.shape[1], self.dim)) * 0.1).astype(np.float32)
        ax, ay = Adagrad(x, self.rate), Adagrad(y, self.rate)
        for _ in range(self.epochs):
            order = rng.permutation(len(pairs.row))
            for start in range(0, len(order), self.batch):
                part = order[start : start + self.batch]
                self._step(pairs.row[part], pairs.col[part], x, y, ax, ay, known, m.shape[1], rng)
        return y, x[users]

    def _step(self, u, i, x, y, ax, ay, known, items, rng):
        j = rng.integers(0, items, len(u))
        new = np.fromiter((k not in known for k in (u.astype(np.int64) * items + j).tolist()), bool, len(u))
        u, i, j = u[new], i[new], j[new]
        xu, yi, yj = x[u], y[i], y[j]
        g = -1 / (1 + np.exp(np.clip(((yi - yj) * xu).sum(1), -30, 30)))[:, None]
        ax.step(u, g * (yi - yj) + self.reg * xu)
        ay.step(np.concatenate([i, j]), np.concatenate([g * xu + self.reg * yi, -g * xu + self.reg * yj]))


class TwoTower:
    """Two towers of one embedding each, unit length, softmax over the batch (temperature 0.1) less log popularity."""

    def __init__(self, dim, epochs=6, rate=0.05, batch=1024, temperature=0.1, seed=13):
        self.dim, self.epochs, self.rate, self.batch, self.temperature, self.seed = dim, epochs, rate, batch, temperature, seed

    def fit(self, m, users):
        rng = np.random.default_rng(self.seed)
        pairs = m.tocoo()
        popular = np.log(np.maximum(1, np.asarray((m > 0).sum(0)).ravel())).astype(np.float32)
        x = rng.standard_normal((m.shape[0], self.dim)).astype(np.float32)
        y = rng.standard_normal((m.shape[1], self.dim)).astype(np.float32)
        ax, ay = Adagrad(x, self.rate), Adagrad(y, self.rate)
        for _ in range(self.epochs):
            order = rng.permutation(len(pairs.row))
            for start in range(0, len(order), self.batch):
                part = order[start : start + self.batch]
                self._step(pairs.row[part], pairs.col[part], x, y, ax, ay, popular)
        return unit(y), unit(x[users])

    def _step(self, u, i, x, y, ax, ay, popular):
        nu, ni = np.linalg.norm(x[u], axis=1, keepdims=True), np.linalg.norm(y[i], axis=1, keepdims=True)
        a, b = x[u] / nu, y[i] / ni
        logits = a @ b.T / self.temperature - popular[i]
        logits[(i[None, :] == i[:, None]) & ~np.eye(len(i), dtype=bool)] = -1e9  # the same item is no counterexample
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p.flat[:: len(i) + 1] -= 1
        p /= self.temperature
        ga, gb = p @ b, p.T @ a
        ax.step(u, (ga - (ga * a).sum(1, keepdims=True) * a) / nu)
        ay.step(i, (gb - (gb * b).sum(1, keepdims=True) * b) / ni)


class EaseSVD:
    """EASE (Steck 2019) cut to its dim largest singular values: a user is the sum of left rows of ten of his items."""

    def __init__(self, dim, reg=500.0, seed=17):
        self.dim, self.reg, self.seed = dim, reg, seed

    def fit(self, m, users):
        rng = np.random.default_rng(self.seed)
        events = (m > 0).astype(np.float32).tocsr()
        gram = (events.T @ events).toarray().astype(np.float64)
        gram.flat[:: len(gram) + 1] += self.reg
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        left, values, right = np.linalg.svd(weights.astype(np.float32))
        left, right = left[:, : self.dim] * values[: self.dim], right[: self.dim].T
        return np.ascontiguousarray(right), history(events, users, 10, rng) @ left


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
