# SPDX-License-Identifier: MIT
"""The Python package without the loop of its C core: `_katydid` is a stand-in that counts and sleeps, the
HTTP clients are empty. What of the core is pure is the real one (REAL): run control, statistics. Whatever
touches the loop, the client or the link is tested with the real worker in tests/integration. A test leaves nothing
behind (leftovers.py)."""

import importlib.util
import os
import sys
import sysconfig
import time
import types

import gevent
import pytest

PYLIB = os.path.join(os.path.dirname(__file__), "..", "..", "worker", "pylib")
sys.path.insert(0, os.path.abspath(PYLIB))
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "support")))
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"


BUILD = os.environ.get("KATYDID_BUILD") or os.path.join(os.path.dirname(__file__), "..", "..", "build")


def real_core():
    path = os.path.join(BUILD, "python", f"_katydid{sysconfig.get_config_var('EXT_SUFFIX')}")
    spec = importlib.util.spec_from_file_location("_katydid", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REAL = real_core()


class FakeLink:
    """Records what is sent; recv() waits for what a test puts into `inbox`."""

    made = []
    trouble = None

    def __init__(self, endpoint, identity):
        from gevent.queue import Queue

        self.endpoint = endpoint
        self.identity = identity
        self.sent = []
        self.inbox = Queue()
        self.is_closed = False
        FakeLink.made.append(self)

    def send(self, data):
        import msgpack

        self.sent.append(msgpack.unpackb(data, strict_map_key=False))

    def recv(self):
        data = self.inbox.get()
        if data is None:
            raise OSError("the link is closed")
        return data

    def close(self, linger_ms=0):
        self.is_closed = True
        self.inbox.put(None)


class FakeStats:
    """Keeps the events it hears."""

    def __init__(self):
        self.recorded = []
        self.exceptions = []

    def __call__(self, **kwargs):
        self.recorded.append(kwargs)

    def exception(self, *args):
        self.exceptions.append(args)

    def clear(self, *_):
        pass

    reset = clear_requests = names_forget = names_heard = clear

    def take(self, fine=False):
        pass

    def report(self):
        return b"report"

    def report_locust(self):
        return b"\x83\xa5stats\x90\xabstats_total\x80\xa6errors\x80"


class FakeGroup:
    def __init__(self, name, apart=False):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def fake_core():
    core = types.ModuleType("_katydid")
    core.Stats = FakeStats
    core.stats = FakeStats()
    core.recorded, core.exceptions = core.stats.recorded, core.stats.exceptions
    core.record_request = core.stats
    core.sleep = core.rest = gevent.sleep
    core.give_way = lambda turn: turn is not None and gevent.sleep(0)
    core.late = lambda seconds: None
    core.discard_bodies = lambda whether: None
    core.small_stack = REAL.small_stack
    core.end_sleepers, core.sleepers, core.Session = REAL.end_sleepers, REAL.sleepers, REAL.Session
    core.steady = time.monotonic
    core.Link = FakeLink
    core.Group, core.Metric, core.check = REAL.Group, REAL.Metric, REAL.check
    core.Event = REAL.Event
    core.Dispatch = REAL.Dispatch
    core.Machine = REAL.Machine
    core.Group = FakeGroup
    core.samples = lambda: None
    core.series_forget = core.series_heard = core.series_tags = lambda *_: None
    core.journals_open = core.journals_close = core.journals_end = core.journals_users = core.journals_user = core.journal_vus = core.journal_iteration = lambda *_: None
    core.journals_tags = lambda *_: None
    core.journals_state = lambda: []
    core.trace_open = core.trace_close = lambda *_: None
    core.trace_take = lambda: (b"", 0, 0)
    core.hold_requests = lambda wait: setattr(core, "held", wait)
    core.health = lambda: {"lag_ms": 0.0, "lag_p99_ms": 0.0, "cpu_percent": 1.0, "memory_bytes": 1,
                            "fds": 0, "connections": 0, "cpu_limit": 0.0, "throttled": 0.0, "starved": 0.0,
                            "late_starts": 0.0}
    core.health_begin = lambda: None
    return core


def fake_clients():
    """Enough for users to be constructed."""
    clients = types.ModuleType("locust.clients")
    clients.HttpSession = type("HttpSession", (), {
        "__init__": lambda self, **kwargs: self.__dict__.update(kwargs),
        "close": lambda self: None,
    })
    fast = types.ModuleType("locust.contrib.fasthttp")
    fast.FastHttpUser = type("FastHttpUser", (), {})
    fast.FastHttpSession = type("FastHttpSession", (), {})
    return {"locust.clients": clients, "locust.contrib.fasthttp": fast}


sys.modules["_katydid"] = fake_core()

from katydid_boot import library  # noqa: E402

library.road = "worker"  # there is no loop to prepare
sys.modules.update(fake_clients())


import leftovers  # noqa: E402

REPORTS = leftovers.watch()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.when == "call":
        item.has_passed = report.passed


@pytest.fixture(autouse=True)
def nothing_left_behind(request):
    before = leftovers.Before(REPORTS)
    yield
    left = before.processes()
    assert not left, "processes left running:\n" + "\n".join(left)
    if request.node.has_passed:  # else its frames are kept, and what they hold
        open_files = before.open_descriptors()
        assert not open_files, "descriptors left open:\n" + "\n".join(open_files)


@pytest.fixture
def core():
    """The stand-in, emptied."""
    module = sys.modules["_katydid"]
    module.recorded.clear()
    module.exceptions.clear()
    FakeLink.made.clear()
    return module


@pytest.fixture
def environment(core):
    from locust.env import Environment
    from locust.event import Events

    return Environment(events=Events())


@pytest.fixture
def deadline():
    """Ends a test that hangs."""
    with gevent.Timeout(60):
        yield
