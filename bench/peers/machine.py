"""The machine while something is built or timed.

Two environment variables may name commands that run the words after them as a command when they may: EDGED_BENCH_WORK for
building and exploring, EDGED_BENCH_QUIET for what is timed (say "flock -s FILE" and "flock FILE"). Without them nobody is asked.
"""

import contextlib
import os
import shlex
import subprocess
import time

CORE = os.cpu_count() - 1
LONGEST = 60  # seconds of either in one piece


class Hold:
    """What the command of a variable grants, from start to stop. The command ends with this process, whatever happens to it."""

    def __init__(self, variable):
        self.prefix, self.process = shlex.split(os.environ.get(variable, "")), None

    def start(self):
        self.since = time.monotonic()
        if self.prefix:
            command = self.prefix + ["sh", "-c", "echo held; read line || :"]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.process.stdout.readline()
            self.since = time.monotonic()

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def breathe(self):
        """Lets others in when it is their turn."""
        if time.monotonic() - self.since > LONGEST:
            self.stop()
            self.start()


@contextlib.contextmanager
def held(variable):
    hold = Hold(variable)
    hold.start()
    try:
        yield hold
    finally:
        hold.stop()


def quiet():
    return held("EDGED_BENCH_QUIET")


def work():
    return held("EDGED_BENCH_WORK")


def pin():
    """This process on one core."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {CORE} & os.sched_getaffinity(0) or os.sched_getaffinity(0))


def unpin():
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, range(os.cpu_count()))


def name():
    """The processor's, with its cores."""
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} cores"
