# SPDX-License-Identifier: MIT
"""Slows down who tries a locustfile's own guards and logins again and again (`_web_throttle.py`).

What is seen of them: a request that shows credentials (`Authorization`, a header or a parameter of
the address that is named like a token, key or password) and is refused with 401 or 403; and one
that posts to a route of the locustfile that has refused so before. Who shows nothing tries nothing.
A login that answers a wrong password with 200 or by a redirect cannot be told from one that
succeeded.
"""

import re
from collections import OrderedDict
from urllib.parse import parse_qsl

from . import _web_login
from ._web_throttle import Throttle

_SECRETIVE = re.compile(r"auth|token|key|secret|passw|pwd|credential|session.?id|otp", re.I)
_NOT_SECRET = ("HTTP_SEC_WEBSOCKET_KEY",)
_KEPT_MAX = 256


def _shown(environ):
    """The credentials that come with a request, as one text; "" none."""
    headers = [f"{name}={environ[name]}" for name in sorted(environ)
               if name.startswith("HTTP_") and name not in _NOT_SECRET and _SECRETIVE.search(name)]
    query = [f"{name}={value}" for name, value in parse_qsl(environ.get("QUERY_STRING", ""))
             if _SECRETIVE.search(name)]
    return "\n".join(headers + query)


class Attempts:
    def __init__(self, has_route):
        self._has_route = has_route  # (method, path): whether the locustfile has one
        self._throttle = Throttle()
        self._refusing = OrderedDict()  # (method, path) of what has refused somebody
        self._passed = OrderedDict()  # ((method, path), credentials) of what has not

    def serve(self, app, environ, start_response):
        """`app`'s answer, or that this attempt comes too early."""
        place = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        shown = _shown(environ)
        peer = environ["REMOTE_ADDR"]
        is_attempt = self._is_attempt(place, shown)
        wait = self._throttle.begin(peer) if is_attempt else 0
        if wait > 0:
            return _web_login.refuse(environ, start_response, wait)

        def note(status, headers, exc_info=None):
            if status[:3] in ("401", "403"):
                self._note_refusal(place)
            else:
                if is_attempt:
                    self._throttle.succeeded(peer)
                self._note_passed(place, shown)
            return start_response(status, headers, exc_info)

        return app(environ, note)

    def _is_attempt(self, place, shown):
        if place[0] == "POST" and place in self._refusing and self._has_route(*place):
            return True
        return bool(shown and self._refusing) and not self._throttle.is_known(shown)

    # Credentials were right where others are refused: there they tell something.

    def _note_refusal(self, place):
        if place not in self._refusing:
            for other, shown in [each for each in self._passed if each[0] == place]:
                self._throttle.know(shown)
                del self._passed[other, shown]
        _remember(self._refusing, place)

    def _note_passed(self, place, shown):
        if not shown:
            return
        if place in self._refusing:
            self._throttle.know(shown)
        else:
            _remember(self._passed, (place, shown))


def _remember(table, key):
    table[key] = None
    table.move_to_end(key)
    while len(table) > _KEPT_MAX:
        table.popitem(last=False)
