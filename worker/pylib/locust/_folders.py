# SPDX-License-Identifier: MIT
"""Private folders for files that travel, removed when the interpreter ends. One whose process was
killed is removed by the next master: its lock (master/nodes/private_folder.h) is free then."""

import fcntl
import os
import tempfile

_LOCK = "katydid.lock"

_kept = []  # (folder, the descriptor that holds its lock)


def new():
    """The path of a new one."""
    folder = tempfile.TemporaryDirectory(prefix="katydid-")
    path = os.path.join(folder.name, _LOCK)
    lock = os.open(path + ".new", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.rename(path + ".new", path)
    _kept.append((folder, lock))
    return folder.name
