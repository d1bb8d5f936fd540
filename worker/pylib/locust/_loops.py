# SPDX-License-Identifier: MIT
"""A scenario of users that loop, on this worker: so many as its stages say at each moment, of which this worker has
its share. They are made when they are due, and end as users do: after their task, within a time."""

import logging
import time

import gevent
from gevent.event import Event

from . import _errors

logger = logging.getLogger("locust.runners")

_PAUSE_AFTER_FAILURE_S = 1.0


def steps(stages):
    """When how many users are to be there: (seconds, users). Up: the first one more at once, the last one before the
    stage's end. Down: the last one goes at its end."""
    begin = 0.0
    for length, users, aim in stages:
        yield begin, users
        change = abs(aim - users)
        for k in range(change if length else 0):
            up = aim > users
            yield begin + length * (k if up else k + 1) / change, users + k + 1 if up else users - k - 1
        begin += length
    yield begin, 0


class Loop:
    def __init__(self, runner, scenario, ration=None, throttle=None):
        """ration: of its iterations (_limits.py), if there are only so many; throttle: of its requests."""
        self._runner = runner
        self._ration = ration
        self._throttle = throttle
        self._made = 0
        if ration is not None:
            ration.changed = self._changed_by_others
        self._scenario = scenario
        self._name = scenario.pool or scenario.user_class
        self._users = 0  # of the whole test
        self._shares = []  # the newest: (seconds since the scenario's begin, share)
        self._zero = None  # monotonic: when the scenarios began
        self._changed = Event()
        self._leaving = set()
        self._greenlet = None

    def follow(self, elapsed_s, at_s, share):
        """So long ago the scenarios began; ours is that share, of a throttle from at_s after their begin on."""
        self._shares = [*self._shares[-1:], (at_s - self._scenario.start_s if at_s > 0 else 0.0, share)]
        self._changed.set()
        if self._ration is not None:
            self._ration.again()
        if self._zero is None:
            self._zero = time.monotonic() - elapsed_s
            self._greenlet = gevent.spawn(self._run)
        self._pace(self._shares[-1][0])

    def change(self):
        """The scenario has other stages: what they have in common is behind us."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = gevent.spawn(self._run)

    def _changed_by_others(self):
        self._changed.set()

    def end(self):
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self):
        begun_at = self._zero + self._scenario.start_s
        for at, users in steps(self._scenario.stages):
            while (left := begun_at + at - time.monotonic()) > 0:
                self._changed.clear()
                if self._reach():
                    self._changed.wait(left)
                else:
                    gevent.sleep(min(left, _PAUSE_AFTER_FAILURE_S))
            self._users = users
            self._pace(at)
        self._reach(is_over=True)

    def _pace(self, at):
        """The slots of the throttle from then on, of this share and the next. A worker without a user has none: others'
        users would send too little."""
        if self._throttle is None or self._zero is None:
            return
        elapsed_s = time.monotonic() - self._zero - self._scenario.start_s
        users = 0 if self._scenario.is_each else self._users
        for n, (begin, share) in enumerate(self._shares):
            if n + 1 == len(self._shares) or self._shares[n + 1][0] > at:
                self._throttle.follow(elapsed_s, max(at, begin), share, users)

    def pace(self, throttle):
        """It has one only now."""
        self._throttle = throttle
        self._pace(0.0)

    def _reach(self, is_over=False):
        """Makes users, or lets the newest ones go. False: not all could be made."""
        if is_over and self._ration is not None:
            self._ration.end("dropped")
        there = [user for user in self._runner.users_of(self._name) if user not in self._leaving]
        aim = self._aim(len(there))
        try:
            self._runner.spawn_users({self._name: max(0, aim - (self._made if self._is_of_each() else len(there)))})
        except Exception as error:  # of a user's __init__
            _errors.log_bounded(logger, error)
            return False
        self._made = max(self._made, aim)
        going = there[aim:]
        if going:
            self._leaving.update(going)
            limit_s = self._scenario.graceful_s if is_over else self._scenario.ramp_down_s
            gevent.spawn(self._let_go, going, limit_s)
        return True

    def _is_of_each(self):
        return self._ration is not None and self._ration.users is not None

    def _aim(self, there):
        if self._ration is not None and self._ration.is_used_up() and self._users:
            return there  # each ends by itself
        if self._is_of_each():
            return self._ration.users if self._users else 0
        return self._scenario.part(self._users)

    def _let_go(self, users, limit_s):
        self._runner.end_users(list(users), limit_s)
        self._leaving.difference_update(users)
