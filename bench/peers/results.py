"""What was measured: files, and what follows from them."""

import collections
import json
import os
import re
import statistics

import edged
import sets

RECALLS = (0.9, 0.95, 0.99, 0.999)


def stored(kind):
    """peers.jsonl or edged.jsonl: everything ever measured, a line each."""
    return os.path.join(sets.root(), kind + ".jsonl")


def append(kind, row):
    with open(stored(kind), "a") as f:
        f.write(json.dumps(row) + "\n")


def rows(kind, name, why=None):
    """The lines of a set's latest run."""
    if not os.path.exists(stored(kind)):
        return []
    with open(stored(kind)) as f:
        found = [r for r in map(json.loads, f) if r["set"] == name and why in (None, r.get("why"))]
    latest = max((r["run"] for r in found), default=0)
    return [r for r in found if r["run"] == latest]


def about(name):
    with open(sets.path(name, "about.json")) as f:
        return json.load(f)


# ---------------------------------------------------------------- which settings deserve careful timing
def explored(name):
    return os.path.join(sets.root(), "explored", name + ".json")


def read_explored(name):
    if not os.path.exists(explored(name)):
        return {}
    with open(explored(name)) as f:
        return json.load(f)


def add_explored(name, key, settings):
    os.makedirs(os.path.dirname(explored(name)), exist_ok=True)
    found = dict(read_explored(name), **{key: settings})
    with open(explored(name), "w") as f:
        json.dump(found, f)


def recalls(name, key):
    return os.path.join(sets.root(), "recalls", re.sub(r"\W+", "_", f"{name} {key}") + ".json")


def read_recalls(name, key):
    """Setting → recall over all queries."""
    if not os.path.exists(recalls(name, key)):
        return {}
    with open(recalls(name, key)) as f:
        return {tuple(setting): recall for setting, recall in json.load(f)}


def write_recalls(name, key, known):
    os.makedirs(os.path.dirname(recalls(name, key)), exist_ok=True)
    with open(recalls(name, key), "w") as f:
        json.dump(list(known.items()), f)


ENOUGH = 3  # settings of a library that are timed for each recall


def worth_timing(name):
    """Index → the settings that are each library's cheapest by a rough time, of those that reach each recall over all queries."""
    chosen = collections.defaultdict(set)
    for points in by_library(read_explored(name)).values():
        sure = [(read_recalls(name, key).get(setting), us, key, setting) for _, us, key, setting in points]
        sure = [p for p in sure if p[0] is not None]
        for recall in RECALLS:
            for p in sorted((p for p in sure if p[0] >= recall), key=lambda p: p[1])[:ENOUGH]:
                chosen[p[2]].add(p[3])
        if sure and max(sure)[0] < RECALLS[-1]:  # to show where it stalls
            chosen[max(sure)[2]].add(max(sure)[3])
    return {key: sorted(settings) for key, settings in sorted(chosen.items())}


def by_library(found):
    libraries = collections.defaultdict(list)
    for key, settings in found.items():
        if settings:
            libraries[key.split(" ", 1)[0]] += [(s["recall"], s["us"], key, tuple(s["setting"])) for s in settings]
    return libraries


# ---------------------------------------------------------------- figures
class Point:
    """One setting: where it is, recall, µs (median over rounds of the least of passes), the rounds' least and most, bytes, build."""

    def __init__(self, library, index, setting, recall, us, bytes_, build):
        self.library, self.index, self.setting, self.recall = library, index, setting, recall
        self.us, self.low, self.high = statistics.median(us), min(us), max(us)
        self.bytes, self.build = bytes_, build


def peer_points(name):
    groups = collections.defaultdict(list)
    for r in rows("peers", name):
        if r["index"] != "empty call":
            groups[r["library"], r["index"], tuple(r["setting"])].append(r)
    return [Point(*key, g[0]["recall"], [r["us"] for r in g], g[0]["bytes"], g[0]["build_s"]) for key, g in groups.items()]


def empty_calls(name):
    return {r["library"]: r["us"] for r in rows("peers", name) if r["index"] == "empty call"}


def edged_points(name):
    """A point of each recall a layout was made for and each recall asked of it."""
    groups = collections.defaultdict(list)
    for report in rows("edged", name, "measure"):
        for asked, got, us in edged.points(report):
            groups[report["recallAsked"], asked].append((got, us, report))
    return [
        Point("edged", layout, asked, statistics.median(g[0] for g in group), [g[1] for g in group],
              group[0][2]["bytesPerItem"], min(g[2]["buildSeconds"] for g in group))
        for (layout, asked), group in groups.items()
    ]  # fmt: skip


def best(points, recall):
    """The cheapest point that reaches it, or None: the same rule for edged and the others."""
    return min((p for p in points if p.recall >= recall), key=lambda p: p.us, default=None)


def front(points):
    """The points that none beats in both, by recall."""
    out = []
    for p in sorted(points, key=lambda p: (-p.recall, p.us)):
        if not out or p.us < out[-1].us:
            out.append(p)
    return out[::-1]
