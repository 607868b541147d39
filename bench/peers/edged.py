"""Runs `edged bench search` on a set."""

import json
import os
import subprocess

import machine
import sets

PASSES = 5  # over the queries; the least counts, of edged as of the others
FIXED = (0.9, 0.95, 0.99, 0.999)  # what the command's curve has


def search(name, k, recall=0.95, coarse=False):
    """The command's report. It builds with all cores and measures on one thread, on the core the others are measured on."""
    command = [os.path.join(sets.root(), "edged"), "bench", "search"]
    command += ["--k", str(k), "--recall", str(recall), "--passes", str(PASSES), "--json", "-"]
    for flag, what in (("--items", "items"), ("--queries", "queries"), ("--train", "train")):
        command += [flag, sets.path(name, what + ".npy")]
    if machine.CORE in os.sched_getaffinity(0):
        command += ["--core", str(machine.CORE)]
    if coarse:
        command += ["--coarse"]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return json.loads(out[out.index(b"{") :])


def points(report):
    """(asked, got, µs) of a report; what none of its settings reaches is searched exactly."""
    out = [(p["recallAsked"], p["recall"], p["usPerQuery"]) for p in report.get("curve") or []]
    if report["recallAsked"] not in [p[0] for p in out]:
        out.append((report["recallAsked"], report["recall"], report["usPerQuery"]))
    reached = {p[0] for p in out}
    recall, us = (report["recallExact"], report["usExact"]) if report["cells"] else (report["recall"], report["usPerQuery"])
    out += [(asked, recall, us) for asked in FIXED if asked not in reached]
    return sorted(out)
