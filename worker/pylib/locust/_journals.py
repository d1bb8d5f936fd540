# SPDX-License-Identifier: MIT
"""The files with every request that this worker writes (--out json, csv, jtl; the first two have k6's other metrics, too),
from the begin of a test to its end. The writing is the core's (worker/journal), on threads of its own."""

import logging
import os
import time

import _katydid
import gevent

from ._spans import Spans
from .user.task import watch_iterations

logger = logging.getLogger("locust.runners")

_HERE = os.getcwd()  # of relative paths, whatever code makes of it later
_END_S = 30.0  # for what is not written at the end of a test
_HANG_S = 3.0  # ... if nothing comes of it for so long
_LOOK_S = 0.02


class Journals:
    """Those of one test at a time."""

    def __init__(self, runner, core, node_id, send):
        self.spans = Spans(send)
        self._runner = runner
        self._core = core
        self._id = node_id
        self._run = None
        self._is_over = True
        self._told = set()  # which troubles were logged

    def begin(self, run, order):
        """Before the first request of a test, as the master orders it (docs/wire.md); again for the same test is
        nothing."""
        wishes = order.get("journals") or []
        if run == self._run:
            return
        if not self._is_over:
            self.end()
        self.spans.begin(run, order.get("trace"))
        self._run = run
        self._is_over = False
        self._told.clear()
        _katydid.journals_close()
        watch_iterations(is_told=any(wish["format"] != "jtl" for wish in wishes))
        if not wishes:
            return
        worker = None if all(wish["alone"] for wish in wishes) else self._id
        files = [(wish["format"], self._path(wish), wish["time"], wish["more"], wish["waits"], wish["buffer"], wish.get("metrics"))
                 for wish in wishes]
        try:
            _katydid.journals_open(files, worker, self._core)
        except (OSError, ValueError) as error:
            logger.error("Requests are not written to %s: %s", ", ".join(file[1] for file in files), error)

    def _path(self, wish):
        if wish["path"] == "-":
            return "-"
        path = os.path.join(_HERE, wish["path"])
        return path if wish["alone"] else named(path, self._id)

    def count_users(self):
        """JTL has how many there are; what came since is as if they were as many. The others have it as vus."""
        _katydid.journals_users(self._runner.user_count, self._runner.user_classes_count)
        if not self._is_over:
            _katydid.journal_vus(self._runner.user_count)

    def numbers(self):
        """What came of each until now, for the report; None: there are none."""
        self.count_users()
        self.spans.send_due()
        numbers = []
        for number, (offered, written, dropped, lost, trouble, note, _) in enumerate(_katydid.journals_state()):
            if trouble and (number, True) not in self._told:
                self._told.add((number, True))
                logger.error("Requests are no longer written: %s. The test goes on", trouble)
            if note and not trouble and (number, False) not in self._told:
                self._told.add((number, False))
                logger.warning("%s", note)
            of_values = f"{lost} values of checks and other metrics are not in the file" if lost else None
            numbers.append([written, offered - written if self._is_over else dropped, trouble or note or of_values, offered])
        return numbers or None

    def end(self):
        """Has everything written that was recorded; not for ever, should the disk hang. What is not written then is
        said to be dropped."""
        self.spans.flush()
        _katydid.journals_end()
        now = began = moved_at = time.monotonic()
        states = _katydid.journals_state()
        while not all(state[-1] for state in states) and now - moved_at < _HANG_S and now - began < _END_S:
            gevent.sleep(_LOOK_S)
            before, states = states, _katydid.journals_state()
            now = time.monotonic()
            moved_at = now if states != before else moved_at
        self._is_over = True


def named(path, node_id):
    """The path with the worker's name in it, before its endings: requests.json.gz, requests.WORKER.json.gz."""
    folder, name = os.path.split(path)
    stem, dot, endings = name.lstrip(".").partition(".")
    hidden = name[:len(name) - len(name.lstrip("."))]
    return os.path.join(folder, f"{hidden}{stem}.{node_id}{dot}{endings}")
