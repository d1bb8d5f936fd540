# SPDX-License-Identifier: MIT
"""Holds users back while their master does not answer.

A master that hears nothing of a worker gives its users to the other workers. So that the target
never gets two shares, a worker that is not answered stops its load by then: no user begins a task,
and none of the HTTP clients sends a request of a user, be it in a greenlet that the user made.
What other clients send within a task cannot be held. Nobody is ended: when the master answers
again, the users go on where they were.

Looked at before each task and each request, so it costs them a look at a flag. Requests of users that
are throttled (_scenarios.py) wait here as well.
"""

import _katydid
import gevent
from gevent.event import Event

is_on = False  # for _plain_loop; changed by begin() and end()
_over = Event()
_over.set()
_holds_requests = False
_pace = None


def pace(function):
    """function(user) is called before each request of a user; None: no more."""
    global _pace
    _pace = function
    _look(_holds_requests)


def _look(holds_requests):
    global _holds_requests
    _holds_requests = holds_requests
    _katydid.hold_requests(_before_request if holds_requests or _pace is not None else None)


def begin():
    """From now on users wait before their next task or request."""
    begin_no_task()
    _look(True)


def begin_no_task():
    """From now on users wait before their next task; the one that they are at they may finish."""
    global is_on
    is_on = True
    _over.clear()


def let_requests_go():
    """Those who wait before a task still do: users are about to be ended, and may send requests
    in their on_stop."""
    _look(False)


def end():
    """Everybody goes on."""
    global is_on
    is_on = False
    _look(False)
    _over.set()


def wait(user, waiting):
    """A user between two tasks: it may be ended at once, as in its wait time."""
    before, user._state = user._state, waiting
    _over.wait()
    user._state = before


def _before_request(user):
    """Called by the clients. Requests of users wait, whichever greenlet sends them: one that a user
    made has its session. Listeners of the test may send what they want."""
    if user is None:
        arguments = getattr(gevent.getcurrent(), "args", None)
        if not arguments or not hasattr(arguments[0], "_cp_last_run"):
            return
        user = arguments[0]
    if _holds_requests:
        _over.wait()
    if _pace is not None and hasattr(user, "_arrivals"):
        _pace(user)
