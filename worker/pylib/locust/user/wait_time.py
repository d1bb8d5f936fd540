# SPDX-License-Identifier: MIT
"""Functions for the `wait_time` of a User or TaskSet: each returns a function of the instance
that says how many seconds to wait before the next task."""

import random
from time import perf_counter

import _katydid


def between(min_wait, max_wait):
    """A random time, evenly spread over the two bounds."""
    span = max_wait - min_wait
    rnd = random.random
    return lambda instance: min_wait + rnd() * span


def constant(wait_time):
    """Always the same time."""
    return lambda instance: wait_time


def constant_pacing(wait_time):
    """Whatever is left of `wait_time` since the last task began, so that tasks begin at that
    distance; nothing when the task itself took longer."""

    def pace(self):
        now = perf_counter()
        busy = now - self._cp_last_run - self._cp_last_wait_time
        left = wait_time - busy
        self._cp_last_wait_time = left if left > 0 else 0
        self._cp_last_run = now
        _katydid.late(max(0.0, -left))  # the next task was to begin that long ago
        return self._cp_last_wait_time

    return pace


def constant_throughput(task_runs_per_second):
    """Pacing by rate: at most so many tasks a second per user."""
    if task_runs_per_second <= 0:
        raise ValueError(f"constant_throughput() requires a positive rate, got: {task_runs_per_second}")
    return constant_pacing(1 / task_runs_per_second)


def poisson(rate):
    """Exponentially distributed times of mean 1/rate: tasks arrive as a Poisson process."""
    if rate <= 0:
        raise ValueError(f"poisson() requires a positive rate, got: {rate}")
    return lambda instance: random.expovariate(rate)
