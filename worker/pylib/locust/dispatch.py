# SPDX-License-Identifier: MIT
"""Which users to start or stop next, on which worker, and when.

The master has this in C; here it serves a LocalRunner that has no master (the library), and
locustfiles that bring a `dispatcher_class` built on it. Same rules, same order.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from heapq import heapify, heapreplace
from itertools import cycle
from math import log2
from operator import attrgetter

import gevent


def _weighted(shares):
    """Names for ever, so that after every step their counts are as near to the shares as whole
    numbers can be (smallest Kullback-Leibler divergence): shares 5:1 give AABAAAAABAAA...
    Without a share above 0: None for ever."""
    heap = [(x * log2(x / (x + 1)), x + 1, x, name) for name, x in shares if x > 0]
    heapify(heap)
    while not heap:
        yield None
    while True:
        _, count, share, name = heap[0]
        yield name
        gain = share * log2(count / (count + 1))
        heapreplace(heap, (gain, count + 1, share, name))


class UsersDispatcher(Iterator):
    """Iterates over the steps of a ramp, sleeping between them: {worker id: {class: users}}.

    A worker that comes or goes makes the next step one of its own, at once: all users anew over
    the workers there are. Attributes have Locust's names: dispatchers of scripts use them."""

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
        self._sort_workers()
        self._distribute_anew(0)

    def _sort_workers(self):
        """Alternates over the hosts (what stands before the first "_" of a worker's id)."""
        seen = defaultdict(int)
        keys = {}
        for node in sorted(self._worker_nodes, key=attrgetter("id")):
            host = node.id.split("_", 1)[0]
            keys[node.id] = (seen[host], node.id)
            seen[host] += 1
        self._worker_nodes.sort(key=lambda node: keys[node.id])

    def _user_gen(self):
        """Names of the classes to start next, for ever: what is missing of the fixed ones first."""
        weighted = _weighted((c.__name__, c.weight) for c in self._user_classes if not c.fixed_count)
        while True:
            if self._try_dispatch_fixed:
                self._try_dispatch_fixed = False
                missing = [
                    (c.__name__, c.fixed_count - self._get_user_current_count(c.__name__))
                    for c in self._user_classes
                    if c.fixed_count
                ]
                fixed = _weighted(missing)
                for _ in range(sum(max(0, n) for _, n in missing)):
                    yield next(fixed)
            else:
                yield next(weighted)

    def _get_user_current_count(self, user):
        return sum(counts.get(user, 0) for counts in self._users_on_workers.values())

    def get_current_user_count(self):
        return len(self._active_users)

    @property
    def dispatch_in_progress(self):
        return self._dispatch_in_progress

    @property
    def dispatch_iteration_durations(self):
        return self._dispatch_iteration_durations

    def new_dispatch(self, target_user_count, spawn_rate, user_classes=None):
        """Sets the target of the next iteration over this object."""
        if target_user_count < 0:
            raise ValueError(f"target_user_count must be >= 0, got {target_user_count}")
        if spawn_rate <= 0:
            raise ValueError(f"spawn_rate must be > 0, got {spawn_rate}")
        if not math.isfinite(spawn_rate):
            raise ValueError(f"spawn_rate must be a finite number, got {spawn_rate}")
        if user_classes is not None:
            classes = sorted(user_classes, key=attrgetter("__name__"))
            if classes != self._user_classes:
                self._user_classes = classes
                self._user_generator = self._user_gen()
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
            if len(self._active_users) < self._target_user_count:
                self._add_users_on_workers()
            else:
                self._remove_users_from_workers()
            yield self._step()
            while self._rebalance:
                yield self._step()
            took = time.perf_counter() - began
            self._dispatch_iteration_durations.append(took)
            if not self._is_reached() and not self._no_user_to_spawn:
                gevent.sleep(max(0.0, self._wait_between_dispatch - took))
        self._no_user_to_spawn = False
        self._dispatch_in_progress = False

    def _is_reached(self):
        return len(self._active_users) == self._target_user_count

    def _step(self):
        """What is to run now; a copy, because it changes with the next step."""
        self._rebalance = False
        return {node_id: dict(counts) for node_id, counts in self._users_on_workers.items()}

    def _add_users_on_workers(self):
        """One step up; or less, when only fixed users are left and all run."""
        step = self._user_count_per_dispatch_iteration
        until = min(len(self._active_users) + step, self._target_user_count)
        while len(self._active_users) < until and not self._no_user_to_spawn:
            self._place_next()
        return self._users_on_workers

    def _place_next(self):
        name = next(self._user_generator)
        if name is None:
            self._no_user_to_spawn = True
            return
        node = next(self._worker_node_generator)
        self._users_on_workers[node.id][name] += 1
        self._active_users.append((node, name))

    def _remove_users_from_workers(self):
        """One step down, the youngest users first."""
        step = self._user_count_per_dispatch_iteration
        until = max(len(self._active_users) - step, self._target_user_count)
        while len(self._active_users) > until:
            node, name = self._active_users.pop()
            self._users_on_workers[node.id][name] -= 1
            self._try_dispatch_fixed = True
        return self._users_on_workers

    def add_worker(self, worker_node):
        """The next step spreads all users over the new set of workers."""
        self._worker_nodes.append(worker_node)
        self._sort_workers()
        self._prepare_rebalance()

    def remove_worker(self, worker_node):
        self._worker_nodes = [node for node in self._worker_nodes if node.id != worker_node.id]
        if self._worker_nodes:
            self._prepare_rebalance()

    def _prepare_rebalance(self):
        self._distribute_anew(len(self._active_users))
        self._rebalance = True

    def _distribute_anew(self, user_count):
        """As if so many users were started now, from none."""
        self._active_users = []  # (worker, class name), the oldest first
        self._users_on_workers = {
            node.id: {cls.__name__: 0 for cls in self._original_user_classes}
            for node in self._worker_nodes
        }
        self._try_dispatch_fixed = True
        self._user_generator = self._user_gen()
        self._worker_node_generator = cycle(self._worker_nodes)
        while len(self._active_users) < user_count and not self._no_user_to_spawn:
            self._place_next()
        self._no_user_to_spawn = False
