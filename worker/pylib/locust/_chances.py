# SPDX-License-Identifier: MIT
"""--seed for users that loop: what is left to chance is the same in each run. Before a user chooses its next task, and before it
waits, Python's `random` is set to a state that follows from the seed, its class, which of them it is on this worker, which worker
that is, and how many tasks it has done. So it draws the same, whatever others drew in between; after the task's first wait they do.

Arrivals have a chance of their own (user/arriving.py), which is the same on any number of workers."""

import random

_run = _seed = None
_worker = -1
_made = {}  # by class name: how many began


def follow(run, seed, worker):
    """With each order of a run; no seed: nothing is to be the same."""
    global _run, _seed, _worker
    if run != _run:
        _run, _seed, _worker = run, seed, worker
        _made.clear()


def of_next(user_class):
    """Of the user of that class that begins now; or None."""
    if _seed is None:
        return None
    number = _made[user_class.__name__] = _made.get(user_class.__name__, 0) + 1
    return Chances(f"{_seed}/{user_class.__name__}/{_worker}/{number}")


class Chances:
    def __init__(self, key):
        self._key, self._done = key, 0

    def begin(self):
        """A task is about to be chosen."""
        self._done += 1
        random.seed(f"{self._key}/{self._done}")

    def wait(self):
        """... was done: the user is about to wait."""
        random.seed(f"{self._key}/{self._done}/wait")
