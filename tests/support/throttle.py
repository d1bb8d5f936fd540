"""A process that has only a part of the processor time it needs."""

import signal
import threading
import time

PERIOD_S = 0.25
LOOK_S = 0.002


class Throttle:
    """The process uses so much processor time in each PERIOD_S, whatever else runs on the machine, and none before go() where
    it is held. (By signals: not every machine lets tests make cgroups.)"""

    def __init__(self, process, duty_s, is_held=False):
        self.process, self.duty_s, self.is_over, self.may_go = process, duty_s, threading.Event(), threading.Event()
        self.go = self.may_go.set
        if not is_held:
            self.go()
        self.thread = threading.Thread(target=self._run)

    def _used_s(self):
        return time.clock_gettime(~self.process.pid << 3 | 2)  # CPUCLOCK_SCHED of all its threads

    def _run_until(self, allowed_s, end):
        self.process.signal(signal.SIGCONT)
        while time.monotonic() < end and not self.is_over.wait(LOOK_S) and self._used_s() < allowed_s:
            pass
        self.process.signal(signal.SIGSTOP)

    def _run(self):
        self.process.signal(signal.SIGSTOP)
        self.may_go.wait()
        allowed_s = self._used_s()
        while not self.is_over.is_set() and self.process.popen.poll() is None:
            end, used_s = time.monotonic() + PERIOD_S, self._used_s()
            allowed_s = min(allowed_s, used_s) + self.duty_s  # nothing is saved up, and what was too much is not had again
            if used_s < allowed_s:
                self._run_until(allowed_s, end)
            self.is_over.wait(max(end - time.monotonic(), 0))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.go()
        self.thread.join()
        if self.process.popen.poll() is None:
            self.process.signal(signal.SIGCONT)
