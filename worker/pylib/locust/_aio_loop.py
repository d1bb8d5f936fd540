# SPDX-License-Identifier: MIT
"""asyncio's event loop on gevent's hub: coroutines and greenlets wait on one and the same loop.

A greenlet, the runner, carries out asyncio's callbacks; between them it waits in the hub, as every greenlet does. Callbacks may
do what waits as greenlets do: a request of `self.client`, time.sleep, a socket of gevent. The runner is parked in the midst of a
callback then, and another one takes its place, so that such a call holds back the coroutine it stands in and no other. When it
goes on, it ends that callback, and is gone.

asyncio knows one running loop of a thread, and one current task of a loop. Both are those of the greenlet that runs: a trace
function of greenlet puts them aside when one that carries out a callback is left, and back when it goes on. It is in place only
while there is such a greenlet, so greenlets pay nothing for it where no coroutine runs.

What it takes from asyncio beyond its documented names is what every version from 3.11 on has: of BaseEventLoop the deque
_ready, the heap _scheduled and _process_events(); of tasks _enter_task and _leave_task."""

import asyncio
import heapq
import sys
from asyncio.tasks import _enter_task, _leave_task
from contextvars import Context

import greenlet
from gevent import Greenlet, getcurrent
from gevent.monkey import get_original

from ._aio_selector import Selector

_TURNS_MOST = 8  # one after the other, before all others have theirs
_get_ident = get_original("_thread", "get_ident")


class Task(asyncio.Task):
    """A task whose cancel() reaches it also where its greenlet waits."""

    _interrupted = 0  # so often it was cancelled there

    def cancel(self, msg=None):
        if self._loop._interrupt(self):
            self._interrupted += 1
            return True
        return super().cancel(msg)

    def cancelling(self):
        return super().cancelling() + self._interrupted

    def uncancel(self):
        if self._interrupted:
            self._interrupted -= 1
            return self.cancelling()
        return super().uncancel()


class Loop(asyncio.SelectorEventLoop):
    """Of one hub; it runs as long as that."""

    def __init__(self, hub):
        self._hub = hub
        self._runner = None  # the greenlet whose turn it is to carry out callbacks
        self._parked = None  # the same, while there is nothing to do
        self._is_woken = False
        self._timer = None
        self._timer_at = None
        self._turns = 0
        self._inside = None  # the greenlet that carries out a callback just now
        self._outer = None  # whose the running loop is outside of that
        self._waiting = {}  # greenlets parked in the midst of a callback: (task, the one that carries it out)
        self._tracer = None  # somebody else's
        super().__init__(Selector(hub.loop, self._wake))
        self._thread_id = self._thread = _get_ident()
        if sys.get_asyncgen_hooks() == (None, None):
            sys.set_asyncgen_hooks(self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)

    # ---- what asyncio asks for

    def call_soon(self, callback, *args, context=None):
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        self._wake()
        return handle

    def call_soon_threadsafe(self, callback, *args, context=None):
        if _get_ident() == self._thread:
            return self.call_soon(callback, *args, context=context)
        return super().call_soon_threadsafe(callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        handle = super().call_at(when, callback, *args, context=context)
        self._wake()
        return handle

    def stop(self):
        """Others have tasks on it."""
        raise RuntimeError("this loop is that of all users of the process: it does not stop")

    def close(self):
        raise RuntimeError("this loop is that of all users of the process: it is not closed")

    # ---- the runner

    def _wake(self):
        """There is something to do. In the hub's thread."""
        if self._parked is not None:
            if not self._is_woken:
                self._is_woken = True
                self._hub.loop.run_callback(self._resume)
        elif self._runner is None:
            self._start()

    def _resume(self, *_):
        parked, self._parked = self._parked, None
        if parked is not None:
            parked.switch()

    def _start(self):
        self._runner = Context().run(Greenlet, self._run)
        self._runner.start()

    def _run(self):
        me = getcurrent()
        try:
            while self._runner is me:
                self._wait()
                self._carry_out(me)
        finally:
            if self._runner is me:  # something ended it
                self._runner = self._parked = None

    def _wait(self):
        """Until there is something to do."""
        self._turns += 1
        if not (self._ready or self._selector.is_ready or self._is_due()):
            self._arm()
            self._park()
        elif self._turns >= _TURNS_MOST:
            self._is_woken = True
            self._hub.loop.run_callback(self._resume)
            self._park()
        self._process_events(self._selector.select())
        end = self.time() + self._clock_resolution
        while self._scheduled and (self._scheduled[0]._cancelled or self._scheduled[0]._when < end):
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)

    def _park(self):
        self._turns = 0
        self._parked = getcurrent()
        try:
            self._hub.switch()
        finally:
            self._parked = None
            self._is_woken = False

    def _is_due(self):
        return bool(self._scheduled) and self._scheduled[0]._when <= self.time()

    def _arm(self):
        """The timer goes off when the first of the scheduled handles is due, or before that."""
        self._drop_cancelled()
        at = self._scheduled[0]._when if self._scheduled else None
        if self._timer_at is not None and (at is None or self._timer_at > at):
            self._timer.close()
            self._timer_at = None
        if at is not None and self._timer_at is None:
            self._timer = self._hub.loop.timer(max(0.0, at - self.time()))
            self._timer.start(self._timer_fired)
            self._timer_at = at

    def _timer_fired(self):
        self._timer.close()
        self._timer_at = None
        self._wake()

    def _drop_cancelled(self):
        """Time limits are scheduled and cancelled with each operation: the heap must not fill with them."""
        if self._timer_cancelled_count > 100 and self._timer_cancelled_count * 2 > len(self._scheduled):
            for handle in self._scheduled:
                if handle._cancelled:
                    handle._scheduled = False
            self._scheduled[:] = [handle for handle in self._scheduled if not handle._cancelled]
            heapq.heapify(self._scheduled)
            self._timer_cancelled_count = 0

    def _carry_out(self, me):
        """What is ready, or until another has taken our place."""
        ready = self._ready
        self._enter(me)
        if not self._waiting:
            self._tracer = greenlet.settrace(self._switched)
        try:
            for _ in range(len(ready)):
                if self._runner is not me or not ready:
                    break
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
        finally:
            self._leave()
            if not self._waiting:
                greenlet.settrace(self._tracer)

    # ---- whose the running loop and the current task are

    def _enter(self, me):
        self._inside = me
        self._outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)

    def _leave(self):
        asyncio._set_running_loop(self._outer)
        self._inside = self._outer = None

    def _switched(self, event, ends):
        """Called by greenlet after each switch."""
        origin, target = ends
        if self._inside is not None and not self._is_helper(origin, target):
            task = asyncio.current_task(self)
            if task is not None:
                _leave_task(self, task)
            me = self._waiting[origin] = task, self._inside
            self._leave()
            if me[1] is self._runner:
                self._start()
        if target in self._waiting:
            task, me = self._waiting.pop(target)
            self._enter(me)
            if task is not None:
                _enter_task(self, task)
        if self._tracer is not None:
            self._tracer(event, ends)

    def _is_helper(self, origin, target):
        """Whether one is a greenlet that the other made to do a part of its work, as SQLAlchemy does."""
        return target is not self._hub and (target.parent is origin or origin.parent is target)

    def _interrupt(self, task):
        """Whether the task's greenlet waits: CancelledError is raised there."""
        for waiting, (whose, _) in self._waiting.items():
            if whose is task:
                self._hub.loop.run_callback(self._throw, waiting, task)
                return True
        return False

    def _throw(self, waiting, task):
        if self._waiting.get(waiting, (None,))[0] is task:
            waiting.throw(asyncio.CancelledError)
        elif not task.done():  # it went on meanwhile
            asyncio.Task.cancel(task)
