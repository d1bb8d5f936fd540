# SPDX-License-Identifier: MIT
"""Event hooks: lists of functions that are called when something happens.

A listener that fails is logged and the next one is called, unless it raised one of the exceptions
that steer a user (StopUser, RescheduleTask ...): these go on to the task that fired the event.
"""

import inspect
import logging
import time
from contextlib import contextmanager

from gevent import GreenletExit

from . import _errors, log
from .exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

CONTROL_EXCEPTIONS = (
    StopUser,
    StopTest,
    RescheduleTask,
    RescheduleTaskImmediately,
    InterruptTaskSet,
)


class EventHook:
    """One event. `_handlers` is only ever changed in place: C code holds on to the list."""

    _counter = None  # the handler that is the statistics

    def __init__(self):
        self._handlers = []

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "fire" and _look_here not in self.__dict__.get("_handlers", (_look_here,)):
            self._handlers.append(_look_here)

    @property
    def _counted(self):
        """The listeners of which the C client may serve the statistics by itself; None when it has to
        call fire(), because it is another one than ours."""
        is_ours = type(self).fire is _fire and "fire" not in self.__dict__
        return self._handlers if is_ours else None

    def add_listener(self, handler):
        """Calls `handler` at each event; returns it, so that this works as a decorator."""
        self._handlers.append(handler)
        return handler

    def remove_listener(self, handler):
        self._handlers.remove(handler)

    def fire(self, *, reverse=False, **kwargs):
        """Calls every listener with the keyword arguments, in (reverse) order of registration.
        Who adds or removes listeners meanwhile changes the next time."""
        handlers = iter(self._handlers[::-1 if reverse else 1])
        for handler in handlers:
            try:
                handler(**kwargs)
            except (*CONTROL_EXCEPTIONS, GreenletExit):
                self._count_at_least(handlers, kwargs)
                raise
            except Exception as error:
                _errors.log_bounded(logging.getLogger(), error,
                                    "Uncaught exception in event handler: ")
                log.unhandled_greenlet_exception = True
                log.unhandled_error = log.unhandled_error or _errors.format_exception(error)

    @contextmanager
    def measure(self, request_type, name, response_length=0, context=None):
        """Times the block and fires this (request) event when it ends.

        Yields the event's keyword arguments, to be changed inside the block. An exception in the
        block marks the request as failed and goes no further. A block that is ended from outside
        (the user is killed at the end of the test) measured nothing: it counts as cut off.
        """
        began = time.perf_counter()
        meta = {
            "request_type": request_type,
            "name": name,
            "response_length": response_length,
            "context": context or {},
            "exception": None,
            "start_time": time.time(),
        }
        try:
            yield meta
        except Exception as error:
            meta["exception"] = error
        except BaseException:
            self._cut(meta)
            raise
        meta["response_time"] = (time.perf_counter() - began) * 1000
        self.fire(**meta)

    def _count_at_least(self, handlers, request):
        """A listener ends its user, and those that follow are not called; but what the event tells
        did happen."""
        for handler in handlers:
            if handler == self._counter:
                handler(**request)

    def _cut(self, meta):
        for handler in self._handlers:
            if hasattr(handler, "cut"):  # the statistics
                handler.cut(meta["request_type"], meta["name"])


_fire = EventHook.fire


def _look_here(**_kwargs):
    """Listens where fire() of one hook was replaced: a client with a second listener calls it."""


class RequestEventHook(EventHook):
    """The `request` event.

    The built-in statistics are one listener among others: `_katydid.record_request`, added when
    the runner is created. While it is the only one, the HTTP client records in C and calls no
    Python at all.
    """


class DeprecatedEventHook(EventHook):
    def __init__(self, message):
        super().__init__()
        self.message = message

    def add_listener(self, handler):
        logging.warning(self.message)
        return super().add_listener(handler)


class Events:
    """All hooks. A subclass gets a hook of its own for each attribute annotated `EventHook`."""

    init: EventHook  # environment, runner, web_ui
    init_command_line_parser: EventHook  # parser
    request: EventHook
    # request_type, name, response_time (ms or None), response_length, response, context,
    # exception, start_time, url
    user_error: EventHook  # user_instance, exception, tb
    report_to_master: EventHook  # client_id, data
    worker_report: EventHook  # client_id, data
    worker_connect: EventHook  # client_id
    spawning_complete: EventHook  # user_count
    test_start: EventHook  # environment
    test_stopping: EventHook  # environment
    test_stop: EventHook  # environment
    quitting: EventHook  # environment
    quit: EventHook  # exit_code
    reset_stats: EventHook
    cpu_warning: EventHook  # environment, cpu_usage
    heartbeat_sent: EventHook  # client_id, timestamp
    heartbeat_received: EventHook  # client_id, timestamp
    usage_monitor: EventHook  # environment, cpu_usage, memory_usage

    def __init__(self):
        for cls in reversed(type(self).__mro__):
            for name, kind in inspect.get_annotations(cls).items():
                if kind is EventHook or kind == "EventHook":
                    setattr(self, name, RequestEventHook() if name == "request" else EventHook())
