# SPDX-License-Identifier: MIT
"""gevent's loop: _katydid.Loop with the rare watchers, child and stat, on top."""
import os
import signal

import _katydid

from .watchers import Child, Stat

_waitpid = os.waitpid  # before gevent patches it

READ = 1
WRITE = 2
READWRITE = READ | WRITE
EVENTS = object()

__all__ = ["READ", "WRITE", "READWRITE", "EVENTS", "Loop", "loop"]


class Loop(_katydid.Loop):
    approx_timer_resolution = 0.00001
    MAXPRI = 2
    MINPRI = -2
    backend = "libevent"
    backend_int = 0
    depth = 0
    starting_timer_may_update_loop_time = False

    def __init__(self, flags=None, default=None):
        super().__init__(flags, default)
        self._children = {}
        self._child_signal = None

    locals()["async"] = _katydid.Loop.async_  # its name before it became a keyword

    def child(self, pid, trace=0, ref=True):
        return Child(self, pid, ref)

    def stat(self, path, interval=0.0, ref=True, priority=None):
        return Stat(self, path, interval, ref, priority)

    def install_sigchld(self):
        if self._child_signal is None:
            self._child_signal = self.signal(signal.SIGCHLD, ref=False)
            self._child_signal.start(self._reap)

    def reset_sigchld(self):
        if self._child_signal is not None:
            self._child_signal.close()
            self._child_signal = None

    def _watch_child(self, child):
        watchers = self._children.setdefault(child.pid, set())
        told = next((other for other in watchers if other.rpid == child.pid), None)
        watchers.add(child)
        if told is not None:  # it was reaped, and those who watched have not had their turn yet
            self._tell(child, told.rpid, told.rstatus)
        else:
            self.run_callback(self._reap)  # it may have ended before anyone watched

    def _unwatch_child(self, child):
        watchers = self._children.get(child.pid)
        if watchers:
            watchers.discard(child)
            if not watchers:
                del self._children[child.pid]

    def _reap(self):
        for pid in list(self._children):
            try:
                ended, status = _waitpid(pid or -1, os.WNOHANG)
            except ChildProcessError:
                continue
            if ended:
                self._ended(ended, status)

    def _ended(self, pid, status):
        for child in self._children.get(pid, set()) | self._children.get(0, set()):
            self._tell(child, pid, status)

    @staticmethod
    def _tell(child, pid, status):
        child.rpid, child.rstatus = pid, status
        child.send()

    def _format(self):
        if self.ptr is None:
            return "destroyed"
        return "backend=%s ptr=%#x%s ref=%d callbacks=%d" % (
            self.backend,
            self.ptr,
            " default" if self.default else "",
            self.activecnt,
            self.pendingcnt,
        )

    def fileno(self):
        return None

    def __repr__(self):
        return "<%s at %#x %s>" % (type(self).__name__, id(self), self._format())


loop = Loop
