# SPDX-License-Identifier: MIT
"""Tasks, on_start and on_stop that are `async def`: carried out by asyncio on the loop of all greenlets, while the greenlet of
their user waits (docs/async.md).

What ends a user, or a task, is the same: an exception that leaves the coroutine is raised where the plain task would have
raised it; a user that is killed has its coroutine cancelled, and waits until that has cleaned up. What a user started with
asyncio.create_task() ends with it."""

import asyncio
import logging
from contextvars import ContextVar
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType

import gevent
from gevent.event import Event

from . import _errors
from ._aio_loop import Loop, Task
from .exception import RescheduleTask

logger = logging.getLogger(__name__)

_owner = ContextVar("owner", default=None)  # whose greenlet began what runs


class Owner:
    """The greenlet of a user, and the tasks that began in its coroutines."""

    def __init__(self, greenlet):
        self.greenlet = greenlet
        self.tasks = set()
        if isinstance(greenlet, gevent.Greenlet):
            greenlet.rawlink(self._ended)

    def _ended(self, _):
        self.greenlet = None
        for task in list(self.tasks):
            task.cancel()


def greenlet():
    """Whose this is: of a coroutine its user's greenlet; else the one that runs."""
    owner = _owner.get()
    return owner is not None and owner.greenlet or gevent.getcurrent()


def _make_task(loop, coroutine, **options):
    task = Task(coroutine, loop=loop, **options)
    owner = _owner.get()
    if owner is not None:
        owner.tasks.add(task)
        task.add_done_callback(owner.tasks.discard)
    return task


def loop():
    """asyncio's, of this thread's hub."""
    hub = gevent.get_hub()
    found = hub.__dict__.get("_asyncio")
    if found is None:
        found = hub._asyncio = Loop(hub)
        found.set_task_factory(_make_task)
    return found


async def _await(awaitable):
    return await awaitable


def finish(awaitable):
    """Carries it out, while this greenlet waits. Returns or raises what it does."""
    if _owner.get() is None:
        _owner.set(Owner(gevent.getcurrent()))
    done = Event()
    coroutine = awaitable if isinstance(awaitable, CoroutineType) else _await(awaitable)
    task = loop().create_task(coroutine)
    task.add_done_callback(_look_at)
    task.add_done_callback(lambda _: done.set())
    try:
        done.wait()
    except BaseException:
        _end(task, coroutine, done)
        raise
    try:
        return task.result()
    except asyncio.CancelledError as error:
        raise RuntimeError("the coroutine was cancelled, though its user goes on") from error
    except Exception as error:
        if getattr(error, "is_in_rows", False):  # the failure of a request that has been told
            raise RescheduleTask() from error
        raise


def _look_at(task):
    """asyncio complains of exceptions that nobody looked at."""
    if not task.cancelled():
        task.exception()


def _end(task, coroutine, done):
    """Its user is killed. A second kill does not wait. What has not begun does so first, as a plain function had by now."""
    try:
        while not task.done() and getcoroutinestate(coroutine) == CORO_CREATED:
            gevent.sleep(0)
    finally:
        task.cancel()
    done.wait()
    error = None if task.cancelled() else task.exception()
    if isinstance(error, Exception):
        _errors.log_bounded(logger, error, f"A killed task failed to clean up: {error!r}")
