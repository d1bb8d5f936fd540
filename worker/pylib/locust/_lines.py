# SPDX-License-Identifier: MIT
"""Standard output and error of a process that shares them with others: lines come out whole.

Python writes what print() is given piece by piece when it is unbuffered (PYTHONUNBUFFERED, as in
most containers), and long text in parts. Here a line is written when it ends, or at flush(), at
once and under the lock of common/base/whole.c. A pipe that nobody reads holds up no task: what does
not fit waits beside (common/base/spool.h). A terminal is left as it is.
"""

import io
import sys

from _katydid import put_lines


class Lines(io.BufferedIOBase):
    """The buffer of a text stream. Writes whole lines to the descriptor."""

    def __init__(self, fd, name):
        self._fd = fd
        self._pending = b""
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
            put_lines(self._fd, ready)
        return len(data)

    def flush(self):
        ready, self._pending = self._pending, b""
        if ready:
            put_lines(self._fd, ready)


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
