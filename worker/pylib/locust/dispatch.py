# SPDX-License-Identifier: MIT
"""Which users to start or stop next, on which worker, and when.

The same C deals them out as in the master (common/run/dispatch.h); here it serves the runners of the
library, and locustfiles that bring a `dispatcher_class` built on it.
"""

import math
import time
from collections.abc import Iterator
from operator import attrgetter

import _katydid
import gevent


def check_aim(target_user_count, spawn_rate):
    """A ramp that can be: else ValueError."""
    if target_user_count < 0:
        raise ValueError(f"target_user_count must be >= 0, got {target_user_count}")
    if spawn_rate <= 0:
        raise ValueError(f"spawn_rate must be > 0, got {spawn_rate}")
    if not math.isfinite(spawn_rate):
        raise ValueError(f"spawn_rate must be a finite number, got {spawn_rate}")


class UsersDispatcher(Iterator):
    """Iterates over the steps of a ramp, sleeping between them: {worker id: {class: users}}.

    A worker that comes or goes makes the next step one of its own, at once: all users anew over
    the workers there are. Attributes have Locust's names: dispatchers of scripts use them. One that
    overrides _user_gen says itself of which class the next user is."""

    def __init__(self, worker_nodes, user_classes):
        self._worker_nodes = list(worker_nodes)
        self._original_user_classes = sorted(user_classes, key=attrgetter("__name__"))
        self._user_classes = self._original_user_classes
        self._target_user_count = 0
        self._spawn_rate = 0.0
        self._user_count_per_dispatch_iteration = 0
        self._wait_between_dispatch = 0.0
        self._dispatch_iteration_durations = []
        self._dispatch_in_progress = False
        self._rebalance = False
        self._no_user_to_spawn = False
        self._dispatcher_generator = iter(())
        self._core = _katydid.Dispatch(
            [(c.__name__, c.weight, c.fixed_count or 0) for c in self._original_user_classes]
        )
        for node in self._worker_nodes:
            self._core.add(node.id)
        self._begin_stream()

    def _begin_stream(self):
        is_own = type(self)._user_gen is not UsersDispatcher._user_gen
        self._user_generator = self._user_gen() if is_own else None

    def _user_gen(self):
        """Names of the classes to start next, for ever: what is missing of the fixed ones first."""
        while True:
            yield self._core.take()

    @property
    def _users_on_workers(self):
        return self._core.counts()

    def _get_user_current_count(self, user):
        return sum(counts.get(user, 0) for counts in self._core.counts().values())

    def get_current_user_count(self):
        return self._core.users

    @property
    def dispatch_in_progress(self):
        return self._dispatch_in_progress

    @property
    def dispatch_iteration_durations(self):
        return self._dispatch_iteration_durations

    def new_dispatch(self, target_user_count, spawn_rate, user_classes=None):
        """Sets the target of the next iteration over this object."""
        check_aim(target_user_count, spawn_rate)
        names = []
        if user_classes is not None:
            classes = sorted(user_classes, key=attrgetter("__name__"))
            names = [[c.__name__ for c in classes]]
            if classes != self._user_classes:
                self._user_classes = classes
                self._begin_stream()
        self._core.aim(target_user_count, spawn_rate, *names)
        self._target_user_count = target_user_count
        self._spawn_rate = spawn_rate
        self._user_count_per_dispatch_iteration = max(1, math.floor(spawn_rate))
        self._wait_between_dispatch = self._user_count_per_dispatch_iteration / spawn_rate
        self._dispatch_iteration_durations.clear()
        self._dispatch_in_progress = True
        self._dispatcher_generator = self._dispatcher()

    def __next__(self):
        return next(self._dispatcher_generator)

    def _dispatcher(self):
        if self._rebalance or self._is_reached():
            yield self._step()
        while not self._is_reached() and not self._no_user_to_spawn:
            began = time.perf_counter()
            if self._core.users < self._target_user_count:
                yield self._step(self._add_users_on_workers())
            else:
                yield self._step(self._remove_users_from_workers())
            while self._rebalance:
                yield self._step()
            took = time.perf_counter() - began
            self._dispatch_iteration_durations.append(took)
            if not self._is_reached() and not self._no_user_to_spawn:
                gevent.sleep(max(0.0, self._wait_between_dispatch - took))
        self._no_user_to_spawn = False
        self._dispatch_in_progress = False

    def _is_reached(self):
        return self._core.users == self._target_user_count

    def _step(self, counts=None):
        """What is to run now."""
        self._rebalance = False
        return self._core.counts() if counts is None else counts

    def _add_users_on_workers(self):
        """One step up; or less, when only fixed users are left and all run."""
        if self._user_generator is None:
            is_more_due = self._core.step()
            self._no_user_to_spawn = not is_more_due and not self._is_reached()
        else:
            step = self._user_count_per_dispatch_iteration
            self._place(min(self._core.users + step, self._target_user_count))
        return self._core.counts()

    def _place(self, until):
        """Users of the classes that _user_gen of a subclass says."""
        while self._core.users < until and not self._no_user_to_spawn:
            name = next(self._user_generator)
            self._no_user_to_spawn = not name
            if name:
                self._core.place(name)

    def _remove_users_from_workers(self):
        """One step down, the youngest users first."""
        self._core.step()
        return self._core.counts()

    def add_worker(self, worker_node):
        """The next step spreads all users over the new set of workers."""
        self._worker_nodes.append(worker_node)
        self._core.add(worker_node.id)
        self._prepare_rebalance()

    def remove_worker(self, worker_node):
        self._worker_nodes = [node for node in self._worker_nodes if node.id != worker_node.id]
        self._core.remove(worker_node.id)
        if self._worker_nodes:
            self._prepare_rebalance()

    def _prepare_rebalance(self):
        self._rebalance = True
        if self._user_generator is None:
            self._core.spread()
            return
        users = self._core.lift()
        self._begin_stream()
        self._place(users)
        self._no_user_to_spawn = False
