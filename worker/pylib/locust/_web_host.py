# SPDX-License-Identifier: MIT
"""`environment.web_ui` in the process that runs the master-side Python of katydid.

The master owns the port and the page. Once a locustfile touches `web_ui.app` (or with --web-login,
or --build-path) the app listens on a Unix socket in the master's private folder, and the master is
told: it passes on what it does not know itself. Once the locustfile has changed how the app handles
requests (`_web_changes.py`), it passes on every request, and asks before it opens a live socket. The
views of Locust's and of the master's routes get their answers from the master in turn, by a request
that carries a secret. Nobody who does not use this pays for it.
"""

import contextlib
import http.client
import json
import logging
import os
import socket
from urllib.parse import quote

import gevent

from . import _web_ask, _web_login, _web_page
from ._web_attempts import Attempts
from ._web_changes import Mark
from .web import WebUI, _choices

logger = logging.getLogger("locust.web")

_WHO = ("X-Katydid-Role", "X-Katydid-User")
_PASSED_ON = ("Host", "Origin", "Referer", "Sec-Fetch-Site", "User-Agent", "Content-Type",
              "If-None-Match", "Accept", "X-Katydid", *_WHO, "X-Forwarded-For")
_OF_CONNECTION = ("connection", "content-length", "transfer-encoding", "keep-alive")
_TIMEOUT_S = 120
_LOOK_EVERY_S = 1.0
_LOG_IN = {"ok": False, "field": "", "error": "Log in first: open the page in a browser."}


class Views:
    """Locust's routes, and the master's, as the master answers them."""

    MORE_RULES = ("/api/v1/<path:path>", "/<any(metrics):path>", "/<any('favicon.svg'):path>")

    def __init__(self, web_ui):
        self.page = None  # where the master is: told by katydid_page
        self._web_ui = web_ui

    def _ask(self, method, path, headers, body=None):
        if self.page is None:
            return 503, {"Content-Type": "text/plain"}, b"The web interface is still starting."
        link = http.client.HTTPConnection(self.page["address"], self.page["port"],
                                          timeout=_TIMEOUT_S)
        try:
            link.request(method, self.page["base_path"] + path, body,
                         {**headers, "X-Katydid-Secret": self.page["secret"]})
            answer = link.getresponse()
            kept = {name: value for name, value in answer.getheaders()
                    if name.lower() not in _OF_CONNECTION}
            return answer.status, kept, answer.read()
        finally:
            link.close()

    def _path(self):
        from flask import request

        return request.path.removeprefix(self.page["base_path"] if self.page else "") or "/"

    def _relay(self):
        from flask import Response, request

        path = self._path()
        if _web_ask.reached() and not (request.method == "GET" and path in _web_ask.FIGURES):
            body, kind = _web_ask.stand_in(path)
            return Response(body, 200, mimetype=kind)
        query = request.query_string.decode("latin-1")
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        if self._web_ui.web_login:
            headers.update(_web_login.who())
        has_body = request.method not in ("GET", "HEAD", "OPTIONS")
        body = request.get_data(parse_form_data=False) if has_body else None
        status, headers, body = self._ask(
            request.method, quote(path) + ("?" + query if query else ""), headers, body)
        return Response(body, status, headers)

    def ours(self, path):
        """What only the master has: the page's API, figures for Prometheus."""
        from flask import jsonify

        web_ui = self._web_ui
        if web_ui.web_login and not _web_login.has_session():
            return jsonify(_LOG_IN), 401
        refused = self._refusal() if web_ui.is_changed() else None
        return self._relay() if refused is None else refused

    def _refusal(self):
        """None, or the answer of a guard to what this request is like."""
        from flask import Response, jsonify, request

        path = self._path()
        if path == "/favicon.svg":
            return None
        try:
            asked = _web_ask.likes(request.method, path, request.args, request.get_data())
        except ValueError as error:
            return jsonify(ok=False, field="", error=f"The body cannot be read: {error}."), 400
        base = self._web_ui.web_base_path
        for like in asked:
            ask = _web_ask.refusal(self._web_ui.entry, request.environ, base, like)
            if ask is not None and ask.is_reached:
                return jsonify(ok=False, field="", error=f"{like[1]} answers {ask.status}."), 403
            if ask is not None:
                return Response(ask.body, ask.status, ask.headers)
        return None

    def page_html(self):
        """The master's page, with every header but its text left out."""
        from flask import request

        _web_ask.reached()
        headers = {name: request.headers[name] for name in _WHO if name in request.headers}
        headers["Host"] = request.headers.get("Host", "localhost")
        return self._ask("GET", "/", headers)[2].decode("utf-8")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._relay  # every route of Locust, by whatever name

    def assets(self, path):
        return self._relay()

    def forget_statistics(self):
        """Nothing to forget: the master answers each time."""


class BuiltViews(Views):
    """--build-path: a page of the user's own build, with the master's answers behind it."""

    def __init__(self, web_ui):
        super().__init__(web_ui)
        self._folder = os.path.abspath(web_ui.build_path)

    def index(self):
        from flask import render_template

        _web_ask.reached()
        self._web_ui.update_template_args()
        return render_template("index.html", template_args=self._web_ui.template_args)

    def assets(self, path):
        from flask import send_from_directory

        _web_ask.reached()
        folder = os.path.join(self._folder, "assets")
        if os.path.exists(os.path.join(folder, path)):
            return send_from_directory(folder, path)
        return self._relay()


def _handler():
    from gevent import pywsgi

    class Handler(pywsgi.WSGIHandler):
        """Tells the app who really asks, and for what."""

        def get_environ(self):
            environ = super().get_environ()
            environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "")
            environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
            name, _, port = environ.get("HTTP_HOST", "localhost").rpartition(":")
            environ["SERVER_NAME"] = name or port
            environ["SERVER_PORT"] = port if name and port.isdigit() else "80"
            environ["katydid.only_asks"] = bool(environ.pop("HTTP_X_KATYDID_ADMIT", ""))
            return environ

    return Handler


class HostWebUI(WebUI):
    """Made before `init` fires. The app, and with it Flask, only comes when it is wanted."""

    def __init__(self, environment, folder):
        options = environment.parsed_options
        self._folder = folder
        self._send = None  # to the master, once there is a node
        self._told = None
        self._made = None  # a Mark: the app as we made it
        self._attempts = Attempts(self._has_route)
        super().__init__(
            environment, options.web_host, options.web_port, options.web_base_path,
            options.web_login, options.tls_cert, options.tls_key, delayed_start=True,
            userclass_picker_is_active=options.class_picker, build_path=options.build_path,
        )

    def _csv_writer(self):
        return None  # the master writes them

    def _make_views(self):
        return BuiltViews(self) if self.build_path else Views(self)

    def _set_up(self, delayed_start):
        """Nothing yet: see begin()."""

    def _open_app(self):
        super()._open_app()
        if self.web_login:
            _web_login.tell_who(self._app)
        self._made = Mark(self._app)
        gevent.spawn(self._look)
        if self._send is not None:  # touched late, by a listener of a later event
            gevent.spawn(self._listen_and_tell)

    def _look(self):
        """A locustfile may change the app at any time."""
        while True:
            gevent.sleep(_LOOK_EVERY_S)
            self.tell()

    def begin(self, send):
        """After `init`: everything a locustfile does at its start is done."""
        self._send = send
        if self.web_login or self.build_path:
            self._open_app_or_refuse()
        if self._app is not None and self.server is None:
            self._listen()
        self.tell()

    def _open_app_or_refuse(self):
        if self._app is None:
            self._open_app()

    def _listen_and_tell(self):
        if self.server is None:
            self._listen()
        self.tell()

    # The server

    @property
    def _path(self):
        return os.path.join(self._folder, "web")

    def _listen(self):
        from gevent import pywsgi

        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # of the process before this one, which is gone
        listener.bind(self._path)
        listener.listen(64)
        self.server = pywsgi.WSGIServer(listener, self._answer, log=None, error_log=logger,
                                        handler_class=_handler())
        self.greenlet = gevent.spawn(self.server.serve_forever)

    def start(self):
        """Listens; the master does so for everybody else."""
        if self.server is None:
            self._listen_and_tell()

    def stop(self):
        if self.server is not None:
            self.server.stop()
            self.server = None
            self.tell()

    @property
    def entry(self):
        """The WSGI application that a request comes to."""
        return self._answer if self.server is None else self.server.application

    def _answer(self, environ, start_response):
        if _web_ask.KEY in environ:  # on behalf of a request that came this way
            return self.app(environ, start_response)
        return self._attempts.serve(self._serve, environ, start_response)

    def _serve(self, environ, start_response):
        if not environ.get("katydid.only_asks"):
            return self.app(environ, start_response)
        ask = _web_ask.Ask().run(self.app, environ)
        if ask.is_admitted:
            start_response("204 No Content", [("X-Katydid-Admitted", "1"), *ask.login])
            return []
        start_response(ask.status, ask.headers)
        return [ask.body]

    def _has_route(self, method, path):
        """Whether the locustfile has one, beside Locust's."""
        try:
            endpoint, _ = self._app.url_map.bind("localhost").match(path, method)
        except Exception:  # no route, another method, or an app that is none of Flask's
            return False
        return not endpoint.startswith("locust.")

    # What the master is told

    def is_changed(self):
        """Whether the locustfile has a say in how requests are handled."""
        if self._app is None:
            return False
        server = self.server
        return (self._made is None or self._made.is_changed(self._app)
                or server is not None and server.application != self._answer)

    def extensions(self):
        """What the page shows of the locustfile: its form, and tabs, tables and files of its own."""
        own = {key: self.template_args[key] for key in (*_web_page.EXTENSIONS, "all_profiles")
               if self.template_args.get(key)}
        return {**self.rendered_extensions, **own, **_choices(self)}

    def tell(self):
        """Tells the master what has changed, if anything has."""
        if self._send is None:
            return
        now = {
            "socket": self._path if self.server is not None else "",
            "login": bool(self.web_login),
            "changed": self.is_changed(),
            "page": bool(self.build_path),
            "extensions": json.dumps(self.extensions(), default=str),
        }
        if now != self._told:
            self._told = now
            self._send("katydid_web", now)

    def on_page(self, data):
        self._views.page = data
