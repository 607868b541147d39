"""One library, one index, in a process of its own: builds or loads, then answers commands (a JSON object a line) on standard input.

    {"do": "explore"}                              every setting roughly, on some of the queries
    {"do": "time", "settings": [...], "passes": 5} these settings carefully, on all queries
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"

import json
import re
import shutil
import sys
import time

import numpy as np

import libraries
import machine
import sets

EXPLORED = 300  # queries
ROUGH, SLOW = 0.03, 0.15  # seconds a pass may take at most while exploring and timing: slower settings get fewer queries


class Truth:
    """Counts hits whose true score is that of the true k-th, or above: ties are hits whichever of them is found."""

    def __init__(self, name, k):
        self.items = np.load(sets.path(name, "items.npy"), mmap_mode="r")
        self.queries = np.load(sets.path(name, "queries.npy"))
        self.least, self.k = np.load(sets.path(name, "kth.npy"))[:, k - 1], k

    def found(self, i, ids):
        ids = np.unique(np.asarray(ids).ravel()[: self.k].astype(np.int64))
        ids = ids[(ids >= 0) & (ids < len(self.items))]
        least = self.least[i] - 1e-5 * abs(self.least[i])
        return min(self.k, int((np.asarray(self.items[ids]) @ self.queries[i] >= least).sum()))

    def recall(self, search, count):
        return sum(self.found(i, search(i)) for i in range(count)) / (count * self.k)


def seconds(search, numbers):
    start = time.process_time()
    for i in numbers:
        search(i)
    return (time.process_time() - start) / len(numbers)


def explore(peer, truth):
    """Recall and time of each setting, roughly. A greater second number is not tried once the last one found nothing more, nor anything
    whose first number alone costs more than finding all."""
    out, row, least = [], {}, np.inf
    for setting in peer.grid(truth.k):
        first, last = row.get("first"), row.get("recall", 0)
        if first == setting[0] and len(setting) > 1 and row["done"]:
            continue
        search = peer.search(setting, truth.queries, truth.k)
        cost = seconds(search, range(10))
        count = min(EXPLORED, len(truth.queries), max(40, int(ROUGH / max(cost, 1e-6))))
        recall = truth.recall(search, count)
        us = min(seconds(search, range(count)), seconds(search, range(count))) * 1e6
        out.append(dict(setting=setting, recall=round(recall, 4), us=round(us, 2)))
        least = min(least, us) if recall >= 0.9995 else least
        row = dict(first=setting[0], recall=recall, done=recall >= 0.9995 or first == setting[0] and recall < last + 0.0005 or us > 2 * least)
        if us > 2 * least and (len(setting) == 1 or first != setting[0]) or cost > 0.01:
            break
    return out


def measure(peer, truth, settings, passes):
    """All settings in turn, pass after pass: what disturbs one disturbs the others."""
    count = len(truth.queries)
    numbers, times = {}, {s: [] for s in settings}
    for s in settings:
        search = peer.search(s, truth.queries, truth.k)
        numbers[s] = range(min(count, max(100, int(SLOW / max(1e-6, seconds(search, range(20)))))))
    for _ in range(passes):
        for s in settings:
            search = peer.search(s, truth.queries, truth.k)
            seconds(search, range(min(100, len(numbers[s]))))
            times[s].append(seconds(search, numbers[s]) * 1e6)
    return [dict(setting=s, us=round(min(times[s]), 2), us_median=round(float(np.median(times[s])), 2)) for s in settings]


def recalls(peer, truth, settings):
    """Recall of each setting over all queries."""
    return [round(truth.recall(peer.search(s, truth.queries, truth.k), len(truth.queries)), 4) for s in settings]


def empty_call(peer, truth, passes):
    """What a call costs that has next to nothing to do."""
    search = peer.tiny(np.ascontiguousarray(truth.items[: truth.k]), truth.queries, truth.k)
    numbers = range(len(truth.queries))
    times = [seconds(search, numbers) * 1e6 for _ in range(passes)]
    return dict(us=round(min(times), 2), us_median=round(float(np.median(times)), 2))


def answer(value):
    print("@" + json.dumps(value), flush=True)


def ready(peer, name, k, key):
    """Loads the index, or builds and keeps it. Returns what is known of it."""
    items = np.load(sets.path(name, "items.npy"))
    folder = os.path.join(sets.root(), "indexes", name, re.sub(r"\W+", "_", f"{key} {k if peer.library == 'ScaNN' else ''}"))
    about = folder + ".json"
    if not os.path.exists(about):
        start = time.process_time()
        peer.build(items, k)
        built = time.process_time() - start
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        peer.save(folder)
        with open(about, "w") as f:
            json.dump(dict(build_s=round(built, 1), bytes=round(libraries.folder_size(folder) / len(items), 1)), f)
    peer.load(folder, items)
    with open(about) as f:
        return json.load(f)


def main(name, k, key):
    machine.pin()
    truth = Truth(name, k)
    if key.startswith("empty:"):
        peer = next(p for p in libraries.floors() if p.library == key.removeprefix("empty:"))
        return answer(empty_call(peer, truth, 7))
    peer = next(p for p in libraries.peers_for(*truth.items.shape) if f"{p.library} {p.name}" == key)
    machine.unpin()
    answer(ready(peer, name, k, key))
    for line in sys.stdin:
        command = json.loads(line)
        settings = [tuple(s) for s in command.get("settings", [])]
        if command["do"] == "explore":
            answer(explore(peer, truth))
        elif command["do"] == "recall":
            answer(recalls(peer, truth, settings))
        else:
            machine.pin()
            answer(measure(peer, truth, settings, command["passes"]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
