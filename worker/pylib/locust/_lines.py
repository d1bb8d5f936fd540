# SPDX-License-Identifier: MIT
"""Standard output and error of a process that shares them with others: lines come out whole.

Python writes what print() is given piece by piece when it is unbuffered (PYTHONUNBUFFERED, as in
most containers), and long text in parts. Here a line is written when it ends, or at flush(), with
one write; to a pipe under the lock that common/base/whole.c has, too. A terminal is left as it is.
"""

import fcntl
import io
import os
import stat
import sys

from gevent import monkey

_LOCK_TRIES = 500  # of a millisecond, while there is room: whoever holds it should be done

# No other greenlet may run in between: it would write, too.
_sleep = monkey.get_original("time", "sleep")
_select = monkey.get_original("select", "select")


class Lines(io.BufferedIOBase):
    """The buffer of a text stream. Writes whole lines to the descriptor."""

    def __init__(self, fd, name):
        self._fd = fd
        self._pending = b""
        self._is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
        self.name = name

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def write(self, data):
        data = bytes(data)
        self._pending += data
        end = self._pending.rfind(b"\n") + 1
        if end:
            ready, self._pending = self._pending[:end], self._pending[end:]
            self._put(ready)
        return len(data)

    def flush(self):
        ready, self._pending = self._pending, b""
        if ready:
            self._put(ready)

    def _put(self, data):
        is_locked = self._is_pipe and self._lock()
        try:
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(self._fd, view):]
                except BlockingIOError:  # another process made it so
                    _select([], [self._fd], [])
                except BrokenPipeError:
                    return  # nobody reads: that must not end a test
        finally:
            if is_locked:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def _lock(self):
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except (BlockingIOError, PermissionError):
                _sleep(0.001)
                _select([], [self._fd], [])
            except OSError:
                return False
        return False


def install():
    """For sys.stdout and sys.stderr."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream.isatty():
            stream.reconfigure(line_buffering=True)
            continue
        stream.flush()
        setattr(sys, name, io.TextIOWrapper(Lines(fd, f"<{name}>"), "utf-8", stream.errors,
                                            newline="\n", write_through=True))
