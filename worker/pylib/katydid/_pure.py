# SPDX-License-Identifier: MIT
"""The same names under stock Locust: what Katydid counts in C is told by ordinary request events.

A check, a group and a value become a request event of the type CHECK, GROUP or METRIC; a check that fails and a
group in which something was raised are failures. So Locust's totals have them as requests, which Katydid's have
not. `tags=` of requests is taken and dropped. Setup and teardown of the run are listeners of test_start and test_stop."""

import functools
import inspect
import logging
import math
import time
from contextvars import ContextVar

import gevent
from locust import events, exception
from locust.clients import HttpSession
from locust.contrib import fasthttp
from locust.runners import MasterRunner, WorkerRunner
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


# Once a run

_LIMIT_S = 60
_MESSAGE = "katydid_setup"
_logger = logging.getLogger("locust.main")
_failed = set()  # what did, in this run


def setup(function):
    """Marks what runs once, on the master or the local process, before the users: setup(environment)."""
    once = {}

    @events.init.add_listener
    def init(environment, runner, **_):
        environment.setup_data = None
        if isinstance(runner, WorkerRunner):
            runner.register_message(_MESSAGE, lambda environment, msg, **_: setattr(environment, "setup_data", msg.data))

    @events.worker_connect.add_listener
    def worker_connect(client_id, **_):
        if once.get("data") is not None:
            once["runner"].send_message(_MESSAGE, once["data"], client_id)

    @events.test_start.add_listener
    def test_start(environment, **_):
        if isinstance(environment.runner, WorkerRunner):
            return
        _failed.clear()
        once["data"] = environment.setup_data = _once("setup", function, [environment], environment)
        if isinstance(environment.runner, MasterRunner):
            once["runner"] = environment.runner
            environment.runner.send_message(_MESSAGE, environment.setup_data)

    return function


def teardown(function):
    """Marks what runs once after the users: teardown(environment, data)."""

    @events.test_stop.add_listener
    def test_stop(environment, **_):
        if not isinstance(environment.runner, WorkerRunner) and "setup" not in _failed:
            data = getattr(environment, "setup_data", None)
            _once("teardown", function, [environment, data], environment)

    return function


def _once(kind, function, values, environment):
    """Its requests are none of the test's. One that fails ends the test."""
    taken = len(inspect.signature(function).parameters)
    counting = ("log_request", "log_error")
    for user_class in environment.user_classes if environment.host else ():
        user_class.host = environment.host  # as it will be with the first user
    for name in counting:
        setattr(environment.stats, name, lambda *_, **__: None)
    try:
        with gevent.Timeout(_LIMIT_S):
            return function(*values[:taken] if taken != 1 or kind == "setup" else values[-1:])
    except (Exception, gevent.Timeout):
        _logger.exception("%s failed", kind)
        _failed.add(kind)
        environment.process_exit_code = 1
        if kind == "setup":
            headless = getattr(environment.parsed_options, "headless", False)
            gevent.spawn_later(0, environment.runner.quit if headless else environment.runner.stop)
    finally:
        for name in counting:
            delattr(environment.stats, name)


def _teach():
    """Locust's classes learn what Katydid's know."""
    User.group = property(lambda self: _UserGroup(self._group))
    if not hasattr(TaskSet, "group"):
        TaskSet.group = lambda self, name: group(name)
    for session in (HttpSession, fasthttp.FastHttpSession):
        session.request = _without_tags(session.request)


_teach()
