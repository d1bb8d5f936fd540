"""A process that has only a part of the processor time it needs."""

import signal
import threading

PERIOD_S = 0.25


class Throttle:
    """The process runs only so much of each PERIOD_S, and not at all before go() where it is held. (By signals: not
    every machine lets tests make cgroups.)"""

    def __init__(self, process, duty_s, is_held=False):
        self.process, self.duty_s, self.is_over, self.may_go = process, duty_s, threading.Event(), threading.Event()
        self.go = self.may_go.set
        if not is_held:
            self.go()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.is_over.is_set() and self.process.popen.poll() is None:
            self.process.signal(signal.SIGSTOP)
            self.may_go.wait()
            self.is_over.wait(PERIOD_S - self.duty_s)
            self.process.signal(signal.SIGCONT)
            self.is_over.wait(self.duty_s)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.go()
        self.thread.join()
        if self.process.popen.poll() is None:
            self.process.signal(signal.SIGCONT)
