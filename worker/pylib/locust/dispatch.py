# SPDX-License-Identifier: MIT
"""Which users to start or stop next, on which worker, and when.

The master has this in C; here it serves a LocalRunner that has no master (the library), and
locustfiles that bring a `dispatcher_class` built on it. Same rules, same order.
"""

import math
import time
from collections import defaultdict
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


class UsersDispatcher:
    """Iterates over the steps of a ramp, sleeping between them: {worker id: {class: users}}."""

    def __init__(self, worker_nodes, user_classes):
        self._nodes = list(worker_nodes)
        self._all_classes = sorted(user_classes, key=attrgetter("__name__"))
        self._classes = self._all_classes
        self._durations = []
        self._ramp = iter(())
        self._in_progress = False
        self._target = 0
        self._start_over()

    def _start_over(self):
        self._sort_nodes()
        self._on_nodes = {
            node.id: {cls.__name__: 0 for cls in self._all_classes} for node in self._nodes
        }
        self._placed = []  # (node id, class name), the oldest first
        self._fixed_first = True
        self._names = self._name_stream()
        self._next_node = cycle(self._nodes)

    def _sort_nodes(self):
        """Alternates over the hosts (what stands before the first "_" of a worker's id)."""
        seen = defaultdict(int)
        keys = {}
        for node in sorted(self._nodes, key=attrgetter("id")):
            host = node.id.split("_", 1)[0]
            keys[node.id] = (seen[host], node.id)
            seen[host] += 1
        self._nodes.sort(key=lambda node: keys[node.id])

    def _name_stream(self):
        weighted = _weighted((c.__name__, c.weight) for c in self._classes if not c.fixed_count)
        while True:
            if self._fixed_first:
                self._fixed_first = False
                missing = [
                    (c.__name__, c.fixed_count - self._count(c.__name__))
                    for c in self._classes
                    if c.fixed_count
                ]
                fixed = _weighted(missing)
                for _ in range(sum(max(0, n) for _, n in missing)):
                    yield next(fixed)
            else:
                yield next(weighted)

    def _count(self, name):
        return sum(counts.get(name, 0) for counts in self._on_nodes.values())

    def get_current_user_count(self):
        return len(self._placed)

    @property
    def dispatch_in_progress(self):
        return self._in_progress

    @property
    def dispatch_iteration_durations(self):
        return self._durations

    def new_dispatch(self, target_user_count, spawn_rate, user_classes=None):
        """Sets the target of the next iteration over this object."""
        if target_user_count < 0:
            raise ValueError(f"target_user_count must be >= 0, got {target_user_count}")
        if spawn_rate <= 0:
            raise ValueError(f"spawn_rate must be > 0, got {spawn_rate}")
        if user_classes is not None:
            classes = sorted(user_classes, key=attrgetter("__name__"))
            if classes != self._classes:
                self._classes = classes
                self._names = self._name_stream()
        self._target = target_user_count
        self._step = max(1, math.floor(spawn_rate))
        self._pause_s = self._step / spawn_rate
        self._durations.clear()
        self._in_progress = True
        self._ramp = self._run()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._ramp)

    def _run(self):
        if len(self._placed) == self._target:
            yield self._copy()
        while len(self._placed) != self._target:
            began = time.perf_counter()
            goes_on = self._add() if len(self._placed) < self._target else self._remove()
            yield self._copy()
            took = time.perf_counter() - began
            self._durations.append(took)
            if not goes_on:
                break
            gevent.sleep(max(0.0, self._pause_s - took))
        self._in_progress = False

    def _add(self):
        """One step up. False at the target, or when only fixed users are left and all run."""
        until = min(len(self._placed) + self._step, self._target)
        while len(self._placed) < until:
            name = next(self._names)
            if name is None:
                return False
            self._place(next(self._next_node).id, name)
        return until < self._target

    def _place(self, node_id, name):
        self._on_nodes[node_id][name] += 1
        self._placed.append((node_id, name))

    def _remove(self):
        """One step down, the youngest users first. False at the target."""
        until = max(len(self._placed) - self._step, self._target)
        while len(self._placed) > until:
            node_id, name = self._placed.pop()
            self._on_nodes[node_id][name] -= 1
            self._fixed_first = True
        return until > self._target

    def _copy(self):
        return {node_id: dict(counts) for node_id, counts in self._on_nodes.items()}

    def add_worker(self, worker_node):
        """The next step spreads all users over the new set of workers."""
        self._nodes.append(worker_node)
        self._spread_again()

    def remove_worker(self, worker_node):
        self._nodes = [node for node in self._nodes if node.id != worker_node.id]
        if self._nodes:
            self._spread_again()

    def _spread_again(self):
        users = len(self._placed)
        self._start_over()
        for _ in range(users):
            name = next(self._names)
            if name is None:
                break
            self._place(next(self._next_node).id, name)
