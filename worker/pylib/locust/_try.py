# SPDX-License-Identifier: MIT
"""One user, tried once, for the page: on_start, one task, on_stop, with everything that was sent
and received, logged and raised.

It runs beside whatever this node does, in an Environment of its own whose statistics nobody reads;
listeners of the locustfile's events hear of its requests as of any other's. After 30 seconds it is
ended.
"""

import argparse
import copy
import logging
import random
import time
import traceback

import _katydid
import gevent
import msgpack

from . import _errors
from ._awaited import see_to, user_greenlet
from ._methods import CountByMethods
from .env import Environment
from .event import Events
from .exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
from .user.task import LOCUST_STATE_RUNNING, DefaultTaskSet, TaskSet
from .user.users import MISSING_HOST, User

_NO_HOST = "There is no host: fill in Host, or give the class the attribute host"  # here is no --host

logger = logging.getLogger(__name__)

TIME_S = 30.0
BODY_MAX = 64 * 1024
_REQUESTS_MAX = 100
_LINES_MAX = 500
_ENDS = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser)


class BadTrial(Exception):
    """What was asked for cannot be tried; `field` is to blame."""

    def __init__(self, field, text):
        super().__init__(text)
        self.field = field


def run(environment, args):
    """Tries what `args` (docs/api.md, try) says. Returns the answer as data."""
    user_class = _class(environment, args.get("user_class"))
    trial = Trial(environment, user_class, args.get("host"), args.get("options") or {})
    return trial.run()


def _class(environment, name):
    classes = environment.available_user_classes or environment.user_classes_by_name
    if not name and len(classes) == 1:
        name = next(iter(classes))
    if name not in classes:
        raise BadTrial("user_class", f"There is no User class {name!r}; there are: "
                                     f"{', '.join(classes)}.")
    return classes[name]


class Trial:
    def __init__(self, environment, user_class, host, options):
        self.requests = []
        self.lines = _Lines()
        self.task = None
        self.exception = None
        self._environment = self._make_environment(environment, user_class, host, options)
        self._class = user_class
        self._host = host

    def _make_environment(self, original, user_class, host, options):
        values = {**vars(original.parsed_options), **_checked(original, options)}
        environment = Environment(
            events=_events(original.events, self._on_request),
            host=host or original.host,
            parsed_options=argparse.Namespace(**values),
            available_user_classes=original.available_user_classes,
            catch_exceptions=True,
        )
        environment.user_classes = [user_class]
        environment.runner = _Runner(original.runner)
        return environment

    def run(self):
        greenlet = gevent.Greenlet(self._live)
        greenlet.spawn_tree_locals = {}  # what it spawns shares this: so its log lines are known
        self.lines.tree = greenlet.spawn_tree_locals
        began = time.perf_counter()
        with self.lines:
            greenlet.start()
            if greenlet.join(TIME_S) is None and not greenlet.ready():
                self.exception = self.exception or (
                    f"The user was ended after {TIME_S:.0f} s: {self.task or 'on_start'} had "
                    "not returned."
                )
                greenlet.kill(timeout=5)
        return {
            "requests": self.requests,
            "logs": list(self.lines.lines),
            "exception": self.exception,
            "task": self.task,
            "seconds": time.perf_counter() - began,
        }

    # The user's life

    def _live(self):
        user = None
        try:
            user = self._make_user()
            user._state = LOCUST_STATE_RUNNING
            user._greenlet = gevent.getcurrent()
            see_to(user.on_start())
            self._one_task(user)
        except _ENDS:
            pass
        except StopTest as error:
            self._failed(error, _NO_HOST if str(error) == MISSING_HOST else str(error))
        except gevent.GreenletExit:
            raise
        except BaseException as error:
            self._failed(error)
        finally:
            if user is not None:
                self._end(user)

    def _make_user(self):
        """With the host that was asked for: a class looks at itself, not at the environment."""
        own, asked = self._class.__dict__.get("host", self), self._environment.host
        if asked:
            self._class.host = asked
        try:
            return self._class(self._environment)
        finally:
            if asked and own is self:
                del self._class.host
            elif asked:
                self._class.host = own

    def _end(self, user):
        try:
            see_to(user.on_stop())
        except _ENDS:
            pass
        except Exception as error:
            self._failed(error)
        finally:
            user._release()

    def _failed(self, error, text=None):
        if self.exception is None:
            self.exception = text or _errors.format_exception(error)

    def _one_task(self, user):
        if type(user).run is not User.run:  # of its own kind: it says itself what it does
            self.task = "run"
            user.run()
            return
        if not user.tasks:
            raise BadTrial("user_class", f"{type(user).__name__} has no tasks.")
        self._execute(user, random.choice(user.tasks), DefaultTaskSet(user))

    def _execute(self, holder, task, parent):
        name = getattr(task, "__name__", repr(task))
        self.task = f"{self.task}.{name}" if self.task else name
        if not (isinstance(task, type) and issubclass(task, TaskSet)):
            see_to(task() if getattr(task, "__self__", None) is holder else task(holder))
            return
        inner = task(holder if isinstance(holder, TaskSet) else parent)
        see_to(inner.on_start())
        try:
            self._execute(inner, inner.get_next_task(), inner)
        finally:
            see_to(inner.on_stop())

    # What it did

    def _on_request(self, request_type, name, response_time, response_length=0, response=None,
                    exception=None, start_time=None, **_others):
        if len(self.requests) >= _REQUESTS_MAX:
            return
        error = None if not exception else exception if isinstance(exception, str) else repr(exception)
        if isinstance(response, _katydid.Response):
            for hop in response.history or ():
                if isinstance(hop, _katydid.Response):
                    self._note(_katydid.describe(hop, None, BODY_MAX))
            self._note(_katydid.describe(response, error, BODY_MAX))
            return
        self.requests.append({
            "at": start_time, "user": self._class.__name__, "method": request_type, "name": name,
            "time_ms": response_time, "size": response_length, "error": error,
        })

    def _note(self, packed):
        sample = msgpack.unpackb(packed, unicode_errors="replace")
        del sample["kind"]
        self.requests.append(sample)


def _checked(environment, options):
    known = vars(environment.parsed_options)
    for name in options:
        if name not in known:
            raise BadTrial("options", f"There is no option {name!r}.")
    return options


def _events(original, on_request):
    """The same listeners, but for the statistics; and ours."""
    events = copy.copy(original) if not isinstance(original, Events) else Events()
    for name, hook in vars(original).items():
        twin = copy.copy(hook)
        counting = (_katydid.Stats, CountByMethods)
        twin._handlers = [each for each in hook._handlers if not isinstance(each, counting)]
        setattr(events, name, twin)
    events.request._handlers[:0] = [_katydid.Stats(), on_request]
    return events


class _Runner:
    """The node's runner, for what a user reads of it. What would change the test does not happen."""

    def __init__(self, runner):
        self._runner = runner

    def __getattr__(self, name):
        return getattr(self._runner, name)

    def _refuse(self, *_args, **_kwargs):
        logger.info("The runner was told to start or stop: not while a user is tried")

    start = start_shape = stop = quit = stop_test = _refuse


class _Lines(logging.Handler):
    """The log lines of the greenlets that belong to a trial."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.tree = None

    def emit(self, record):
        of = getattr(user_greenlet(), "spawn_tree_locals", None)
        if of is self.tree and len(self.lines) < _LINES_MAX:
            text = record.getMessage()
            if record.exc_info and record.exc_info[0]:
                text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
            self.lines.append([record.created, record.levelname, record.name, text])

    def __enter__(self):
        for name in (None, "locust"):  # which does not propagate
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_):
        for name in (None, "locust"):
            logging.getLogger(name).removeHandler(self)
