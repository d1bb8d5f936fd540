# SPDX-License-Identifier: MIT
"""What functions of users return: of an `async def` a coroutine, which has yet to be carried out. asyncio is imported only where
there is one."""

import sys
from collections.abc import Awaitable

import gevent


def see_to(result):
    """What a task, on_start or on_stop returned."""
    if result is not None and isinstance(result, Awaitable):
        from . import _coroutines

        _coroutines.finish(result)


def user_greenlet():
    """Whose this is: of a coroutine not the greenlet that carries it out."""
    coroutines = sys.modules.get("locust._coroutines")
    return coroutines.greenlet() if coroutines else gevent.getcurrent()
