"""The libraries, each called in the cheapest way its Python package has for one query.

A peer is built by build(items, k) and kept by save(folder) and load(folder, items); grid(k) lists the settings worth trying, cheapest
first in each number; search(setting, queries, k) returns a function of a query's number that returns ids. tiny(items, queries, k) is the
same call on an index of k items: what the call itself costs.
"""

import os

import numpy as np


def geometric(values, factor):
    return sorted({max(1, round(v * factor)) for v in values})


def folder_size(folder):
    return sum(os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(folder) for f in files)


class Peer:
    library = ""

    def __init__(self, name):
        self.name = name


# ---------------------------------------------------------------- ScaNN
class Scann(Peer):
    """Partitions and 4-bit product codes with anisotropic loss (Guo et al. 2020), then exact reordering."""

    library = "ScaNN"
    LEAVES = (1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 28, 36, 48, 64, 90, 140, 220, 400, 700)
    REORDER = (10, 15, 20, 30, 40, 55, 75, 100, 140, 200, 300, 460, 800, 1500)

    def __init__(self, leaves, threshold=None, reorder="FLOAT32", **tree):
        words = [f"tree{leaves}"] + [f"T{threshold}"] * bool(threshold) + [reorder.lower()] * (reorder != "FLOAT32")
        super().__init__(" ".join(words + [f"{word}={value:g}" for word, value in tree.items()]))
        self.leaves, self.threshold, self.reorder, self.tree = leaves, threshold, reorder, tree

    def build(self, items, k):
        import scann

        b = scann.scann_ops_pybind.builder(items, k, "dot_product").set_n_training_threads(1)
        tree = {word: bool(value) if word == "quantize_centroids" else value for word, value in self.tree.items()}
        b = b.tree(self.leaves, 20, training_sample_size=min(len(items), 100_000), **tree)
        b = b.score_ah(2, anisotropic_quantization_threshold=self.threshold or float("nan"))
        kind = getattr(__import__("scann.scann_ops.py.scann_builder", fromlist=["ReorderType"]).ReorderType, self.reorder)
        self.index = b.reorder(100, quantize=kind).build()

    def save(self, folder):
        self.index.serialize(folder)

    def load(self, folder, items):
        import scann

        self.index = scann.scann_ops_pybind.load_searcher(folder)

    def grid(self, k):
        leaves = [l for l in self.LEAVES if l < self.leaves * 0.8] + [self.leaves]
        return [(l, r) for l in leaves for r in geometric(self.REORDER, k / 10)]

    def search(self, setting, queries, k):
        inner, rows = self.index.searcher.search, list(queries)  # without the wrapper, whose price is a tenth of a microsecond
        leaves, reorder = setting
        return lambda i: inner(rows[i], k, reorder, leaves)[0]

    def tiny(self, items, queries, k):
        import scann

        index = scann.scann_ops_pybind.builder(items[:k], k, "dot_product").score_brute_force(False).build()
        inner, rows = index.searcher.search, list(queries)
        return lambda i: inner(rows[i], k, -1, -1)[0]


# ---------------------------------------------------------------- FAISS
def faiss_call(index, queries, k):
    import faiss

    scores, ids = np.zeros((1, k), np.float32), np.zeros((1, k), np.int64)
    to_scores, to_ids = faiss.swig_ptr(scores), faiss.swig_ptr(ids)
    rows = [faiss.swig_ptr(queries[i : i + 1]) for i in range(len(queries))]

    def call(i, keep=(scores, queries)):
        index.search_c(1, rows[i], k, to_scores, to_ids)
        return ids[0]

    return call


class Faiss(Peer):
    """An index of faiss.index_factory. Its settings are nprobe, k_factor of the refinement, and efSearch, where it has them."""

    library = "FAISS"
    PROBES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
    FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
    EF = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

    def build(self, items, k):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.index_factory(items.shape[1], self.name, faiss.METRIC_INNER_PRODUCT)
        if self.graph():
            self.index.hnsw.efConstruction = 100
        sample = items if len(items) <= 200_000 else items[np.random.default_rng(0).choice(len(items), 150_000, replace=False)]
        self.index.train(sample)
        self.index.add(items)

    def save(self, folder):
        import faiss

        faiss.write_index(self.index, os.path.join(folder, "index"))

    def load(self, folder, items):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(os.path.join(folder, "index"))

    def graph(self):
        return self.name.startswith("HNSW")

    def refined(self):
        return self.name.endswith(",RFlat") or "Refine(" in self.name

    def cells(self):
        return int(self.name.split("IVF")[1].split(",")[0].split("_")[0]) if "IVF" in self.name else 0

    def grid(self, k):
        if self.graph():
            return [(max(k, ef),) for ef in geometric(self.EF, k / 10)]
        probes = sorted({min(p * max(1, self.cells() // 256), self.cells()) for p in self.PROBES}) if self.cells() else [0]
        return [(p, f) for p in probes for f in (self.FACTORS if self.refined() else (0,))]

    def search(self, setting, queries, k):
        import faiss

        if self.graph():
            self.index.hnsw.efSearch = setting[0]
            return faiss_call(self.index, queries, k)
        if self.cells():
            faiss.extract_index_ivf(self.index).nprobe = setting[0]
        if self.refined():
            self.index.k_factor = setting[1]
        return faiss_call(self.index, queries, k)

    def tiny(self, items, queries, k):
        import faiss

        self.index = faiss.IndexFlatIP(items.shape[1])
        self.index.add(items[:k])
        return faiss_call(self.index, queries, k)


# ---------------------------------------------------------------- SVS
class Vamana(Peer):
    """A graph (Subramanya et al. 2019) by Intel's scalable-vs, over floats, LVQ codes (Aguerrebere et al. 2023) or LeanVec."""

    library = "SVS"
    WINDOWS = (10, 12, 14, 17, 20, 24, 28, 34, 40, 50, 64, 80, 100, 140, 200, 300, 400, 600)

    def __init__(self, degree, data="float32"):
        super().__init__(f"Vamana{degree} {data}")
        self.degree, self.data = degree, data

    def build(self, items, k, folder=None):
        import svs

        p = svs.VamanaBuildParameters(alpha=0.95, graph_max_degree=self.degree, window_size=100, max_candidate_pool_size=400)
        data, file = self.loaded(items)
        self.index = svs.Vamana.build(p, data, svs.DistanceType.MIP, num_threads=1)
        self.index.num_threads = 1
        if file:
            os.remove(file)

    def loaded(self, items):
        """What the index is built of, and the file to remove afterwards."""
        import svs

        if self.data in ("float32", "float16"):
            return items.astype(self.data), None
        file = f"/tmp/svs-{os.getpid()}.fvecs"
        svs.write_vecs(items, file)
        loader = svs.VectorDataLoader(file, svs.DataType.float32, items.shape[1])
        turbo, kinds = svs.LVQStrategy.Turbo, svs.LeanVecKind
        if self.data.startswith("LVQ"):
            primary, _, residual = self.data.removeprefix("LVQ").partition("x")
            return svs.LVQLoader(loader, primary=int(primary), residual=int(residual or 0), padding=32, strategy=turbo), file
        dims = items.shape[1] // 2
        return svs.LeanVecLoader(loader, dims, primary_kind=kinds.lvq8, secondary_kind=kinds.lvq8), file

    def parts(self, folder):
        return [os.path.join(folder, part) for part in ("config", "graph", "data")]

    def save(self, folder):
        self.index.save(*self.parts(folder))

    def load(self, folder, items):
        import svs

        config, graph, data = self.parts(folder)
        loader = svs.VectorDataLoader(data, getattr(svs.DataType, self.data)) if self.data.startswith("float") else svs.SerializedObject(data)
        self.index = svs.Vamana(config, svs.GraphLoader(graph), loader, svs.DistanceType.MIP, num_threads=1)
        self.index.num_threads = 1

    def grid(self, k):
        windows = [w for w in geometric(self.WINDOWS, 1 if k <= 10 else k / 10 / 2) if w >= k]
        more = (1,) if self.data.startswith("float") else (1, 1.5, 2.5)  # candidates that residuals are read for
        return [(w, m) for m in more for w in windows]

    def search(self, setting, queries, k):
        import svs

        p = self.index.search_parameters
        p.buffer_config = svs.SearchBufferConfig(setting[0], int(setting[0] * setting[1]))
        self.index.search_parameters = p
        return self.call(queries, k)

    def call(self, queries, k):
        search, rows = self.index.search, [queries[i : i + 1] for i in range(len(queries))]
        return lambda i: search(rows[i], k)[0][0]

    def tiny(self, items, queries, k):
        self.build(items[:k], k)
        return self.search((k, 1), queries, k)


# ---------------------------------------------------------------- hnswlib, usearch
class Hnswlib(Peer):
    """HNSW (Malkov, Yashunin 2016) on inner products; items go in as they come or by falling length, which makes shorter ways to the long."""

    library = "hnswlib"
    EF = (10, 12, 16, 20, 24, 32, 40, 52, 64, 80, 100, 130, 160, 200, 256, 360, 512)

    def __init__(self, links, longest_first=False):
        super().__init__(f"M{links}" + (" longest first" if longest_first else ""))
        self.links, self.longest_first = links, longest_first

    def build(self, items, k):
        import hnswlib

        order = np.argsort(-np.linalg.norm(items, axis=1), kind="stable") if self.longest_first else np.arange(len(items))

        self.index = hnswlib.Index(space="ip", dim=items.shape[1])
        self.index.init_index(len(items), ef_construction=150, M=self.links, random_seed=1)
        self.index.add_items(items[order], order, num_threads=1)

    def save(self, folder):
        self.index.save_index(os.path.join(folder, "index"))

    def load(self, folder, items):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=items.shape[1])
        self.index.load_index(os.path.join(folder, "index"))

    def grid(self, k):
        return [(ef,) for ef in geometric(self.EF, k / 10)]

    def search(self, setting, queries, k):
        self.index.set_ef(setting[0])
        knn, rows = self.index.knn_query, list(queries)
        return lambda i: knn(rows[i], k=k, num_threads=1)[0][0]

    def tiny(self, items, queries, k):
        self.build(items[:k], k)
        return self.search((k,), queries, k)


class Usearch(Peer):
    """HNSW by unum. Its compiled search is called without the wrapper that makes objects of the hits."""

    library = "usearch"
    EF = (10, 16, 24, 32, 48, 64, 100, 160, 256, 400, 640)

    def __init__(self, dtype):
        super().__init__(f"M16 {dtype}")
        self.dtype = dtype

    def make(self, items):
        from usearch.index import Index

        return Index(ndim=items.shape[1], metric="ip", dtype=self.dtype, connectivity=16, expansion_add=150)

    def build(self, items, k):
        self.index = self.make(items)
        self.index.add(np.arange(len(items)), items, threads=1)

    def save(self, folder):
        self.index.save(os.path.join(folder, "index"))

    def load(self, folder, items):
        self.index = self.make(items)
        self.index.load(os.path.join(folder, "index"))

    def grid(self, k):
        return [(ef,) for ef in geometric(self.EF, k / 10)]

    def search(self, setting, queries, k):
        self.index.expansion_search = setting[0]
        search, rows = self.index._compiled.search_many, [queries[i : i + 1] for i in range(len(queries))]
        return lambda i: search(rows[i], k, exact=False, threads=1)[0][0]

    def tiny(self, items, queries, k):
        self.build(items[:k], k)
        return self.search((k,), queries, k)


# ---------------------------------------------------------------- which
def peers_for(n, d):
    """What is built for a set of n × d."""
    if n > 300_000:
        return for_millions(d)
    leaves, cells = ((25, 50, 100), (32, 64)) if n <= 16_384 else ((100, 200, 400), (128, 256)) if n <= 60_000 else ((200, 400, 800), (256, 512))
    scann = [Scann(l) for l in leaves] + [Scann(leaves[1], 0.2), Scann(leaves[1], soar_lambda=1.5), Scann(leaves[2], quantize_centroids=1)]
    faiss = [Faiss(f"IVF{c},PQ{d // 2}x4fs,RFlat") for c in cells] + [Faiss(f"IVF{cells[1]},Flat"), Faiss("HNSW32,Flat")]
    graphs = [Vamana(32), Vamana(32, "LVQ8"), Vamana(32, "LVQ4x8")] + [Vamana(32, "LeanVec")] * (d >= 128) + [Hnswlib(16), Hnswlib(8, longest_first=True), Usearch("bf16")]
    return scann + faiss + graphs


def for_millions(d):
    scann = [Scann(1000), Scann(2000, 0.2), Scann(4000, quantize_centroids=1), Scann(2000, soar_lambda=1.5)]
    faiss = [Faiss(f"IVF1024,PQ{d // 2}x4fs,RFlat"), Faiss(f"IVF4096,PQ{d // 2}x4fs,RFlat"), Faiss("IVF4096,Flat")]
    return scann + faiss + [Vamana(32, "LVQ8"), Hnswlib(16)]


def floors():
    """One peer of each library, to time its empty call with."""
    return [Scann(1), Faiss("Flat"), Vamana(32), Hnswlib(16), Usearch("f32")]
