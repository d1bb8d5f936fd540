# SPDX-License-Identifier: MIT
"""Users of a scenario with an arrival rate and several classes, as Buyer*3+Browser: each is one of every class, and each of
its iterations is done by one of these, by chance and their weights. So the shares are right, however long each takes."""

import logging
import random
from itertools import accumulate

from .. import _errors
from .._awaited import see_to
from ..exception import StopTest, StopUser
from .arriving import chosen, iterate, named_task
from .users import User

logger = logging.getLogger(__name__)


def parts_of(text, classes):
    """[(class, weight)] of such a text, or of the name of one class."""
    parts = [part.partition("*") for part in text.split("+")]
    return [(classes[name], int(weight) if weight else classes[name].weight) for name, _, weight in parts]


def class_of(name, parts, task, is_fresh):
    """task: the name of the only one, or None. is_fresh: a user is there for one arrival, whose chance says which it is."""
    named = {part: named_task(part, task) for part, _ in parts}

    def visit(self):
        user = self.visitor()
        iterate(user, named[type(user)] or chosen(user, None), is_told=False)

    return type(User)(name, (Several,), {
        "__module__": parts[0][0].__module__, "abstract": False, "tasks": [visit], task or "visit": visit, "_is_fresh": is_fresh,
        "_parts": [part for part, _ in parts], "_weights": list(accumulate(weight for _, weight in parts))})


class Several(User):
    abstract = True
    _parts, _weights, _is_fresh = (), (), False
    _word = None

    def __init__(self, environment):
        self._each = ()
        super().__init__(environment)
        if not self._is_fresh:
            self._each = [part(environment) for part in self._parts]

    @property
    def _state(self):
        return self._word

    @_state.setter
    def _state(self, word):
        self._word = word
        for user in self._each:
            user._state = word

    def visitor(self):
        """Who of them does this iteration."""
        return self._each[0] if len(self._each) == 1 else random.choices(self._each, cum_weights=self._weights)[0]

    def start(self, group):
        greenlet = super().start(group)
        for user in self._each:
            user._group, user._greenlet = group, greenlet
        return greenlet

    def on_start(self):
        if self._is_fresh:
            part = random.choices(self._parts, cum_weights=self._weights)[0]
            self._each = [part(self.environment)]
            self._each[0]._group, self._each[0]._greenlet = self._group, self._greenlet
            self._each[0]._state = self._state
        for user in self._each:
            user._arrivals, user.sample_tags = self._arrivals, {**self.sample_tags, **_tags_of(user)}
            see_to(user.on_start())

    def on_stop(self):
        for user in self._each:
            try:
                see_to(user.on_stop())
            except (StopUser, StopTest):
                pass
            except Exception as error:  # the others end all the same
                _errors.log_bounded(logger, error)

    def _release(self):
        for user in self._each:
            user._release()


def _tags_of(user):
    tags = getattr(user, "sample_tags", None)
    return tags if isinstance(tags, dict) else {}
