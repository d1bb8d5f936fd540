# SPDX-License-Identifier: MIT
"""The rare watchers, made of the plain ones: child of an async, stat of a timer."""
import os


class _Wrapper:
    """A watcher made of another one: what it does not say itself, that one does."""

    _own = ("_watcher",)

    def __init__(self, watcher):
        object.__setattr__(self, "_watcher", watcher)

    def __getattr__(self, name):
        return getattr(self._watcher, name)

    def __setattr__(self, name, value):
        object.__setattr__(self if name in self._own else self._watcher, name, value)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def close(self):
        self.stop()
        self._watcher.close()


class Child(_Wrapper):
    """Fires once the child process pid (0: any) has ended; rpid and rstatus are waitpid's."""

    _own = ("_watcher", "_loop", "pid", "rpid", "rstatus")

    def __init__(self, loop, pid, ref=True):
        if not loop.default:
            raise TypeError("child watchers are only available on the default loop")
        loop.install_sigchld()
        super().__init__(loop.async_(ref=ref))
        self._loop = loop
        self.pid = pid
        self.rpid = None
        self.rstatus = 0

    def start(self, callback, *args):
        self._watcher.start(callback, *args)
        self._loop._watch_child(self)

    def stop(self):
        self._loop._unwatch_child(self)
        self._watcher.stop()


class Stat(_Wrapper):
    """Fires when what os.stat says of the path changes; looks every interval seconds."""

    DEFAULT_INTERVAL = 5.0
    MIN_INTERVAL = 0.1
    _own = ("_watcher", "_call", "path", "interval", "attr", "prev")

    def __init__(self, loop, path, interval=0.0, ref=True, priority=None):
        period = max(interval, self.MIN_INTERVAL) if interval > 0 else self.DEFAULT_INTERVAL
        super().__init__(loop.timer(period, period, ref, priority))
        self.path = path
        self.interval = period
        self.attr = self.prev = None
        self._call = None

    def start(self, callback, *args):
        self.attr = self.prev = self._look()
        self._call = callback, args
        self._watcher.start(self._tick)

    def stop(self):
        self._watcher.stop()
        self._call = None

    @property
    def callback(self):
        return self._call[0] if self._call else None

    @property
    def args(self):
        return self._call[1] if self._call else None

    def _look(self):
        try:
            return os.stat(self.path)
        except OSError:
            return None

    def _tick(self):
        now = self._look()
        if _essence(now) == _essence(self.attr):
            return
        self.prev, self.attr = self.attr, now
        callback, args = self._call
        callback(*args)


def _essence(st):
    return st and (st.st_dev, st.st_ino, st.st_mode, st.st_nlink, st.st_uid, st.st_gid, st.st_size,
                   st.st_mtime_ns, st.st_ctime_ns)
