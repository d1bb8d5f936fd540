# SPDX-License-Identifier: MIT
"""The same names under stock Locust: what Katydid counts in C is told by ordinary request events.

A check, a group and a value become a request event of the type CHECK, GROUP or METRIC; a check that fails and a
group in which something was raised are failures. So Locust's totals have them as requests, which Katydid's have
not. `tags=` of requests is taken and dropped."""

import functools
import math
import time
from contextvars import ContextVar

from locust import events, exception
from locust.clients import HttpSession
from locust.contrib import fasthttp
from locust.user.task import TaskSet
from locust.user.users import User

KINDS = ("counter", "gauge", "rate", "trend")
_LEAVES = tuple(getattr(exception, name) for name in ("StopUser", "InterruptTaskSet", "RescheduleTask", "StopTest")
                if hasattr(exception, name))
_groups = ContextVar("katydid.group", default=())


class Failed(Exception):
    """What a check or a group that failed is told as."""


def _fire(kind, name, value, error=None):
    events.request.fire(request_type=kind, name=name, response_time=value, response_length=0, exception=error, context={},
                        response=None, start_time=time.time(), url=None)


class Metric:
    def __init__(self, *args, **kwargs):
        pass

    def __new__(cls, kind, name, unit="", scale=1000.0):
        metric = object.__new__(cls)
        metric._kind, metric._name = KINDS[kind], name
        return metric

    def add(self, value, tags=None):
        number = float(value)
        if math.isfinite(number) and (self._kind != "counter" or number >= 0):
            _fire("METRIC", self._name, number)


class _Check:
    def __call__(self, response, checks, tags=None, fail=False):
        failed = []
        for name, predicate in checks.items():
            try:
                is_held = bool(predicate(response) if callable(predicate) else predicate)
                error = None if is_held else Failed(f"check failed: {name}")
            except Exception as raised:
                is_held, error = False, Failed(f"check failed: {name}: {raised!r}")
            _fire("CHECK", str(name), 0, error)
            if not is_held:
                failed.append(name)
        if failed and fail:
            response.failure(failed[0])
        return not failed

    @staticmethod
    def that(name, ok, tags=None):
        is_held = bool(ok)
        _fire("CHECK", str(name), 0, None if is_held else Failed(f"check failed: {name}"))
        return is_held


check = _Check()


class group:
    def __init__(self, name):
        if not isinstance(name, str):
            raise TypeError(f"the name of a group must be a str, not {type(name).__name__}")
        if not name:
            raise ValueError("a group needs a name")
        self._name = name

    def __enter__(self):
        self._outer = _groups.get()
        _groups.set((*self._outer, self._name))
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind, raised, trace):
        path = " / ".join(_groups.get())
        _groups.set(self._outer)
        if kind is None or issubclass(kind, Exception):
            error = Failed(f"group failed: {path}: {raised!r}") if raised and not isinstance(raised, _LEAVES) else None
            _fire("GROUP", path, (time.perf_counter() - self._began) * 1000, error)
        return False


class _UserGroup:
    """User.group: what Locust has there, and what begins a group when it is called."""

    def __init__(self, greenlets):
        self._greenlets = greenlets

    def __call__(self, name):
        return group(name)

    def __getattr__(self, name):
        return getattr(self._greenlets, name)


def _without_tags(function):
    @functools.wraps(function)
    def request(self, *args, tags=None, **kwargs):
        return function(self, *args, **kwargs)

    return request


def _teach():
    """Locust's classes learn what Katydid's know."""
    User.group = property(lambda self: _UserGroup(self._group))
    if not hasattr(TaskSet, "group"):
        TaskSet.group = lambda self, name: group(name)
    for session in (HttpSession, fasthttp.FastHttpSession):
        session.request = _without_tags(session.request)


_teach()
