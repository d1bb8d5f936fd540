# SPDX-License-Identifier: MIT
"""What the target has of a call that pylib carries out.

A call ends by being reported. When an exception leaves it instead (its user is stopped, a hook
raises), the target may have counted it all the same: it is then cut off, when an answer was awaited,
or discarded. Requests that were sent again are counted in any case.
"""

from contextvars import ContextVar

current = ContextVar("account", default=None)  # of the call that this greenlet carries out


class Account:
    is_reached = False  # something was sent completely
    is_waiting = False  # for an answer
    resent = 0
    first_target = None  # path and query

    def __init__(self, session, method, name, url):
        self._session, self._method = session, method
        self._name, self._url = name, url

    def __enter__(self):
        self._token = current.set(self)
        return self

    def __exit__(self, kind, error, traceback):
        current.reset(self._token)
        if self.resent:
            self._count("resent", self.resent)
        if kind is not None and self.is_reached:
            self._count("cut" if self.is_waiting else "discarded", 1)

    def _count(self, what, n):
        name = self._name or self.first_target or str(self._url)
        self._session._count_aside(what, self._method, name, n)

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
