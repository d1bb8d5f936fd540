# SPDX-License-Identifier: MIT
"""Asks the Flask app of a locustfile whether it lets a request through.

The request goes through everything that stands before a view, and the innermost view says that it
was reached, and does nothing. Guards are written for Locust's routes, and may look at a path or an
endpoint: who may not start a test by `/swarm` may not do so by the page's API either. So the
master's own routes also ask for the route of Locust's that gives or does the same (`likes`).
"""

import json
from io import BytesIO
from urllib.parse import urlencode

LOGIN = "X-Katydid-Login"  # of our answers to the master, and of our requests
KEY = "katydid.ask"  # in the WSGI environment of a request that only asks
_FORM = "application/x-www-form-urlencoded"
FIGURES = ("/stats/requests", "/exceptions", "/logs", "/tasks")  # asked for, they are answered
_READS = ("GET", "HEAD", "OPTIONS")

_STARTED = json.dumps({"success": True, "message": "Swarming started", "host": None})
_LIKE_READS = {"exceptions": "/exceptions", "logs": "/logs", "script": "/tasks"}
_LIKE_CHANGES = {"stop": "/stop", "reset": "/stats/reset"}


class Ask:
    """A question, and the app's answer to it."""

    def __init__(self):
        self.is_reached = False  # the view
        self.status = "500 Internal Server Error"
        self.headers = []
        self.body = b""

    @property
    def is_admitted(self):
        return self.is_reached and self.status.startswith("2")

    @property
    def login(self):
        """The header that says who is logged in, if anybody is."""
        return [header for header in self.headers if header[0] == LOGIN]

    def _start(self, status, headers, exc_info=None):
        self.status, self.headers = status, headers
        return self._write

    def _write(self, data):
        self.body += data

    def run(self, app, environ):
        """Asks `app`, a WSGI application."""
        answer = app({**environ, KEY: self}, self._start)
        try:
            self.body += b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return self


def reached():
    """In a view of ours: whether the request only asks, which now knows that it came here."""
    from flask import request

    ask = request.environ.get(KEY)
    if ask is None:
        return False
    ask.is_reached = True
    return True


# Which routes of Locust's the master's own are like

def _once(pairs):
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name that comes twice could be read in two ways")
    return fields


def _fields(body):
    """Raises ValueError where the master might read other values."""
    fields = json.loads(body or b"{}", object_pairs_hook=_once)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields


def _swarm(fields):
    """The form of /swarm that says the same; what the page need not say is one user's."""
    form = {"user_count": 1, "spawn_rate": 1}
    for name, ours in (("user_count", "users"), ("spawn_rate", "spawn_rate"), ("host", "host"),
                       ("run_time", "run_time"), ("user_classes", "user_classes"),
                       ("shape_class", "shape_class"), ("profile", "profile")):
        if fields.get(ours) is not None:
            form[name] = fields[ours]
    options = fields.get("options")
    for name, value in options.items() if isinstance(options, dict) else ():
        form.setdefault(name, value)
    return urlencode(form, doseq=True).encode()


def _users(fields):
    settings = fields.get("class_settings")
    for name, values in settings.items() if isinstance(settings, dict) else ():
        if isinstance(values, dict):
            said = json.dumps({"user_class_name": name, **values})
            yield "POST", "/user", "application/json", said.encode()


def likes(method, path, query, body):
    """[(method, path, content type, body)] of Locust's routes that a request of the page is like.
    Raises ValueError for a body that may mean several things."""
    name = path.rpartition("/")[2]
    if method in _READS:
        found = [("GET", _LIKE_READS.get(name, "/stats/requests"), "", b"")]
        if name == "report":
            found.append(("GET", "/stats/report", "", b""))
            if query.get("logs") == "1":
                found.append(("GET", "/logs", "", b""))
        return found
    if name in _LIKE_CHANGES:
        return [("POST", _LIKE_CHANGES[name], _FORM, b"")]
    fields = _fields(body)
    return [("POST", "/swarm", _FORM, _swarm(fields)), *_users(fields)]


def refusal(app, environ, base_path, like):
    """None, or the app's answer to what `environ`'s request is like, which it refuses."""
    method, path, kind, body = like
    asked = {name: value for name, value in environ.items() if not name.startswith("werkzeug.")}
    asked.update({"REQUEST_METHOD": method, "PATH_INFO": base_path + path, "CONTENT_TYPE": kind,
                  "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)})
    for name in ("RAW_URI", "REQUEST_URI"):
        asked.pop(name, None)
    ask = Ask().run(app, asked)
    return None if ask.is_admitted else ask


def stand_in(path):
    """(body, type) of an answer to who only asks."""
    if path.endswith(("/swarm", "/stop")):
        return _STARTED, "application/json"
    return ("{}", "application/json") if "/api/v1/" in path else ("ok", "text/plain")
