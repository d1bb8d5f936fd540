# SPDX-License-Identifier: MIT
"""Logging of a worker: one format, and the last lines kept for the master."""

import logging
import socket
import sys
import time
from collections import deque

import gevent
from _katydid import steady

HOSTNAME = socket.gethostname().split(".", 1)[0]
LINE_FORMAT = f"[%(asctime)s] {HOSTNAME}/%(levelname)s/%(name)s: %(message)s"

# True once an event listener or a greenlet of the runner failed: the exit code becomes 2.
unhandled_greenlet_exception = False
unhandled_error = None  # the traceback of the first one of a listener


class LogReader(logging.Handler):
    """Keeps the last 500 formatted lines. `count` is how many there were in all. `fresh` are those
    that a Katydid master has not been sent: [unix time, level, logger, text]."""

    def __init__(self):
        super().__init__()
        self.logs = deque(maxlen=500)
        self.times = deque(maxlen=500)  # monotonic, of the same lines
        self.count = 0
        self.fresh = deque(maxlen=200)
        self.fresh_count = 0

    def emit(self, record):
        line = self.format(record)
        self.logs.append(line)
        self.times.append(time.monotonic())
        self.count += 1
        text = line.partition(": ")[2]  # behind LINE_FORMAT's head; with the traceback
        self.fresh.append([steady(), record.levelname, record.name, text[:8192]])
        self.fresh_count += 1


class LogFile(logging.FileHandler):
    """A file that cannot be written (a full disk) is told once, and not with a traceback a line."""

    _is_told = False

    def handleError(self, record):  # noqa: N802
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_told:
            self._is_told = True
            print(f"--logfile: cannot write {self.baseFilename}: {error.strerror}; lines are missing in it",
                  file=sys.stderr)


def setup_logging(loglevel, logfile=None):
    """Sends everything of at least `loglevel` to stderr, or to `logfile`; bad levels raise."""
    level = logging.getLevelName(loglevel.upper())
    if not isinstance(level, int):
        raise ValueError(f"unknown log level {loglevel!r}")
    output = LogFile(logfile) if logfile else logging.StreamHandler(sys.stderr)
    reader = LogReader()
    reader.set_name("log_reader")
    plain = logging.StreamHandler(sys.stderr)
    for handler in (output, reader):
        handler.setFormatter(logging.Formatter(LINE_FORMAT))
    root = logging.getLogger()
    _use(root, level, output, reader)
    _use(logging.getLogger("locust"), level, output, reader).propagate = False
    tables = _use(logging.getLogger("locust.stats_logger"), logging.INFO, plain, reader)
    tables.propagate = False


def _use(logger, level, *handlers):
    logger.handlers[:] = handlers
    logger.setLevel(level)
    return logger


def _reader():
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogReader):
            return handler
    return None


def get_logs():
    """The last log lines, oldest first."""
    reader = _reader()
    return list(reader.logs) if reader else []


def get_times():
    """When these lines were written, by the monotonic clock."""
    reader = _reader()
    return list(reader.times) if reader else []


def take_fresh():
    """(lines, how many more there were) since the last call."""
    reader = _reader()
    if reader is None:
        return [], 0
    lines = list(reader.fresh)
    dropped = reader.fresh_count - len(lines)
    reader.fresh.clear()
    reader.fresh_count = 0
    return lines, dropped


def logged_count():
    """How many lines were logged since the start; grows even when old lines were dropped."""
    reader = _reader()
    return reader.count if reader else 0


def log_exit(logger, end, level=logging.INFO, greenlet=None):
    """That user code called sys.exit(): once, though gevent tells those who watch the greenlet and the main one."""
    if not getattr(end, "_is_logged", False):
        end._is_logged = True
        logger.log(level, "sys.exit(%s) called (use log level DEBUG for callstack)", end)
        logger.debug("Unhandled exception in greenlet: %s", greenlet or gevent.getcurrent(), exc_info=end)


def greenlet_exception_logger(logger, level=logging.CRITICAL):
    """A callback for Greenlet.link_exception that logs what ended the greenlet."""

    def log_end(greenlet):
        global unhandled_greenlet_exception
        kind, value, _ = greenlet.exc_info
        if kind is SystemExit:
            log_exit(logger, value, min(logging.INFO, level), greenlet)
        else:
            logger.log(level, "Unhandled exception in greenlet: %s", greenlet,
                       exc_info=greenlet.exc_info)
        unhandled_greenlet_exception = True

    return log_end
