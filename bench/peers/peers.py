"""Measures edged and other libraries on the same files. See README.md.

    peers.py make [SET...]      the sets
    peers.py explore [SET...]   every library, many settings, roughly: which are worth timing
    peers.py measure [SET...]   those, and edged between them, in rounds
    peers.py coarse [SET...]    edged once more, with 8-bit rows alone
    peers.py report             the tables and the picture
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import edged
import libraries
import machine
import results
import sets

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 900  # processor seconds that building and exploring one index may take; what takes longer is left out, and said
TRIED = 16  # settings of a library whose recall is looked at closely for each recall


class Worker:
    """A worker.py process."""

    def __init__(self, name, k, key):
        command = [sys.executable, os.path.join(HERE, "worker.py"), name, str(k), key]
        self.key = key
        self.errors = tempfile.TemporaryFile("w+")  # a pipe would be full at 64 KB, and the process stand still
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def read(self):
        for line in self.process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
        self.process.wait()
        self.errors.seek(0)
        raise RuntimeError(f"{self.key}: {self.errors.read()[-600:]}")

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()
        self.errors.close()


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


# ---------------------------------------------------------------- explore
def explore(name):
    """Adds to explored/NAME.json: library and index → settings with rough recall and time; then keeps the recalls over all queries of those
    worth timing. What is there is not done again."""
    about, k = results.about(name), sets.BY_NAME[name].k
    for peer in libraries.peers_for(about["n"], about["d"]):
        key = f"{peer.library} {peer.name}"
        if key not in results.read_explored(name):
            results.add_explored(name, key, explored(name, k, key))
    confirm(name, k)
    say(name, "explored")


def confirm(name, k):
    """Finds the recalls over all queries of each library's settings, cheapest first, until ENOUGH reach each recall."""
    workers = {}
    for points in results.by_library(results.read_explored(name)).values():
        for recall in results.RECALLS:
            near = sorted(p[1:] for p in points if p[0] >= recall - 0.01)
            reached = 0
            for _, key, setting in near[:TRIED]:
                reached += keep_recall(name, k, key, setting, workers) >= recall
                if reached == results.ENOUGH:
                    break
        best = max(points)  # to show where it stalls
        keep_recall(name, k, best[2], best[3], workers)
    for worker in workers.values():
        worker.close()


def keep_recall(name, k, key, setting, workers):
    known = results.read_recalls(name, key)
    if setting not in known:
        if key not in workers:
            workers[key] = Worker(name, k, key)
            workers[key].read()
        known[setting] = workers[key].ask(do="recall", settings=[setting])[0]
        results.write_recalls(name, key, known)
    return known[setting]


def explored(name, k, key):
    """The settings' recalls and times, none if the index takes too long or fails."""
    command = [sys.executable, os.path.join(HERE, "worker.py"), name, str(k), key]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = patiently(run, '{"do": "explore"}\n')
    answers = [json.loads(line[1:]) for line in out.splitlines() if line.startswith("@")]
    if len(answers) != 2:
        say(name, key, "took too long" if run.returncode == -signal.SIGKILL else "FAILED", err[-600:])
        return []
    say(name, key, answers[0], len(answers[1]), "settings, most", max(row["recall"] for row in answers[1]))
    return answers[1]


def patiently(run, text):
    """What the process wrote; it is ended once it has used too much processor time. (A limit on itself would coarsen its clock.)"""
    while True:
        try:
            return run.communicate(text, timeout=5)
        except subprocess.TimeoutExpired:
            text = None  # it has that
            with open(f"/proc/{run.pid}/stat") as f:
                ticks = f.read().rpartition(")")[2].split()[11:13]
            if sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") > PATIENCE:
                run.kill()


# ---------------------------------------------------------------- measure
def measure(name, rounds=2):
    """Rounds of edged, then every library's best settings. Appends to edged.jsonl and peers.jsonl."""
    k, chosen, run = sets.BY_NAME[name].k, results.worth_timing(name), int(time.time())
    say(name, sum(map(len, chosen.values())), "settings of", len(chosen), "indexes")
    with machine.quiet() as hold:
        workers = [ready(name, k, key) for key in chosen]
        empty_calls(name, k, run)
        for at in range(rounds):
            run_edged(name, k, run, hold)
            for worker in workers:
                hold.breathe()
                save(name, k, run, at, worker, worker.ask(do="time", settings=chosen[worker.key], passes=edged.PASSES))
    for worker in workers:
        worker.close()
    say(name, "done")


def ready(name, k, key):
    worker = Worker(name, k, key)
    worker.about, worker.recalls = worker.read(), results.read_recalls(name, key)
    return worker


def empty_calls(name, k, run):
    for library in sorted({p.library for p in libraries.floors()}):
        empty = Worker(name, k, "empty:" + library)
        results.append("peers", dict(set=name, run=run, k=k, library=library, index="empty call", **empty.read()))
        empty.close()


def save(name, k, run, at, worker, rows):
    library, index = worker.key.split(" ", 1)
    for row in rows:
        recall = worker.recalls[tuple(row["setting"])]
        results.append("peers", dict(set=name, run=run, k=k, library=library, index=index, round=at, recall=recall, **row, **worker.about))


def run_edged(name, k, run, hold):
    """Two runs: layouts for 0.95 and for 0.99, since a release is made for one recall."""
    for recall in (0.95, 0.99):
        hold.breathe()
        report = edged.search(name, k, recall)
        points = " ".join(f"{asked:g}:{got:.4f}/{us:.2f}" for asked, got, us in edged.points(report))
        say(name, "edged", recall, points, f"{report['bytesPerItem']} B, {report['buildSeconds']} s")
        results.append("edged", dict(set=name, run=run, why="measure", **report))


def coarse(name):
    """Bytes and recall without the remainders' plane."""
    with machine.quiet():
        report = edged.search(name, sets.BY_NAME[name].k, 0.95, coarse=True)
    results.append("edged", dict(set=name, run=int(time.time()), why="coarse", **report))
    say(name, "coarse", report["bytesPerItem"], edged.points(report))


def main():
    command, names = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:] or list(sets.BY_NAME)
    if command == "report":
        import report

        return report.write()
    steps = dict(make=lambda name: None, explore=explore, measure=measure, coarse=coarse)
    if command not in steps:
        sys.exit(__doc__)
    for name in names:
        sets.make(name)
        steps[command](name)


if __name__ == "__main__":
    main()
