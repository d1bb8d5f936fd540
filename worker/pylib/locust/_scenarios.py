# SPDX-License-Identifier: MIT
"""The scenarios of a test on this worker (docs/load-models.md): those with an arrival rate, and of users that loop.

The core's _katydid.Arrivals knows when an iteration is due and hands it to a user that waits; here are the
users: who of them belongs to which scenario, and that there are enough of them. Users that loop are _loops.py's.
"""

import functools
import logging
import sys
import time

import _katydid
import gevent

from . import _chances, _errors, _hold, _limits
from ._loops import Loop
from ._master_clock import machine
from .exception import StopTest
from .user import several
from .user.arriving import named_task
from .user.task import watch_iterations
from .user.users import PytestUser

logger = logging.getLogger("locust.runners")

_LEAST_OFTEN_S = 0.05  # a user, when the loop has something else to do all the time
_LEAST_OFTEN_FRESH_S = 0.001  # ... of those of whom each arrival needs one
_CLOCKS_AGREE_S = 0.1  # a namespace of time may set them apart
_LONGEST_WAY_S = 60.0  # of a message
_PAUSE_AFTER_FAILURE_S = 1.0
_AHEAD_S = 0.3  # other shares begin to count so long after the master's word
_EPOCH_S = 0.4  # ... at most


class Scenarios:
    """Those of one test."""

    def __init__(self, runner, texts, ask=None):
        """ask(scenario, started, done, wanted): the master, for more iterations."""
        self._runner = runner
        self._texts = list(texts)
        self._all = [_katydid.Arrivals(text) for text in texts]
        own = [one for one in self._all if not one.is_of_all]
        self._of_class = {one.pool or one.user_class: one for one in own}
        self.classes = {one.pool: self._make_class(one) for one in own if one.pool}
        self._growers = []
        self._zero, self._shares = 0.0, ()  # monotonic: when they began, and what is ours
        self._pieces = []  # of workers that are gone: those of each message
        self._rations = {one: self._make_ration(one, functools.partial(ask, at))
                         for at, one in enumerate(self._all) if one.iterations}
        self._throttles = {one: _katydid.Throttle(one.throttle) for one in own if one.throttle}
        self._loops = {one: Loop(runner, one, self._rations.get(one), self._throttles.get(one)) for one in own if not one.is_open}
        self.limit_all()
        for one in own:
            for user_class, _ in self._parts_of(one):
                named_task(user_class, one.task)  # a wrong name ends the test, once
                if issubclass(user_class, PytestUser):
                    raise StopTest(f"{user_class.__name__} is made of test functions: it cannot have an arrival rate")

    def _parts_of(self, one):
        return several.parts_of(one.user_class, self._runner.user_classes_by_name)

    def _make_class(self, one):
        """For the second scenario of a class: its users are to be told from those of the first. Or of several classes."""
        parts = self._parts_of(one)
        if len(parts) > 1:
            return several.class_of(one.pool, parts, one.task, one.is_fresh)
        base = parts[0][0]
        return type(base)(one.pool, (base,), {"__module__": base.__module__})

    def _make_ration(self, one, ask):
        def users():
            runner = self._runner
            return runner.user_count if one.is_of_all else len(runner.users_of(one.pool or one.user_class))

        return _limits.Ration(one, ask, users)

    def limit_all(self):
        """What is of all users takes effect, or has none any more."""
        of_all = [one for one in self._all if one.is_of_all]
        _limits.ration = next((self._rations[one] for one in of_all if one in self._rations), None)
        _limits.pacer = next((one for one in of_all if one.is_open), None)
        watch_iterations(is_limited=bool(self._rations or of_all))
        _hold.pace(self._throttle if self._throttles else None)

    def _throttle(self, user):
        """The user is about to send a request."""
        throttle = self._throttles.get(user._arrivals)
        if throttle is not None:
            throttle.take()

    @property
    def graceful_s(self):
        return max((one.graceful_s for one in self._all), default=0.0)

    def keeps(self, class_name, count):
        """Whether it is not for an order of the master, `count` of that class, to end users."""
        one = self._of_class.get(class_name)
        return one is not None and (count > 0 or not one.is_open)

    def adopt(self, user):
        """The user is about to start: it is one of its scenario."""
        user._arrivals = self._of_class.get(type(user).__name__)
        if user._arrivals is None or not user._arrivals.is_open:
            user._chances = _chances.of_next(type(user))
        if user._arrivals is not None:
            user._arrivals.join()
            user._limit = self._rations.get(user._arrivals)
            if user._arrivals.task is not None and not user._arrivals.is_open:
                user.tasks = [named_task(type(user), user._arrivals.task)]
            name = sys.intern(user._arrivals.name)  # series are found by the identity of their tags
            user.sample_tags = {"scenario": name, **user._arrivals.tags, **_tags_of(user)}

    def change(self, texts):
        """They may have been changed since they began."""
        for at, (one, old, text) in enumerate(zip(self._all, self._texts, texts)):
            if text != old:
                self._texts[at] = text
                rates = one.throttle
                one.change(text)
                if one.throttle != rates:
                    self._change_throttle(at, one, rates is None)
                elif one in self._loops:
                    self._loops[one].change()

    def _change_throttle(self, at, one, is_new):
        if not is_new:
            self._throttles[one].change(one.throttle)
            return
        self._throttles[one] = throttle = _katydid.Throttle(one.throttle)
        _hold.pace(self._throttle)
        if one in self._loops:
            self._loops[one].pace(throttle)
        elif self._shares:
            throttle.follow(time.monotonic() - self._zero - one.start_s, 0.0, self._shares[at], 0)

    def follow(self, elapsed_s, told_s, shares, pieces=(), away=()):
        """The master: so long ago the scenarios began (told_s: as it said, to all); our shares of arrivals and users, also of
        what workers that are gone had left: (scenario, share, count, is_unsure). away: since which arrivals, until these
        shares begin, others had ours, as they did not hear us."""
        for one, since in zip(self._all, away):
            if since is not None:
                one.away(since)
        is_alone = all(one.is_open and not one.is_of_all for one in self._all)
        self._zero, self._shares = time.monotonic() - elapsed_s, shares
        at_s = told_s + _AHEAD_S if told_s > 0 else 0.0
        for one, share in zip(self._all, shares):
            one.share(share)
            if one in self._loops:
                self._loops[one].follow(elapsed_s, at_s, share)
            elif one in self._throttles:
                self._throttles[one].follow(elapsed_s - one.start_s, at_s - one.start_s if at_s else 0.0, share, 0)
            if one.is_open:
                one.begin(elapsed_s, is_alone)
                self._end_surplus(one)
        if pieces:
            self._pieces.append([(self._all[at], *piece, shares[at]) for at, *piece in pieces])
            gevent.spawn_later(_EPOCH_S, self._take_pieces)
        if not self._growers:
            self._growers = [gevent.spawn(self._grow, one) for one in self._all
                             if one.is_open and not one.is_of_all]

    def _take_pieces(self):
        """All of the oldest message's are over now, unless the test ended before."""
        for one, *piece in self._pieces.pop(0) if self._pieces else ():
            one.again(*piece)

    def _end_surplus(self, one):
        """Others have a share of the users now: ours are fewer."""
        if one.surplus and not one.is_of_all:
            newest = self._runner.users_of(one.pool or one.user_class)[-one.surplus:]
            gevent.spawn(self._runner.end_users, newest, one.graceful_s)

    def grant(self, scenario, granted, is_all):
        """The master: of the iterations of that scenario so many are ours."""
        self._rations[self._all[scenario]].grant(granted, is_all)

    def _grow(self, one):
        """Has more users, as long as too few of them wait. Only when the loop has nothing else to do: while it has, no user
        would be sooner at it for there being more of them, and each that is made, and connects, delays those that are.
        Each by itself: an arrival is delayed by no more than one user takes to be made."""
        name = one.pool or one.user_class
        wait_s, make = (_LEAST_OFTEN_FRESH_S, self._runner.start_short) if one.is_fresh else (
            _LEAST_OFTEN_S, lambda name: self._runner.spawn_users({name: 1}))
        while True:
            try:
                one.wanted()
                gevent.with_timeout(wait_s, gevent.idle, timeout_value=None)
                make(name)
            except Exception as error:  # of a user's __init__
                _errors.log_bounded(logger, error)
                gevent.sleep(_PAUSE_AFTER_FAILURE_S)

    def note(self):
        """Counts, for the report that is about to be made."""
        for ration in self._rations.values():
            ration.again()
        for one in self._all:
            one.note()

    def numbers(self):
        """What the reports up to the one about to be made say of each."""
        return [one.numbers() for one in self._all]

    def hand_back(self):
        """This worker leaves the test: what it was granted, and has not started, is the master's again."""
        for ration in self._rations.values():
            ration.end()

    def end(self):
        """No arrival and no new user any more."""
        gevent.killall(self._growers)
        while self._pieces:
            self._take_pieces()
        for loop in self._loops.values():
            loop.end()
        for ration in self._rations.values():
            ration.end("cut")
        for one in self._all:
            one.end()


def elapsed_s(begin, held_s, ahead_s=None):
    """How long ago the scenarios began, of which the master said so held_s seconds ago. Where it is known how far its clock
    is ahead of ours it does not count how long the message was under way; on its own machine that is ours."""
    told = begin["elapsed"] + held_s
    if begin.get("machine") and begin["machine"] == machine():
        ahead_s = 0.0
    exact = told if ahead_s is None else time.monotonic() + ahead_s - begin.get("began", 0.0)
    return exact if -_CLOCKS_AGREE_S < exact - told < _LONGEST_WAY_S else told


def _tags_of(user):
    """Those of its class."""
    tags = getattr(user, "sample_tags", None)
    return tags if isinstance(tags, dict) else {}


NONE = Scenarios(None, ())
