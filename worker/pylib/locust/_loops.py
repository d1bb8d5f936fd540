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
    def __init__(self, runner, scenario):
        self._runner = runner
        self._scenario = scenario
        self._name = scenario.pool or scenario.user_class
        self._users = 0  # of the whole test
        self._share = 0, 0
        self._begun_at = None  # monotonic
        self._changed = Event()
        self._leaving = set()
        self._greenlet = None

    def follow(self, elapsed_s, offset, stride):
        """So long ago the scenarios began; ours is one share of `stride`."""
        self._share = offset, stride
        self._changed.set()
        if self._begun_at is None:
            self._begun_at = time.monotonic() - elapsed_s + self._scenario.start_s
            self._greenlet = gevent.spawn(self._run)

    def end(self):
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self):
        for at, users in steps(self._scenario.stages):
            while (left := self._begun_at + at - time.monotonic()) > 0:
                self._changed.clear()
                if self._reach():
                    self._changed.wait(left)
                else:
                    gevent.sleep(min(left, _PAUSE_AFTER_FAILURE_S))
            self._users = users
        self._reach(is_over=True)

    def _reach(self, is_over=False):
        """Makes users, or lets the newest ones go. False: not all could be made."""
        offset, stride = self._share
        aim = (self._users + stride - 1 - offset) // stride if stride else 0
        there = [user for user in self._runner.users_of(self._name) if user not in self._leaving]
        try:
            self._runner.spawn_users({self._name: max(0, aim - len(there))})
        except Exception as error:  # of a user's __init__
            _errors.log_bounded(logger, error)
            return False
        going = there[aim:]
        if going:
            self._leaving.update(going)
            limit_s = self._scenario.graceful_s if is_over else self._scenario.ramp_down_s
            gevent.spawn(self._let_go, going, limit_s)
        return True

    def _let_go(self, users, limit_s):
        self._runner.end_users(users, limit_s)
        self._leaving.difference_update(users)
