# SPDX-License-Identifier: MIT
"""Methods of the statistics that code replaces, on classes and on environment.stats, at any time.

Requests are counted in C until one is; then each of them goes through the methods, as in Locust.
"""

from weakref import WeakSet

NAMES = ("log", "log_request", "log_error")
counting = WeakSet()  # runners; each looks anew at what counts for it


def note_method(name):
    if name in NAMES:
        for runner in list(counting):
            runner._bind_stats()


class Watched(type):
    def __setattr__(cls, name, value):
        super().__setattr__(name, value)
        note_method(name)

    def __delattr__(cls, name):
        super().__delattr__(name)
        note_method(name)


class CountByMethods:
    """Listens to requests in the place of the core that it counts in."""

    def __init__(self, runner, core):
        self._runner, self._core = runner, core

    def __call__(self, **request):
        self._runner._log_request(**request)

    def cut(self, method, name):
        self._core.cut(method, name)
