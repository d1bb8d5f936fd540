"""Whatever a locustfile puts before Locust's routes guards everything that the master answers: every route, the live socket, the downloads."""

import json
from textwrap import indent

import pytest
from harness import wait_for
from test_web_host import PLAIN, page
from test_web_spelling import COMMAND, FORM, UPGRADE, ask, routes
from viewer import Viewer

KEY = "X-Key: right"

# What stands between: may() of the request, refused() for an answer.
HEAD = PLAIN + """
    import functools
    import flask
    from flask import Blueprint, abort, request, signals
    from locust import events

    OPEN = ("/assets/", "/favicon.svg")

    def may(environ=None):
        environ = environ or request.environ
        return environ["PATH_INFO"].startswith(OPEN) or environ.get("HTTP_X_KEY") == "right"

    def check(*_, **__):
        if not may():
            abort(401)

    @events.init.add_listener
    def init(web_ui, **_):
        app = web_ui.app

"""

GUARDS = {
    "middleware": """
was = app.wsgi_app
def guarded(environ, start_response):
    if may(environ):
        return was(environ, start_response)
    start_response("401 Unauthorized", [("Content-Length", "0")])
    return []
app.wsgi_app = guarded
""",
    "views": """
def guard(view):
    return lambda *args, **kwargs: view(*args, **kwargs) if may() else ("no", 401)
for name in [each for each in app.view_functions if each.startswith("locust.") and each != "locust.katydid"]:
    app.view_functions[name] = guard(app.view_functions[name])
""",
    "signal": "signals.request_started.connect(check, app, weak=False)",
    "addresses": "app.url_value_preprocessor(check)",
    "blueprint": """
other = Blueprint("other", "other")
other.before_app_request(check)
app.register_blueprint(other)
""",
    "by endpoint": """
@app.before_request
def guard():
    if (request.endpoint or "").startswith("locust.") and not may():
        abort(401)
""",
    "an app around it": """
class Around:
    def __init__(self, app):
        self.app = app
    def __getattr__(self, name):
        return getattr(self.app, name)
    def __call__(self, environ, start_response):
        if may(environ):
            return self.app(environ, start_response)
        start_response("403 Forbidden", [])
        return [b"no"]
web_ui.app = Around(app)
""",
}


def guarded(guard):
    return HEAD + indent(guard, " " * 8)


def everything():
    """Every request that gives or does something."""
    yield from ((method, path, FORM if "/api/" not in path else COMMAND) if method == "POST" else (method, path, ()) for method, path in routes())
    yield from (("GET", path, ()) for path in ("/api/v1/report?logs=1&samples=1", "/stats/report?download=1", "/api/v1/live?since=0", "/api/v1/nothing"))
    yield "HEAD", "/api/v1/state", ()


@pytest.mark.parametrize("kind", GUARDS)
def test_a_guard_holds_for_every_route(kind):
    with page(guarded(GUARDS[kind])) as process:
        asked = [*everything(), ("GET", "/api/v1/live", (*UPGRADE, f"Origin: {process.call.base}"))]
        assert len(asked) > 40
        for method, path, more in asked:
            status, answer = ask(process.port, method, path, *more)
            assert status in (401, 403) or (method, path, status) == ("POST", "/login", 405), (method, path, status, answer[-200:])
        for path, begin in (("/api/v1/state", b'{"type":"hello"'), ("/stats/requests", b"{"), ("/metrics", b"# "), ("/api/v1/report", b"<!doctype html>")):
            status, answer = ask(process.port, "GET", path, KEY)
            assert status == 200 and answer.partition(b"\r\n\r\n")[2].startswith(begin), (path, status, answer[:300])
        viewer = Viewer(process.call.base, headers=[KEY])
        assert viewer.status == 101 and viewer.message("tick")
        viewer.close()


ONE_ROUTE = HEAD + """
        @app.before_request
        def guard():
            if request.path == "/swarm" and not may():
                abort(403)
            if request.path == "/swarm" and int(request.form["user_count"]) > 5:
                return "too many", 400
            if request.path == "/logs" and not may():
                return "no logs", 401
"""


def test_who_may_not_use_a_route_of_locusts_may_not_use_the_pages_for_it():
    own = {"X-Katydid": "1", "Content-Type": "application/json"}
    with page(ONE_ROUTE) as process:
        start = lambda users, **more: process.call("/api/v1/start", json.dumps({"users": users, "spawn_rate": 1}).encode(), **own, **more)  # noqa: E731
        assert process.call("/api/v1/state")[0] == 200 and process.call("/api/v1/stop", b"{}", **own)[0] == 200
        assert start(1)[0] == 403
        assert process.call("/api/v1/logs")[:2] == (401, "no logs") and process.call("/api/v1/report?logs=1")[0] == 401
        assert process.call("/api/v1/report")[0] == 200
        assert start(6, **{"X-Key": "right"})[:2] == (400, "too many")
        twice = process.call("/api/v1/start", b'{"users": 9, "spawn_rate": 1, "users": 1}', **own, **{"X-Key": "right"})
        assert twice[0] == 400, twice
        assert start(5, **{"X-Key": "right"})[0] == 200
        wait_for(lambda: json.loads(process.call("/api/v1/state")[1])["users"] == 5, "the users")


FICKLE = PLAIN + """
    from flask import abort, request
    from locust import events

    gone = []

    @events.init.add_listener
    def init(web_ui, **_):
        @web_ui.app.before_request
        def guard():
            if gone:
                abort(401)

        @web_ui.app.route("/end", methods=["POST"])
        def end():
            gone.append(1)
            return "ended"
"""


def test_who_is_no_longer_admitted_sees_no_more():
    """At once, and who looks on already is sent away."""
    with page(FICKLE) as process:
        viewer = Viewer(process.call.base)
        assert viewer.message("tick") and process.call("/api/v1/state")[0] == 200
        assert process.call("/end", b"")[1] == "ended"
        assert process.call("/api/v1/state")[0] == 401
        while (said := viewer.message("tick", "bye"))["type"] == "tick":
            viewer.say({"type": "ack", "tick": said["tick"]})
        assert said["why"] == "no longer admitted"
        viewer.close()


LATE = PLAIN + """
    from flask import abort
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        @web_ui.app.route("/close")
        def close():
            web_ui.app.wsgi_app = lambda environ, start: [start("403 Forbidden", []) and b""]
            return "closed"
"""


def test_a_guard_that_comes_late():
    with page(LATE) as process:
        assert process.call("/api/v1/state")[0] == 200
        assert process.call("/close")[1] == "closed"
        wait_for(lambda: process.call("/api/v1/state")[0] == 403, "the guard")


SIGN_IN = PLAIN + """
    from flask import request
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        @web_ui.app.route("/sign-in", methods=["POST"])
        def sign_in():
            return ("in", 200) if request.form["password"] == "right" else ("wrong", 401)
"""


def test_a_login_of_the_locustfiles_own_is_slowed_down():
    with page(SIGN_IN) as process:
        attempt = lambda: process.call("/sign-in", {"password": "wrong"})  # noqa: E731
        assert attempt()[0] == 401
        _, _, headers = wait_for(lambda: (answer := attempt())[0] == 429 and answer, "being told to wait")
        assert int(headers["Retry-After"]) >= 1
        assert process.call("/api/v1/state")[0] == 200
