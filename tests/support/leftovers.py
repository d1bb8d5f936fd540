# SPDX-License-Identifier: MIT
"""What a test must not leave behind: processes, open descriptors, and words that tell of a fault of ours.

Children of a program that has ended become children of the test process, so that none is overlooked. Reports of the
sanitizers go to files, so that they are found whoever reads the program's stderr, or nobody.
"""

import atexit
import ctypes
import gc
import os
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

import harness

PR_SET_CHILD_SUBREAPER = 36
SANITIZER_OPTIONS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")
# Nothing that a locustfile, a target or a stranger does may bring one of these about.
FAULT = re.compile(
    r"Sanitizer[: ]|runtime error: |Assertion [`'].*failed|^out of memory: |^Fatal Python error|Internal error in "
    r"|^\[(?:warn|err)\] |/CRITICAL/katydid|\*\*\* (?:stack smashing|buffer overflow) detected|^(?:double free|free\(\)|malloc\(\)|corrupted )"
    r"|^(?:NameError|UnboundLocalError): ",
    re.MULTILINE,
)
CRASHES = {-int(s) for s in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)}


def watch():
    """To be called once, before anything is started; returns the folder that sanitizer reports go to."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder = tempfile.mkdtemp(prefix="katydid-reports-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in SANITIZER_OPTIONS:
        os.environ[name] = ":".join(filter(None, (os.environ.get(name), f"log_path={folder}/report")))
    return Path(folder)


def descriptors():
    """This process's open files, sockets and pipes by number; not what ZeroMQ's context keeps for itself."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            pass  # the one that lists
    return {number: what for number, what in found.items() if not what.startswith("anon_inode:")}


def soon(condition, seconds):
    """Waits until it holds, or no longer."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


class Before:
    """What there was before a test; the methods tell what is there now that was not, as text."""

    def __init__(self, reports, patience_s=10):
        self.reports = reports
        self.patience_s = patience_s
        self.children = set(harness.children(os.getpid()))
        self.descriptors = descriptors()
        self.started = len(harness.started)
        self.read = {process: (len(process.out), len(process.err)) for process in harness.running()}

    def processes(self):
        def alive():
            left = set(harness.children(os.getpid())) - self.children
            for pid in [pid for pid in left if not harness.is_alive(pid)]:
                os.waitpid(pid, os.WNOHANG)
                left.discard(pid)
            return left

        soon(lambda: not alive(), self.patience_s)  # what was killed may still be on its way out
        return [f"{pid}: {Path(f'/proc/{pid}/cmdline').read_text().replace(chr(0), ' ')}" for pid in alive()]

    def open_descriptors(self):
        def more():
            return {n: what for n, what in descriptors().items() if self.descriptors.get(n) != what}

        soon(lambda: not more() or gc.collect() < 0, self.patience_s)  # circles of objects; and ZeroMQ closes in a thread of its own
        return [f"{n}: {what}" for n, what in more().items()]

    def words(self, allowed=None):
        """Faults that the test's programs told of, or ended with."""
        found = [f"{path.name}: {path.read_text(errors='replace')}" for path in sorted(self.reports.iterdir())]
        for path in self.reports.iterdir():
            path.unlink()
        for process in {*self.read, *harness.started[self.started :]}:
            out, err = self.read.get(process, (0, 0))
            text = "".join([*process.out[out:], *process.err[err:]])
            faults = [line for line in text.splitlines() if FAULT.search(line) and not (allowed and re.search(allowed, line))]
            if process.popen.returncode in CRASHES and not (allowed and re.search(allowed, "ended by signal")):
                faults.append(f"ended by signal {-process.popen.returncode}")
            if faults:
                found.append("\n".join([*faults, process.describe()]))
        return found
