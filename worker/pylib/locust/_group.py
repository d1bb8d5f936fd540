# SPDX-License-Identifier: MIT
"""The greenlets of running users, counted by class as they come and go."""

import gc
from collections import Counter

import _katydid
import gevent
from gevent.pool import Group


class UserGroup(Group):
    """A gevent Group that knows how many users of each class it holds."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()  # user class -> users
        self._classes = {}  # greenlet -> user class; a dead greenlet has lost its args

    def __call__(self, name):
        """A part of a task that is measured as one (docs/metrics.md): user.group is this object."""
        return _katydid.Group(name)

    def add(self, greenlet):
        if greenlet not in self._classes:
            user_class = type(greenlet.args[0]) if greenlet.args else None
            self._classes[greenlet] = user_class
            self.counts[user_class] += 1
        super().add(greenlet)

    def _discard(self, greenlet):
        user_class = self._classes.pop(greenlet, self)
        if user_class is not self:
            self.counts[user_class] -= 1
        super()._discard(greenlet)

    def discard(self, greenlet):
        self._discard(greenlet)
        greenlet.unlink(self._discard)  # which would be a callback of the loop at its end

    def of_class(self, user_class):
        """The users of exactly this class, the oldest first."""
        return [
            greenlet.args[0]
            for greenlet, cls in self._classes.items()
            if cls is user_class and greenlet.args
        ]


_SLICE = 10_000  # looked at between two turns of the loop: a look at each of 500,000 users takes it for a second


def those(items, test):
    """The list of those that pass; the loop has its turns meanwhile."""
    found = []
    for start in range(0, len(items), _SLICE):
        if start:
            gevent.sleep(0)
        found += filter(test, items[start:start + _SLICE])
    return found


def kill_in_slices(users, again=False, slice_size=200):
    """Kills without waiting for the end; lets the loop run between two slices. Not those that end already, unless again."""
    users = list(users)
    asleep = _katydid.sleepers()
    if len(users) > _SLICE:
        gc.freeze()  # else each look for garbage would go through these lists
        gevent.sleep(0)
    for start in range(0, len(users), slice_size):
        greenlets = [user.greenlet for user in users[start:start + slice_size] if again or not user._is_ending]
        awake = _katydid.end_sleepers(greenlets, asleep, gevent.GreenletExit)
        if awake:
            gevent.killall(awake, block=False)
        gevent.sleep(0)
