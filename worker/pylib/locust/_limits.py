# SPDX-License-Identifier: MIT
"""Before an iteration may start: that there is one left (scenarios of so many iterations, --iterations), and that its
time has come (--ips). A user of a scenario that counts has user._limit; `ration` and `pacer` are of all users.

An iteration of a scenario is one execution of a task of the user, a whole TaskSet if it is one. For --iterations and
--ips it is each execution of a function, wherever, as in locust-plugins."""

import time

from gevent.event import Event

from .exception import StopUser

_ASK_AGAIN_S = 1.0
_AHEAD_S = 0.5  # so much work is in hand
_LONG_AGO = float("-inf")

ration = None  # of all users
pacer = None  # likewise: the _katydid.Arrivals of --ips


def is_wanted():
    return ration is not None or pacer is not None


class Ration:
    """What the master granted this worker of the iterations of a scenario. ask(started, done, wanted) asks for more;
    users() is how many there are."""

    def __init__(self, scenario, ask, users):
        self._scenario = scenario
        self._each = scenario.iterations if scenario.is_each else None
        self._ask, self._users = ask, users
        self._granted = self._started = self._done = 0
        self._user_count, self._rests = 0, []  # of each: users, and what those of them do that do less
        self._is_all = False  # no more is to come
        self._is_ended = False
        self._waiting = {}  # id -> user, for whom none was left
        self._asked_at = _LONG_AGO
        self._measured_at, self._started_then, self._per_s = None, 0, 0.0
        self._news = Event()
        self.changed = lambda: None

    @property
    def users(self):
        """Of each of whom so many are to be done; None: it is not of each."""
        return self._user_count if self._each else None

    def is_used_up(self):
        return self._is_ended or (self._is_all and self._started >= self._granted)

    def grant(self, granted, is_all):
        """The master: so many in all, from the begin on."""
        if granted > self._granted and not self._is_ended:
            self._add_users(granted - self._granted)
            self._granted = granted
        self._is_all = self._is_all or is_all
        self._asked_at = _LONG_AGO
        self._measure()
        self._news.set()
        self._news.clear()
        self.changed()
        self.again()

    def _add_users(self, more):
        """Of each of whom so many are to be done: at the begin whole users; later also what was left of one on a worker that quit."""
        if self._each:
            self._user_count += -(-more // self._each)
            if more % self._each:
                self._rests.append(more % self._each)

    def _most_of(self, user):
        if "_most" not in user.__dict__:
            is_first = "_begun" not in user.__dict__
            user._most = self._rests.pop() if is_first and self._rests else self._each
        return user._most

    def _measure(self):
        now = time.monotonic()
        if self._measured_at is not None and now > self._measured_at:
            self._per_s = (self._started - self._started_then) / (now - self._measured_at)
        self._measured_at, self._started_then = now, self._started

    def take(self, user):
        """Waits until one may start. StopUser: there is none left for this user."""
        if self._each and user.__dict__.get("_begun", 0) >= self._most_of(user):
            raise StopUser()
        while self._started >= self._granted:
            self.wait(user)
            if self._started < self._granted:
                break
            self._want()
            self._news.wait(_ASK_AGAIN_S)
        if self._is_ended:
            raise StopUser()
        self._started += 1
        user._begun = user.__dict__.get("_begun", 0) + 1
        self._scenario.count("due", 1)
        self._scenario.count("started", 1)
        if not self._is_all and (self._granted - self._started) * 2 <= self._per_s * _AHEAD_S:
            self._want()

    def wait(self, user):
        """None is left: the user ends; where all users share them it waits, as it may have to do those of a worker that quits."""
        while self.is_used_up():
            if self._is_ended or not self._scenario.is_of_all:
                raise StopUser()
            self._waiting[id(user)] = user
            try:
                self._news.wait()
            finally:
                del self._waiting[id(user)]

    def give_back(self):
        """One that was taken has ended."""
        self._done += 1
        self.again()

    def _want(self):
        now = time.monotonic()
        if now - self._asked_at >= _ASK_AGAIN_S:
            self._asked_at = now
            self._ask(self._started, self._done, max(1, self._users(), int(self._per_s * _AHEAD_S)))

    def again(self):
        """All are done: the master hears it, once a second too, as words get lost. So it is with the question how
        many users of so many iterations each are ours."""
        if self._each and not self._is_all:
            self._ask(0, 0, 1)
        if self._is_all and self._done >= self._granted and not self._is_ended:
            self._ask(self._started, self._done, 0)

    def end(self, what=None):
        """Nothing starts any more; what was left is counted as that, unless it is others' from now on."""
        if not self._is_ended:
            self._is_ended = True
            if what is not None:
                self._scenario.count("due", self._granted - self._started)
                self._scenario.count(what, self._granted - self._started)
            for user in self._waiting.values():  # the end of the test, which may come as well, lets them finish their on_stop
                user._has_ended_test = True
            self._news.set()
