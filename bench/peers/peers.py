"""Measures edged and other libraries on the same files. See README.md.

    peers.py make [SET...]      the sets
    peers.py explore [SET...]   every library, many settings, roughly: which are worth timing
    peers.py measure [SET...]   those, and edged between them, in rounds
    peers.py report             the tables and the picture
"""

import json
import os
import subprocess
import sys
import time

import edged
import libraries
import machine
import results
import sets

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 900  # seconds that building and exploring one index may take; what takes longer is left out, and said


class Worker:
    """A worker.py process."""

    def __init__(self, name, k, key):
        command = [sys.executable, os.path.join(HERE, "worker.py"), name, str(k), key]
        self.key = key
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def read(self):
        for line in self.process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
        raise RuntimeError(f"{self.key}: {self.process.stderr.read()[-600:]}")

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


# ---------------------------------------------------------------- explore
def explore(name):
    """Adds to explored/NAME.json: library and index → settings with rough recall and time. What is there is not done again."""
    about, k = results.about(name), sets.BY_NAME[name].k
    with machine.work() as hold:
        for peer in libraries.peers_for(about["n"], about["d"]):
            key = f"{peer.library} {peer.name}"
            if key not in results.read_explored(name):
                hold.breathe()
                results.add_explored(name, key, explored(name, k, key))


def explored(name, k, key):
    """The settings' recalls and times, none if the index takes too long or fails."""
    command = [sys.executable, os.path.join(HERE, "worker.py"), name, str(k), key]
    try:
        run = subprocess.run(command, input='{"do": "explore"}\n', capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        say(name, key, "took longer than", PATIENCE, "s")
        return []
    answers = [json.loads(line[1:]) for line in run.stdout.splitlines() if line.startswith("@")]
    if len(answers) != 2:
        say(name, key, "FAILED", run.stderr[-600:])
        return []
    say(name, key, answers[0], len(answers[1]), "settings, most", max(row["recall"] for row in answers[1]))
    return answers[1]


# ---------------------------------------------------------------- measure
def measure(name, rounds=2, passes=2):
    """Rounds of edged, then every library's best settings; a last edged. Appends to edged.jsonl and peers.jsonl."""
    k, chosen, run = sets.BY_NAME[name].k, results.worth_timing(name), int(time.time())
    say(name, sum(map(len, chosen.values())), "settings of", len(chosen), "indexes")
    with machine.work() as hold:
        workers = [ready(name, k, key, chosen[key], hold) for key in chosen]
    with machine.quiet() as hold:
        empty_calls(name, k, run)
        for at in range(rounds):
            run_edged(name, k, run, hold)
            for worker in workers:
                hold.breathe()
                rows = worker.ask(do="time", settings=chosen[worker.key], passes=passes)
                save(name, k, run, at, worker, rows)
        run_edged(name, k, run, hold)
    for worker in workers:
        worker.close()
    say(name, "done")


def ready(name, k, key, settings, hold):
    """A worker that knows the recalls of its settings; they are kept."""
    hold.breathe()
    worker, known = Worker(name, k, key), results.read_recalls(name, key)
    worker.about = worker.read()
    new = [s for s in settings if s not in known]
    if new:
        known.update(zip(new, worker.ask(do="recall", settings=new)))
        results.write_recalls(name, key, known)
    worker.recalls = [known[s] for s in settings]
    return worker


def empty_calls(name, k, run):
    for library in sorted({p.library for p in libraries.floors()}):
        empty = Worker(name, k, "empty:" + library)
        results.append("peers", dict(set=name, run=run, k=k, library=library, index="empty call", **empty.read()))
        empty.close()


def save(name, k, run, at, worker, rows):
    library, index = worker.key.split(" ", 1)
    for recall, row in zip(worker.recalls, rows):
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
        with machine.work():
            sets.make(name)
        steps[command](name)


if __name__ == "__main__":
    main()
