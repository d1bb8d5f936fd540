# SPDX-License-Identifier: MIT
"""What is kept of a browser user's failures: a picture of the page, and the HAR of the iteration."""

import asyncio
import functools
import itertools
import logging
import os
import re
import time
from contextvars import Context

from locust import exception
from locust._awaited import see_to

from ._aio_measure import finish, is_failure

_logger = logging.getLogger("locust.browser")
_PICTURE_MS = 3000
_HAR_S = 10
_NAME_MOST = 60

_kept = {"png": 0, "har": 0}  # of this process
_numbers = itertools.count(1)


def _apart(awaitable):
    """A task of nobody's: it goes on when the user that waits for it is ended."""
    return Context().run(asyncio.ensure_future, awaitable)


async def _stop_har(started, tracing):
    """What went wrong, or None."""
    try:
        await asyncio.wait_for(started, _HAR_S)
        await asyncio.wait_for(tracing.stop_har(), _HAR_S)
    except Exception as trouble:
        return trouble


class Evidence:
    """Of one user. An iteration is one execution of a task of the class, of a whole TaskSet until it is left."""

    def __init__(self, user):
        self._user = user
        self._busy = set()  # pictures that are being taken
        self._recording = None  # where the HAR of this iteration goes
        self._name, self._has_failed = None, False

    @property
    def is_wanted(self):
        return bool(self._user.screenshots or self._user.hars)

    def note(self, page, what):
        """That failed."""
        self.failed()
        self.show(page, what)

    def failed(self):
        """Something in this iteration."""
        self._has_failed = True

    def show(self, page, what):
        """What the page looks like by then."""
        if self._user.screenshots and self._may("png") and page is not None and not page.is_closed():
            _kept["png"] += 1
            picture = asyncio.ensure_future(self._shoot(page, what))
            self._busy.add(picture)
            picture.add_done_callback(self._busy.discard)

    async def settle(self):
        """Pictures are taken of what failed, rather than of what comes next."""
        if self._busy:
            await asyncio.wait(self._busy, timeout=_PICTURE_MS / 1000)

    def iteration(self, task):
        """The task, at whose end it is seen whether something failed."""
        if hasattr(task, "tasks"):  # a set stays one
            return type(task)(task.__name__, (task,), {"run": lambda inner: self._watched(task.__name__, lambda: task.run(inner))})

        @functools.wraps(task)
        def run(user):
            self._watched(task.__name__, lambda: task(user))

        return run

    def _watched(self, name, do):
        finish(self._begin(name))
        try:
            result = do()
            if result is not None:
                see_to(result)
        except Exception as error:
            finish(self._end(error))
            raise
        finish(self._end())

    async def close(self):
        """The user ends, maybe within an iteration."""
        await self._end()

    # ---- inside

    def _may(self, kind):
        return _kept[kind] < self._user.evidence_most

    def _path(self, folder, what, kind):
        os.makedirs(folder, exist_ok=True)
        words = re.sub(r"[^\w.-]+", "_", what).strip("_")[:_NAME_MOST]
        return os.path.join(folder, f"{time.strftime('%Y%m%d-%H%M%S')}-{type(self._user).__name__}-{words}-{os.getpid()}-{next(_numbers)}.{kind}")

    async def _shoot(self, page, what):
        path = self._path(self._user.screenshots, what, "png")
        try:
            await page.screenshot(path=path, timeout=_PICTURE_MS)
        except Exception:  # it was closed, or hangs: there is nothing to be seen
            _kept["png"] -= 1
        else:
            _logger.info("A picture of '%s': %s", what, path)

    async def _begin(self, name):
        self._name, self._has_failed = name, False
        if not self._user.hars or not self._may("har"):
            return
        tracing = self._user.browser_context.tracing
        if not hasattr(tracing, "start_har"):
            raise exception.StopTest("hars needs a newer Playwright: pip install -U playwright")
        self._recording = self._path(self._user.hars, ".recording", "har")
        started = _apart(tracing.start_har(self._recording, **self._user.har_options))
        self._stop = functools.cache(lambda: _apart(_stop_har(started, tracing)))
        await asyncio.shield(started)

    async def _end(self, error=None):
        if error is not None and is_failure(type(error)):
            if not getattr(error, "is_in_rows", False):
                self.note(self._user.page, self._name)
            self._has_failed = True
        await self.settle()
        if self._recording is None:
            return
        trouble = await asyncio.shield(self._stop())
        path, self._recording = self._recording, None
        try:
            if trouble is not None:
                raise trouble
            if self._has_failed and self._may("har"):
                kept = self._path(self._user.hars, self._name, "har")
                os.replace(path, kept)
                _kept["har"] += 1
                _logger.info("The HAR of '%s': %s", self._name, kept)
            else:
                os.unlink(path)
        except Exception as error:  # the browser is gone, the disk is full: the test goes on
            _logger.warning("No HAR of '%s': %s", self._name, error)
