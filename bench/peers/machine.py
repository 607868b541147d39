"""The machine while something is timed.

EDGED_BENCH_QUIET may name a command that runs the words after it as a command when the machine is quiet, and keeps it so until
that ends (say "flock FILE", where other work on the machine takes "flock -s FILE"). Without it nobody is asked.
"""

import contextlib
import os
import shlex
import subprocess
import time

CORE = int(os.environ.get("EDGED_BENCH_CORE", "0"))
LONGEST = 60  # seconds in one piece


class Hold:
    """What the command grants, from start to stop. It ends with this process, whatever happens to it."""

    def __init__(self):
        self.prefix, self.process = shlex.split(os.environ.get("EDGED_BENCH_QUIET", "")), None

    def start(self):
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
def quiet():
    hold = Hold()
    hold.start()
    try:
        yield hold
    finally:
        hold.stop()


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
