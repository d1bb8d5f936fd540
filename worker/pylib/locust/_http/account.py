# SPDX-License-Identifier: MIT
"""What the target has of a call that pylib carries out.

A call ends by being reported. When an exception leaves it instead (its user is stopped, a hook
raises), the target may have counted it all the same: it is then cut off, when an answer was awaited,
or discarded. Requests that were sent again are counted in any case. A name server that gave no answer
until the end is a failure.
"""

from contextvars import ContextVar
from time import perf_counter

current = ContextVar("account", default=None)  # of the call that this greenlet carries out
stream_kind = ContextVar("stream_kind", default=None)  # what the next call, which opens a stream of events, is recorded as


def take_stream_kind():
    kind = stream_kind.get()
    if kind is not None:
        stream_kind.set(None)
    return kind


def took_ms(began, kind, response):
    """How long a call took that began then (perf_counter): of a stream of events, to the arrival of its head."""
    if kind is not None and not response.history and (ms := response._head_ms) is not None:
        return ms
    return (perf_counter() - began) * 1000


class Account:
    is_reached = False  # something was sent completely
    is_waiting = False  # for an answer
    resent = 0
    first_target = None  # path and query
    is_events = False  # the answer is read as a stream of events
    max_body = 0  # bytes of an answer, more is a failure; 0: as the session says
    discard = None  # whether the body of the answer is kept; None: as the run has it
    trace = None  # the mark that all of its requests have (py_trace.c)

    unresolved = None  # the error of a name that nobody answered for

    def __init__(self, session, method, name, url, failed=None, manner=None):
        """failed: makes the response of an error. manner: how a FastHttpSession makes all of them."""
        self.session, self.manner, self._method = session, manner, method
        self._name, self._url, self._failed = name, url, failed

    def __enter__(self):
        self._token = current.set(self)
        self._began = perf_counter()
        return self

    def __exit__(self, kind, error, traceback):
        current.reset(self._token)
        if self.resent:
            self._count("resent", self.resent)
        if kind is not None and self.is_reached:
            self._count("cut" if self.is_waiting else "discarded", 1)
        elif kind is not None and self.unresolved is not None and self._failed is not None:
            self._report(self._failed(self.unresolved))

    def _label(self):
        return self._name or self.first_target or str(self._url)

    def _count(self, what, n):
        self.session._count_aside(what, self._method, self._label(), n)

    def _report(self, response):
        ms = (perf_counter() - self._began) * 1000
        response._begin(self.session, self._method, self._label(), None, False, ms, False)
        self.mark(response)
        response._report()

    def mark(self, response):
        """It is what came of this call."""
        if self.trace is not None:
            response._traced(self.trace)

    def add_resent(self, n):
        self.resent += n

    def wait(self, send, *args, **kwargs):
        """send(), whose answer is awaited meanwhile."""
        self.is_waiting = True
        result = send(*args, **kwargs)
        self.is_waiting = False
        return result

    def wait_elsewhere(self, send, *args, **kwargs):
        """The same by a client that does not tell how far it came."""
        self.is_reached = True
        return self.wait(send, *args, **kwargs)
