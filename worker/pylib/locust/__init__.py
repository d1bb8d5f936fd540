# SPDX-License-Identifier: MIT
"""Locust's API on the Katydid engine: what a locustfile imports."""

import os

from katydid_boot import later as _later
from katydid_boot import library as _library

_later.put(
    "concurrent.futures.thread", "http.server", "importlib.abc", "importlib.metadata", "logging.config", "logging.handlers",  # _along.py
    "chardet", "charset_normalizer", "idna",  # of requests
)

_library.prepare()

from gevent import config as _gevent_config  # noqa: E402

# Remembering who spawned whom costs a stack copy per greenlet, that is per user.
if "GEVENT_TRACK_GREENLET_TREE" not in os.environ:
    _gevent_config.track_greenlet_tree = False

if not os.getenv("LOCUST_SKIP_MONKEY_PATCH"):
    from gevent import monkey as _monkey

    if not _monkey.is_module_patched("socket"):
        _monkey.patch_all()

    if not os.getenv("LOCUST_SKIP_URLLIB3_PATCH"):
        import urllib3 as _urllib3
        from gevent import queue as _queue

        _urllib3.connectionpool.ConnectionPool.QueueCls = _queue.LifoQueue

_library.patch_sleep()

from ._version import __version__  # noqa: E402
from ._events import events  # noqa: E402
from .event import Events  # noqa: E402, F401
from .contrib.fasthttp import FastHttpUser  # noqa: E402
from .debug import run_single_user  # noqa: E402
from .shape import LoadTestShape  # noqa: E402
from .user import wait_time  # noqa: E402
from .user.markov_taskset import MarkovTaskSet, transition, transitions  # noqa: E402
from .user.sequential_taskset import SequentialTaskSet  # noqa: E402
from .user.task import TaskSet, tag, task  # noqa: E402
from .user.users import HttpUser, User  # noqa: E402
from .user.wait_time import (  # noqa: E402
    between,
    constant,
    constant_pacing,
    constant_throughput,
    poisson,
)
from .util.deprecation import DeprecatedHttpLocustClass as HttpLocust  # noqa: E402
from .util.deprecation import DeprecatedLocustClass as Locust  # noqa: E402

from . import _along, stats  # noqa: E402, F401

# Submodules that `import locust` makes usable, loaded when they are first used.
_LATER = ("html", "input_events", "main", "web")


def __getattr__(name):
    if name in _LATER:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*globals(), *_LATER]


__all__ = (
    "SequentialTaskSet",
    "MarkovTaskSet",
    "transition",
    "transitions",
    "wait_time",
    "task",
    "tag",
    "TaskSet",
    "HttpUser",
    "FastHttpUser",
    "User",
    "between",
    "constant",
    "constant_pacing",
    "constant_throughput",
    "poisson",
    "events",
    "LoadTestShape",
    "run_single_user",
    "HttpLocust",
    "Locust",
    "__version__",
)
