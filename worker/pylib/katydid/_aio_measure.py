# SPDX-License-Identifier: MIT
"""Rows for what a coroutine does by whatever library."""

import time

from locust import exception

try:
    from locust._coroutines import finish
except ImportError as error:
    raise ImportError("katydid.aio and katydid.browser need Katydid's own workers: stock Locust has no asyncio loop") from error

_STEERING = tuple(getattr(exception, name) for name in (
    "StopUser", "StopTest", "InterruptTaskSet", "RescheduleTask", "RescheduleTaskImmediately"))


def is_failure(kind):
    """Whether an exception of that type says that something did not work: not the end of the user, nor a way to leave a task."""
    return kind is not None and issubclass(kind, Exception) and not issubclass(kind, _STEERING)


def wait(awaitable):
    """Carries out a coroutine from a function that is none, while its user waits; returns what it returns."""
    return finish(awaitable)


class measure:
    """A row of a block's time: `async with measure(self, "name") as row:`, or with `with`.

    An exception is its failure, and goes on. What the block says of row["exception"], row["name"] and row["response_length"]
    counts. A block that the end of the user cuts off is counted as cut."""

    def __init__(self, user, name, request_type="async", response_length=0, context=None):
        self._event = user.environment.events.request
        self._row = {"request_type": request_type, "name": name, "response_length": response_length,
                     "context": {**user.context(), **(context or {})}, "exception": None}

    def __enter__(self):
        self._row["start_time"] = time.time()
        self._began = time.perf_counter()
        return self._row

    def __exit__(self, kind, error, trace):
        took_ms = (time.perf_counter() - self._began) * 1000
        if kind is not None and not is_failure(kind):
            self._event._cut(self._row)
            return
        if error is not None:
            self._row["exception"] = error
            error.is_in_rows = True
        self._event.fire(**{"response_time": took_ms, **self._row})

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *raised):
        self.__exit__(*raised)
