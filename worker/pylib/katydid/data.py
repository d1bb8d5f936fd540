# SPDX-License-Identifier: MIT
"""Data for users: the rows of a file, dealt out over all workers (docs/data.md).

    from katydid.data import rows

    accounts = rows("users.csv")

    class Buyer(HttpUser):
        @task
        def buy(self):
            account = accounts.take()

One process reads the file, from row to row, and gives each worker as many as its users ask for: the one with the master's
side of the locustfile, so that workers on other machines need no copy."""

import json
import logging
import os
import sys
from collections import deque

from gevent import getcurrent
from gevent.event import AsyncResult
from locust.exception import StopUser

from . import _exchange
from ._rows_file import BadRows, RowsFile

__all__ = ["rows"]

LEASES = {"once": "stop", "shared": "wrap", "per-worker": "wrap"}  # and what the end of data does, unless said
ENDS = ("stop", "wrap", "fail")
LOSSES = ("report", "return")

_ANSWER_MAX = 1000  # rows
_ANSWER_BYTES = 1 << 20
_LATER_S = 0.5
_TOLD_MAX = 10  # lines of lost rows

logger = logging.getLogger("locust.main")


def rows(path, lease="once", end=None, lost="report", *, format=None, fields=None, delimiter=None, encoding="utf-8-sig"):
    """The rows of a file, for take(). To be made at module level.

    lease: "once": each row once in the whole test; "per-worker": once on each worker; "shared": in turn to all users of all
    workers, who may have the same row at a time.
    end: what happens when all rows are used: "stop", "wrap" (from the first on again), "fail". Default: "wrap", of "once"
    "stop".
    lost: rows that a lost worker's users were at: "report" them, or "return" them to the others."""
    for word, given, known in (("lease", lease, LEASES), ("end", end, (None, *ENDS)), ("lost", lost, LOSSES)):
        if given not in known:
            raise ValueError(f"{word}={given!r}: it is one of {', '.join(repr(each) for each in known if each)}")
    folder = os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))
    return Rows(RowsFile(path, folder, format, fields, delimiter, encoding), lease, end or LEASES[lease], lost)


def _user():
    """Its greenlet; in a coroutine that is not the one which carries it out."""
    coroutines = sys.modules.get("locust._coroutines")
    return coroutines.greenlet() if coroutines else getcurrent()


class Rows:
    """A worker's side."""

    def __init__(self, file, lease, end, lost):
        number = sum(isinstance(topic, Table) and topic.file.path == file.path for topic in _exchange.desk.topics.values())
        topic = f"rows of {file.path}" + (f" ({number + 1})" if number else "")
        self._is_leased = lease != "shared"
        self._waiting = deque()  # users: AsyncResult of (lease, row)
        self._held = {}  # greenlet -> (run, lease)
        self._done, self._back = [], []  # leases that are over, or come back unused
        self._told = (0, 0)  # of those, with the question that is under way
        self._line = _exchange.Line(topic, self)
        _exchange.desk.topics[topic] = Table(topic, file, lease, end, lost)

    def take(self):
        """The next row: a dictionary by the names of the columns, or what the line of JSON is. The user is done with the one
        it had. StopUser: there is none left."""
        me = _user()
        self._finish(me, self._done)
        waiter = AsyncResult()
        self._waiting.append(waiter)
        try:
            self._line.wake()
            lease, row = waiter.get()
        except BaseException:
            self._leave(waiter)
            raise
        if self._is_leased:
            self._held[me] = self._line.run, lease
            if hasattr(me, "rawlink"):
                me.rawlink(self._ended)
        return row

    __next__ = take

    def __iter__(self):
        return self

    def give_back(self):
        """The user's row is somebody else's from now on."""
        self._finish(_user(), self._back)
        self._line.wake()

    def _finish(self, user, into):
        run, lease = self._held.pop(user, (None, None))
        if run is not None:
            if hasattr(user, "unlink"):
                user.unlink(self._ended)
            if run == self._line.run:
                into.append(lease)

    def _ended(self, user):
        self._finish(user, self._done)
        self._line.wake()

    def _leave(self, waiter):
        """It was ended while it waited."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.successful():
            self._back.append(waiter.value[0])
            self._line.wake()

    # For the line

    def question(self):
        if not (self._waiting or self._done or self._back):
            return None
        self._told = len(self._done), len(self._back)
        return {"wanted": len(self._waiting), "done": list(self._done), "back": list(self._back)}

    def heard(self, answer):
        del self._done[:self._told[0]], self._back[:self._told[1]]
        names = answer.get("fields")
        for lease, values in answer.get("rows") or ():
            if self._waiting:
                self._waiting.popleft().set((lease, dict(zip(names, values)) if names else json.loads(values)))
            elif self._is_leased:
                self._back.append(lease)
        if "error" in answer or answer.get("is_over"):
            error = RuntimeError(answer["error"]) if "error" in answer else StopUser()
            while self._waiting:
                self._waiting.popleft().set_exception(error)
        return _LATER_S if self._waiting and not answer.get("rows") else 0

    def forget(self):
        self._done.clear()
        self._back.clear()
        self._held.clear()

    def renew(self):
        """Who waits still does."""


class Table:
    """The desk's side: which rows are out, and which comes next."""

    def __init__(self, topic, file, lease, end, lost):
        self.topic, self.file = topic, file
        self._is_leased, self._is_each = lease != "shared", lease == "per-worker"
        self._end, self._is_returned = end, lost == "return"
        self.begin()

    def check(self):
        """SystemExit with what is wrong with the file."""
        try:
            self.file.check()
        except BadRows as error:
            sys.exit(str(error))

    def begin(self):
        self._readers = {}  # client, or None for all -> iterator of rows; None: it is at its end
        self._out = {}  # client -> {lease: (line, values)}
        self._returned = {}  # client, or None for all -> rows to be given before others
        self._leases = 0
        self._is_broken = False
        self._is_short = False  # somebody was told that there is no row left

    def serve(self, client, question):
        out = self._out.setdefault(client, {})
        for lease in question["done"]:
            out.pop(lease, None)
        self._take_back([out.pop(lease) for lease in question["back"] if lease in out], client)
        given, size = [], 0
        try:
            while len(given) < min(question["wanted"], _ANSWER_MAX) and size < _ANSWER_BYTES:
                row = self._next(client)
                if row is None:
                    break
                self._leases += 1
                if self._is_leased:
                    out[self._leases] = row
                given.append([self._leases, row[1]])
                size += len(row[1]) if self.file.is_json else sum(map(len, row[1]))
        except BadRows as error:
            self._is_broken = True
            self._fail(str(error))
        is_over = question["wanted"] > 0 and not given and (self._is_broken or not self._may_return(client))
        self._is_short = self._is_short or is_over
        self._look_for_end()
        return {"rows": given, "fields": self.file.fields, "is_over": is_over}

    def _key(self, client):
        return client if self._is_each else None

    def _next(self, client):
        if self._is_broken:
            return None
        key = self._key(client)
        if self._returned.get(key):
            return self._returned[key].popleft()
        if key not in self._readers:
            self._readers[key] = self.file.rows()
        for _ in range(2):
            row = next(self._readers[key], None) if self._readers[key] else None
            if row is not None or self._end != "wrap":
                break
            self._readers[key] = self.file.rows()
        if row is None:
            self._readers[key] = None
        return row

    def _may_return(self, client):
        """Whether rows that are out may yet be another's."""
        return self._is_returned and self._desk_is_on() and any(
            out for holder, out in self._out.items() if not self._is_each or holder == client)

    @staticmethod
    def _desk_is_on():
        return _exchange.desk.is_on

    def _take_back(self, found, client):
        if found:
            self._returned.setdefault(self._key(client), deque()).extend(found)
            _exchange.desk.nudge(self.topic)

    def gone(self, client):
        found = list(self._out.pop(client, {}).values())
        if self._is_each:
            self._readers.pop(client, None)
            self._returned.pop(client, None)
        if found:
            lines = ", ".join(str(line) for line, _ in found[:_TOLD_MAX]) + (", …" if len(found) > _TOLD_MAX else "")
            is_returned = self._is_returned and not self._is_each
            logger.warning("%s: %d rows were with worker %s when it was lost (lines %s): %s", self.file.path, len(found), client,
                           lines, "others get them" if is_returned else "nobody else gets them")
            if is_returned:
                self._take_back(found, client)
        self._look_for_end()

    def _look_for_end(self):
        """The test ends when somebody found no row, and nobody has one any more."""
        if not self._is_short or not self._desk_is_on():
            return
        if self._end == "fail":
            self._fail("all rows are used (end='fail')")
        elif not any(self._out.values()) and not any(self._returned.values()) and not any(self._readers.values()):
            logger.info("%s: all rows are used, shutting down", self.file.path)
            _exchange.desk.end_test(is_failed=False)

    def _fail(self, why):
        if self._desk_is_on():
            logger.error("%s", why if why.startswith(self.file.path) else f"{self.file.path}: {why}")
            _exchange.desk.end_test(is_failed=True)
