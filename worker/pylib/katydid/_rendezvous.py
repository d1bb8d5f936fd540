# SPDX-License-Identifier: MIT
"""Users of all workers wait for one another: self.rendezvous("checkout", count=50, timeout=10) (docs/data.md).

The desk (_exchange.py) has who waits, and decides alone: of so many that are there all go on, and who waited too long goes on
by itself, never both."""

import time

from gevent.event import AsyncResult
from locust.user.task import TaskSet
from locust.user.users import User

from . import _exchange

_TOPIC = "rendezvous"
_LOOK_S = 1.0  # in case that word of it was lost
_SHORTLY_S = 0.02
_PATIENCE_S = 15.0  # beyond the timeout, with a desk that does not answer


class Waiting:
    """A worker's side: its users that wait."""

    def __init__(self):
        self._tickets = {}  # number -> (name, count, when it is over or None, AsyncResult)
        self._last = 0
        self._new, self._left = [], []
        self._told = (0, 0)
        self._line = _exchange.Line(_TOPIC, self)

    def wait(self, name, count, timeout):
        self._last += 1
        number, until = self._last, None if timeout is None else time.monotonic() + timeout
        answer = AsyncResult()
        self._tickets[number] = name, count, until, answer
        self._new.append(number)
        self._line.wake()
        try:
            return bool(answer.wait(None if timeout is None else timeout + _PATIENCE_S))
        finally:
            if self._tickets.pop(number, None) is not None:
                self._left.append(number)
                self._line.wake()

    def question(self):
        if not self._tickets and not self._left:
            return None
        now = time.monotonic()
        self._told = len(self._new), len(self._left)
        new = [(number, self._tickets[number]) for number in self._new if number in self._tickets]
        return {"new": [[number, name, count, None if until is None else max(0, until - now)]
                        for number, (name, count, until, _) in new], "left": list(self._left)}

    def heard(self, answer):
        del self._new[:self._told[0]], self._left[:self._told[1]]
        for number, has_met in answer.get("over") or ():
            ticket = self._tickets.pop(number, None)
            if ticket is not None:
                ticket[3].set(has_met)
        if self._new or self._left:
            return 0
        ends = [until for _, _, until, _ in self._tickets.values() if until is not None]
        return min(_LOOK_S, max(_SHORTLY_S, min(ends, default=_LOOK_S + time.monotonic()) - time.monotonic()))

    def forget(self):
        self.renew()

    def renew(self):
        """Who waits says so once more."""
        self._new, self._left = list(self._tickets), []


class Meetings:
    """The desk's side: who waits where, in the order in which they came."""

    def __init__(self):
        self.begin()

    def check(self):
        """There is nothing that could be wrong."""

    def begin(self):
        self._waiting = {}  # (name, count) -> {(client, number): when it is over}
        self._over = {}  # client -> [[number, whether it met the others]…], to be told

    def serve(self, client, question):
        now = time.monotonic()
        for number in question["left"]:
            self._remove(lambda who, _, gone=(client, number): who == gone)
        for number, name, count, timeout in question["new"]:
            there = self._waiting.setdefault((name, count), {})
            there[client, number] = None if timeout is None else now + timeout
            if len(there) >= count:
                del self._waiting[name, count]
                self._release(there, has_met=True)
        self._release(self._remove(lambda _, until: until is not None and until <= now), has_met=False)
        return {"over": self._over.pop(client, [])}

    def gone(self, client):
        self._over.pop(client, None)
        self._remove(lambda who, _: who[0] == client)

    def _remove(self, is_meant):
        found = []
        for key, there in list(self._waiting.items()):
            of_it = [who for who, until in there.items() if is_meant(who, until)]
            found += of_it
            for who in of_it:
                del there[who]
            if not there:
                del self._waiting[key]
        return found

    def _release(self, users, has_met):
        for client, number in users:
            self._over.setdefault(client, []).append([number, has_met])
        if users:
            _exchange.desk.nudge(_TOPIC)


def rendezvous(self, name, count, timeout=None):
    """Waits until `count` users, of all workers together, are at it; True: they are, and go on together. False: after
    `timeout` seconds they were not, and this user goes on by itself."""
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"count={count!r}: so many users are to meet, a whole number from 1 up")
    return _waiting.wait(str(name), count, timeout)


_waiting = Waiting()
_exchange.desk.topics[_TOPIC] = Meetings()
User.rendezvous = TaskSet.rendezvous = rendezvous
