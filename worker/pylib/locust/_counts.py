# SPDX-License-Identifier: MIT
"""The tables of an entry: response times, requests and failures by second."""

from collections import defaultdict


class Counts(defaultdict):
    """{key: count}. Its entry is told before code writes into it, but not by what has names of
    its own here. Copies are plain dicts with a default, of nobody."""

    def __init__(self, entry, counts=()):
        super().__init__(int, counts)
        self._entry = entry

    def fill(self, counts):
        """With these, and with nothing else."""
        counts = dict(counts)
        super().clear()
        super().update(counts)

    def add(self, counts):
        put = super().__setitem__
        for key, count in counts.items():
            put(key, self.get(key, 0) + count)

    def keep_latest(self, most):
        """Of seconds: about that many."""
        if len(self) > most:
            for second in sorted(self)[:-most // 2]:
                super().__delitem__(second)

    def copy(self):
        return defaultdict(int, self)

    __copy__ = copy

    def __reduce__(self):
        return self.copy().__reduce__()

    def __repr__(self):
        return repr(self.copy())

    def __or__(self, other):
        return self.copy() | other

    def __ror__(self, other):
        return other | self.copy()

    def __ior__(self, other):
        self.update(other)
        return self


def _telling(name):
    method = getattr(defaultdict, name)

    def tell_first(self, *args, **more):
        self._entry._touch()
        return method(self, *args, **more)

    tell_first.__name__ = name
    tell_first.__qualname__ = f"{Counts.__qualname__}.{name}"
    return tell_first


for _name in ("__setitem__", "__delitem__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(Counts, _name, _telling(_name))
