# SPDX-License-Identifier: MIT
"""Users: what a locustfile subclasses, and what runs them as greenlets."""

import logging
import re
import time
import traceback
from contextlib import ExitStack, contextmanager
from json.decoder import JSONDecodeError
from time import perf_counter
from typing import final

import _katydid
import gevent
from gevent import GreenletExit

from .. import _errors, _hold
from .._awaited import see_to
from .._group import UserGroup
from ..clients import HttpSession
from ..exception import CatchResponseError, StopTest, StopUser
from ..util import deprecation
from .arriving import run_arrivals, visit
from .task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
    TaskSet,
    _note_step,
    get_tasks_from_base_classes,
    pause,
    report_error,
    run_user_tasks,
    wait_for,
)
from .wait_time import constant

logger = logging.getLogger(__name__)

__all__ = ("User", "HttpUser", "PytestUser", "TaskSet", "UserMeta")


class UserMeta(type):
    """Gathers a class's tasks. `abstract` is not inherited: a subclass is meant to run."""

    def __new__(mcs, classname, bases, class_dict):
        class_dict["tasks"] = get_tasks_from_base_classes(bases, class_dict)
        if not class_dict.get("abstract"):
            class_dict["abstract"] = False
        deprecation.check_for_deprecated_task_set_attribute(class_dict)
        return super().__new__(mcs, classname, bases, class_dict)


def _without_circle(end):
    """Its traceback has the frame that it is returned to, whose memory, and the user's, would wait for a look for garbage."""
    return end if isinstance(end, StopTest) else end.with_traceback(None)


class User(metaclass=UserMeta):
    """A simulated user. Subclasses say what it does (tasks) and at which pace (wait_time)."""

    host = None  # the target's base URL
    min_wait = None  # milliseconds; superseded by wait_time
    max_wait = None
    wait_time = constant(0)  # seconds between two tasks
    wait_function = None
    tasks = []
    weight = 1  # share among the classes
    fixed_count = 0  # that many of this class instead of a share; they start first
    abstract = True  # only there to be subclassed

    _state = None
    _greenlet = None
    _group = None
    _arrivals = None  # of its scenario (_scenarios.py)
    _chances = None  # with --seed, of users that loop (_chances.py)
    _limit = None  # ... if that is of so many iterations (_limits.py)
    _set = None
    _has_ended_test = False  # and so ends already
    _is_ending = False  # it is in its on_stop, or a task set's, or past it
    _queue = None  # tasks scheduled through _taskset_instance

    def __init__(self, environment):
        super().__init__()
        self.environment = environment
        self._cp_last_run = perf_counter()  # of constant_pacing
        self._cp_last_wait_time = 0

    def on_start(self):
        """Called when the user starts."""

    def on_stop(self):
        """Called when the user is stopped."""

    @final
    def run(self):
        """Lives until the user is stopped, stops itself, or cannot start."""
        self._state = LOCUST_STATE_RUNNING
        _katydid.journals_user(self)
        try:
            if self._arrivals is not None and self._arrivals.is_fresh:
                end = visit(self, self._arrivals, self._live)
            else:
                end = self._live()
            if end is not None:
                self._stopped()
            if isinstance(end, StopTest):
                self._stop_test(end)
        finally:
            self._release()

    def _live(self):
        """Starts and runs tasks. Returns what ended the user; None when it could not start."""
        try:
            see_to(self.on_start())
        except (StopUser, StopTest, GreenletExit) as end:
            return _without_circle(end)
        except Exception as error:
            report_error(self, self, error, logger)
            if not self.environment.catch_exceptions:
                raise
            return None
        try:
            if self._arrivals is None or not self._arrivals.is_open:
                return run_user_tasks(self)
            run_arrivals(self, self._arrivals)
        except (StopUser, StopTest, GreenletExit) as end:
            return _without_circle(end)

    def _stopped(self):
        self._is_ending = True
        try:
            see_to(self.on_stop())
        except (StopUser, StopTest):
            pass
        except Exception as error:  # no failure of the test, as in Locust
            _errors.log_bounded(logger, error)

    def _stop_test(self, reason):
        runner = self.environment.runner
        if runner is None:
            raise reason
        runner.stop_test(reason)

    def _release(self):
        """Gives back what the user holds outside of Python (HttpUser: its connections)."""

    @property
    def _taskset_instance(self):
        if self._set is None:
            self._set = _UserSet(self)
        return self._set

    def wait(self):
        """Sleeps for wait_time(); a test that stops ends the user here at once."""
        pause(self, self, wait_for)

    def start(self, group):
        """Runs the user in a new greenlet of the group; returns the greenlet."""
        self._group = group
        self._greenlet = group.spawn(_run_user, self)
        return self._greenlet

    def stop(self, force=False):
        """Ends the user: at once when it waits or by force (True), else after its task (False)."""
        if force or self._state in (None, LOCUST_STATE_WAITING):
            self._group.killone(self._greenlet)
            return True
        if self._state == LOCUST_STATE_RUNNING:
            self._state = LOCUST_STATE_STOPPING
            return False
        raise Exception(f"Tried to stop User in an unexpected state: {self._state}. "
                        "This should never happen.")

    @property
    def group(self):
        """The greenlets of the users; called, a part of a task: with self.group("checkout"): …"""
        if self._group is None and self._state is not None:
            return UserGroup()  # it runs by itself
        return self._group

    @property
    def greenlet(self):
        return self._greenlet

    def context(self):
        """A dict to go into the context of each of this user's request events."""
        return {}

    @classmethod
    def json(cls):
        return {
            "host": cls.host,
            "weight": cls.weight,
            "fixed_count": cls.fixed_count,
            "tasks": [task.__name__ for task in cls.tasks],
        }

    @classmethod
    def fullname(cls):
        """module.Class, without the functions that the class may be local to."""
        parts = f"{cls.__module__}.{cls.__qualname__}".split(".")
        return ".".join(part for part in parts if part != "<locals>")




class _UserSet(DefaultTaskSet):
    """The set around the user's own tasks, as code sees it that asks for _taskset_instance, or
    listens to user_error: by the name of the class that Locust has there."""

    __qualname__ = DefaultTaskSet.__qualname__

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        _note_step(name)

    @property
    def _queue(self):
        return self._user._queue

    @_queue.setter
    def _queue(self, queue):
        self._user._queue = queue


_UserSet.__name__ = DefaultTaskSet.__name__
_UserSet.__module__ = DefaultTaskSet.__module__


def _run_user(user):
    # A function of the user, so that greenlet.args[0] is the user. The group no longer counts it
    # when another user runs: code looks for the last one by runner.user_count.
    group = user._group
    try:
        user.run()
    finally:
        if user._arrivals is not None:
            user._arrivals.leave()
        if isinstance(group, UserGroup):
            group.discard(gevent.getcurrent())


_run_user = _katydid.small_stack(_run_user)


class RestMixin:
    """rest() and rest_(), for users whose `client` speaks HTTP."""

    _user_frame = re.compile(r'  File "(/[^"]*)", line (\d+),(.*)')

    @contextmanager
    def rest(self, method, url, headers=None, **kwargs):
        """A request whose answer must be JSON: parsed as `response.js`. Whatever goes wrong in
        the block (a failed assert first of all) is a failure of the request."""
        headers = dict(headers or {})
        for name in ("Content-Type", "Accept"):
            if name not in headers and name.lower() not in headers:
                headers[name] = "application/json"
        with self.client.request(
            method, url, catch_response=True, headers=headers, **kwargs
        ) as response:
            _parse_json(response)
            try:
                yield response
            except AssertionError as error:
                response.failure(_assertion_text(error, response))
            except Exception as error:
                response.failure(self._error_text(error, response))

    def _error_text(self, error, response):
        places = []
        for line in traceback.format_exc().split("\n"):
            if found := self._user_frame.match(line):
                path, number, where = found.groups()
                places.append(f"{re.sub(r'^/(home|Users)/[^/]*/', '~/', path)}:{number}{where}")
        return (
            f"{type(error).__name__}: {error} at {', '.join(places)}. "
            f"Response was {_beginning(response)}"
        )

    @contextmanager
    def rest_(self, method, url, name=None, **kwargs):
        """rest() with the time appended to the query (`_=...`), against caches on the way."""
        separator = "&" if "?" in url else "?"
        name = name or f"{url}{separator}_=..."
        with self.rest(
            method, f"{url}{separator}_={int(time.time() * 1000)}", name=name, **kwargs
        ) as response:
            yield response

    def _release_client(self):
        for known in self.__dict__.pop("_sockets", ()):
            if (socket := known()) is not None:
                socket.abort()
        client = self.__dict__.get("client")
        if client is not None:
            client.close()


def _parse_json(response):
    response.js = None
    if response.content is None:
        response.failure(str(response.error))
    elif response.text:
        try:
            response.js = response.json()
        except JSONDecodeError as error:
            response.failure(
                f"Could not parse response as JSON. {response.text[:250]}, "
                f"response code {response.status_code}, error {error}"
            )


def _beginning(response):
    return response.text[:200] if response.text else response.text


def _assertion_text(error, response):
    if not error.args:
        return "Assertion failed"
    text = str(error.args[0])
    if text.endswith(","):
        return f"{text[:-1]}, response was {_beginning(response)}"
    return text


class HttpUser(User, RestMixin):
    """A user with an HTTP client that keeps connections and cookies, used like a
    requests.Session."""

    abstract = True
    pool_manager = None  # shared by the users of a class, if set
    http2 = None  # True, "prior-knowledge" or False; None: what --http2 says
    connections = "per-user"  # "shared:N": all users of the class share N to each origin, in each worker process
    max_connections = None  # that carry HTTP/2, of one user to an origin, when the server takes no more on those there are; None: 1
    max_response_size = None  # bytes of a body, decoded, above which a request has failed; None: 256 MiB
    http2_ping = None  # seconds without a word of the server after which it is asked whether it is there; None: never
    retry_refused = True  # what a server refuses by HTTP/2 is sent again, once; False: it has failed

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.host is None:
            raise StopTest(MISSING_HOST)
        self.client = HttpSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            user=self,
            pool_manager=self.pool_manager,
        )
        self.client.trust_env = False

    def _release(self):
        self._release_client()


MISSING_HOST = ("You must specify the base host. Either in the host attribute in the User class, or on "
                "the command line using the --host option.")


class PytestUser(User):
    """A user that calls the test functions of a pytest-style locustfile, over and over.

    `functions` are pytest's items; `fixtures`, when the user runs, their arguments."""

    abstract = True
    functions: list
    fixtures: list

    def _live(self):
        try:
            with ExitStack() as stack:
                self.fixtures = [f.katydid_arguments(self, stack) for f in self.functions]
                self._call_for_ever()
        except (StopUser, StopTest, GreenletExit) as end:
            return _without_circle(end)
        except Exception as error:  # of a fixture
            report_error(self, self, error)
            if not self.environment.catch_exceptions:
                raise
            return None

    def _call_for_ever(self):
        while True:
            for function, arguments in zip(self.functions, self.fixtures):
                if _hold.is_on:
                    _hold.wait(self, LOCUST_STATE_WAITING)
                try:
                    see_to(function.obj(**arguments))
                except (StopUser, StopTest):
                    raise
                except Exception as error:
                    self._failed(error)
            pause(self, self, wait_for)

    def _failed(self, error):
        """What a failed request raises is in the statistics already; the rest is for the log."""
        from requests.exceptions import RequestException

        from .._http.fast_parts import ConnectionError as FastError

        is_of_request = isinstance(error, (RequestException, CatchResponseError, FastError))
        if is_of_request and not isinstance(error, ValueError):  # a bad URL is one
            logger.debug("%s\n%s", error, traceback.format_exc())
            return
        report_error(self, self, error)
        if not self.environment.catch_exceptions:
            raise error
