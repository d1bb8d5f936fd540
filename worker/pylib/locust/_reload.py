# SPDX-License-Identifier: MIT
"""The locustfile, read anew: the whole process starts itself again, under the same process id, with
the same orders. So nothing of the old file is left, and a file that has become wrong is found out
before, by a process that only imports it."""

import json
import os
import sys
import tempfile

from gevent import subprocess

_CHECK_TIMEOUT_S = 60
_ERROR_MAX = 64 * 1024
_HEADLINE_MAX = 200

_config = {}


def remember(config):
    """What this process was started with."""
    _config.update(config)


def _write(config):
    """A file as the master writes them: private, deleted by its reader."""
    folder = tempfile.mkdtemp(prefix="katydid-")
    path = os.path.join(folder, "config.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    return path


def _forget(path):
    for remove, what in ((os.unlink, path), (os.rmdir, os.path.dirname(path))):
        try:
            remove(what)
        except OSError:
            pass


def _with_file(locustfile):
    """What this process was started with, perhaps with another locustfile."""
    if locustfile is None:
        return _config
    return {**_config, "options": {**_config["options"], "locustfile": locustfile}}


def check(locustfile=None):
    """None when the file can be used, else what is wrong with it."""
    path = _write({**_with_file(locustfile), "list": "check", "parent_pid": os.getpid(), "node_id": None,
                   "refusal": None})
    try:
        done = subprocess.run(
            [os.readlink("/proc/self/exe"), "--config", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=_CHECK_TIMEOUT_S, check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Importing the locustfile took longer than {_CHECK_TIMEOUT_S} s."
    finally:
        _forget(path)
    if done.returncode == 0:
        return None
    text = done.stdout[-_ERROR_MAX:].decode("utf-8", "replace").strip()
    return text or f"The locustfile ended the process with exit code {done.returncode}."


def leave_refusal(config, text, traceback=""):
    """For the master, which shows it: why this process does not come to be a host."""
    path = config.get("refusal")
    if not path:
        return
    try:
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.write(f"{_headline(text)}\n{traceback[-_ERROR_MAX:]}")
    except OSError:  # the master is gone, or the disk is full
        pass


def _headline(text):
    """Of a traceback the exception, of anything else its first line."""
    lines = [line for line in text.splitlines() if line.strip()] or ["no reason was given"]
    frames = [number for number, line in enumerate(lines) if line.startswith("  ")]
    after = frames[-1] + 1 if frames and lines[0].startswith(("Traceback", "  ")) else 0
    line = lines[after] if after < len(lines) else lines[-1]
    return line if len(line) <= _HEADLINE_MAX else f"{line[:_HEADLINE_MAX]}…"


def restart(node_id, locustfile=None):
    """Does not return."""
    path = _write({**_with_file(locustfile), "node_id": node_id})
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    program = os.readlink("/proc/self/exe")
    os.execv(program, [program, "--config", path])
