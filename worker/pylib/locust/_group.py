# SPDX-License-Identifier: MIT
"""The greenlets of running users, counted by class as they come and go."""

import gc
import time
from collections import Counter
from sys import getrefcount

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

    def choose(self, user_class, count, is_first):
        """So many users of exactly this class, the oldest first; when there are more, those of whom is_first(user) says so
        come before others. The loop has its turns meanwhile."""
        is_choice = count < self.counts[user_class]
        chosen, others = [], []
        for some in pieces(list(self._classes)):
            for greenlet in some:
                if self._classes.get(greenlet) is user_class and greenlet.args:
                    user = greenlet.args[0]
                    (others if is_choice and not is_first(user) else chosen).append(user)
            if is_choice and len(chosen) >= count:
                break
        return (chosen + others)[:count] if is_choice else chosen


_SLICE = 10_000  # looked at between two turns of the loop: a look at each of 500,000 users takes it for a second
_KILLED_AT_ONCE = 200  # ... and so many ends of users
_JOINED_AT_ONCE = 1000
SHORTEST_S = 1e-9  # who sleeps for 0 s goes on before the loop looks at timers and sockets, where nobody else is ready


def pieces(items, size=_SLICE):
    """Of a list, so many items at a time; the loop has its turns in between."""
    for start in range(0, len(items), size):
        if start:
            gevent.sleep(SHORTEST_S)
        yield items[start:start + size]


def those(items, test):
    """The list of those that pass; the loop has its turns meanwhile."""
    return [item for some in pieces(items) for item in some if test(item)]


def is_alive(user):
    # not `dead`: one that sys.exit() ends waits for gevent to tell the main greenlet, and is over
    return not user._greenlet.ready()


def _references_alone():
    for one in [object()]:
        return getrefcount(one)


_KNOWN_TO_CLIENT = _references_alone() + 1  # references to a user in the loop below
_KNOWN_TO_USER = _KNOWN_TO_CLIENT - 1


def _part_from_set(user):
    """Who raised once has one, and it has the user (users.py)."""
    own = user.__dict__.get("_set")
    if own is not None and getrefcount(own) == _KNOWN_TO_USER:
        user._set = None


def _left(users):
    """Those that are alive. Of the others those part from their clients whom nobody else knows: user and client have each other, so
    that their memory would only come back with the next look for garbage."""
    left = []
    for user in users:
        if is_alive(user):
            left.append(user)
            continue
        _part_from_set(user)
        if getrefcount(user) == _KNOWN_TO_CLIENT:
            client = user.__dict__.get("client")
            if isinstance(client, _katydid.Session) and getrefcount(client) == _KNOWN_TO_USER and client.user is user:
                client.user = None
    return left


def kill_in_slices(users, is_killed):
    """Kills those of whom is_killed(user), asked just before, says so; the loop runs between two slices. Returns those that are alive.

    The list is empty then: with it the users would give their memory back all at once, which takes the loop for seconds when they are many."""
    asleep = _katydid.sleepers()
    if len(users) > _SLICE:
        gc.freeze()  # else each look for garbage would go through these lists
        gevent.sleep(0)
    left, slow = [], []
    for start in range(0, len(users), _KILLED_AT_ONCE):
        stop = start + _KILLED_AT_ONCE
        some = users[start:stop]
        users[start:stop] = [None] * len(some)
        awake = _katydid.end_sleepers([user._greenlet for user in some if is_alive(user) and is_killed(user)],
                                      asleep, gevent.GreenletExit)
        if awake:
            gevent.killall(awake, block=False)
        gevent.sleep(0)
        left += _left(slow)
        slow = _left(some)  # perhaps only in this turn of the loop
    users.clear()
    return left + slow


def join_in_pieces(users, timeout):
    """Waits for their ends, so many seconds at most; returns those that are alive then. Not one gevent.joinall() for all: it takes a
    switch for each that it is given."""
    until = time.monotonic() + timeout
    for some in pieces(users, _JOINED_AT_ONCE):
        greenlets = [user._greenlet for user in some if is_alive(user)]
        if greenlets:
            gevent.joinall(greenlets, timeout=max(0, until - time.monotonic()))
    return those(users, is_alive)
