# SPDX-License-Identifier: MIT
"""`environment.web_ui` in the process that runs the master-side Python of katydid.

The master owns the port and the page. Once a locustfile touches `web_ui.app` (or with --web-login,
or --build-path) the app listens on a Unix socket in the master's private folder, and the master is
told: it passes on what it does not know itself, what the app's own hooks want to see, and asks it
who may come in. The views of Locust's routes get their answers from the master in turn, by a
request that carries a secret. Nobody who does not use this pays for it.
"""

import contextlib
import http.client
import json
import logging
import os
import socket
from urllib.parse import quote, urlencode

import gevent

from . import _web_login, _web_page
from ._web_throttle import Throttle
from .web import WebUI, _choices

logger = logging.getLogger("locust.web")

_PASSED_ON = ("Host", "Origin", "Referer", "Sec-Fetch-Site", "User-Agent", "Content-Type",
              "If-None-Match")
_OF_CONNECTION = ("connection", "content-length", "transfer-encoding", "keep-alive")
_TIMEOUT_S = 120


class Views:
    """Locust's routes as the master answers them."""

    def __init__(self):
        self.page = None  # where the master is: told by katydid_page

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

    def _relay(self):
        from flask import Response, request

        path = request.path.removeprefix(self.page["base_path"] if self.page else "") or "/"
        query = urlencode(list(request.args.items(multi=True)))
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        body = request.get_data(parse_form_data=False) if request.method == "POST" else None
        status, headers, body = self._ask(
            request.method, quote(path) + ("?" + query if query else ""), headers, body)
        return Response(body, status, headers)

    def page_html(self):
        """The master's page, with every header but its text left out."""
        from flask import request

        host = request.headers.get("Host", "localhost")
        return self._ask("GET", "/", {"Host": host})[2].decode("utf-8")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._relay  # every route of Locust, by whatever name

    def assets(self, path):
        return self._relay()

    def forget_figures(self):
        """Nothing to forget: the master answers each time."""


class BuiltViews(Views):
    """--build-path: a page of the user's own build, with the master's answers behind it."""

    def __init__(self, web_ui):
        super().__init__()
        self._web_ui = web_ui
        self._folder = os.path.abspath(web_ui.build_path)

    def index(self):
        from flask import render_template

        self._web_ui.update_template_args()
        return render_template("index.html", template_args=self._web_ui.template_args)

    def assets(self, path):
        from flask import send_from_directory

        folder = os.path.join(self._folder, "assets")
        if os.path.exists(os.path.join(folder, path)):
            return send_from_directory(folder, path)
        return self._relay()


class HostWebUI(WebUI):
    """Made before `init` fires. The app, and with it Flask, only comes when it is wanted."""

    def __init__(self, environment, folder):
        options = environment.parsed_options
        self._folder = folder
        self._send = None  # to the master, once there is a node
        self._told = None
        self._baseline = (0, 0)
        self._throttle = Throttle()
        super().__init__(
            environment, options.web_host, options.web_port, options.web_base_path,
            options.web_login, options.tls_cert, options.tls_key, delayed_start=True,
            userclass_picker_is_active=options.class_picker, build_path=options.build_path,
        )

    def _csv_writer(self):
        return None  # the master writes them

    def _make_views(self):
        return BuiltViews(self) if self.build_path else Views()

    def _set_up(self, delayed_start):
        """Nothing yet: see begin()."""

    def _open_app(self):
        super()._open_app()
        self._baseline = self._hooks()
        if self._send is not None:  # touched late, by a listener of a later event
            gevent.spawn(self._listen_and_tell)

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
        self.server = pywsgi.WSGIServer(listener, self._answer, log=None, error_log=logger)
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

    def _answer(self, environ, start_response):
        """The WSGI application: tells the app who really asks, and answers the master's question
        whether a request may pass."""
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
        name, _, port = environ.get("HTTP_HOST", "localhost").rpartition(":")
        environ["SERVER_NAME"] = name or port
        environ["SERVER_PORT"] = port if name and port.isdigit() else "80"
        method, _, is_open = environ.pop("HTTP_X_KATYDID_ADMIT", "").partition(" ")
        if not method:
            return self.app(environ, start_response)
        environ["REQUEST_METHOD"] = method
        return self._answer_master(environ, start_response, is_open == "open")

    def _answer_master(self, environ, start_response, is_open):
        """Credentials that a function of the locustfile refuses are a failed attempt."""
        peer = environ["REMOTE_ADDR"]
        given = environ.get("HTTP_AUTHORIZATION")
        is_attempt = given is not None and not self._throttle.is_known(given)
        wait = self._throttle.begin(peer) if is_attempt else 0
        if wait > 0:
            return _web_login.refuse(start_response, wait)
        passes, is_admitted = self._admits(environ, is_open)
        if is_attempt and passes:
            self._throttle.succeeded(peer)
            self._throttle.know(given)
        start_response("204 No Content" if is_admitted else "401 Unauthorized", [])
        return []

    def _admits(self, environ, is_open):
        """(whether the locustfile's functions let the request pass, whether it may be answered)"""
        passes = False
        try:
            with self.app.request_context(environ):
                if self.app.preprocess_request() is not None:
                    return False, False
                passes = True
                return True, not self.web_login or is_open or _web_login.is_admitted()
        except Exception as error:  # of a function of the locustfile, or a login not set up
            logger.debug("A request was not admitted: %s", error)
            return passes, False

    # What the master is told

    def _hooks(self):
        """How many functions look at requests before, and after, they are answered."""
        count = lambda table: sum(len(functions) for functions in table.values())  # noqa: E731
        return count(self._app.before_request_funcs), count(self._app.after_request_funcs)

    def extensions(self):
        """What the page shows of the locustfile: its form, and tabs, tables and files of its own."""
        own = {key: self.template_args[key] for key in (*_web_page.EXTENSIONS, "all_profiles")
               if self.template_args.get(key)}
        return {**self.rendered_extensions, **own, **_choices(self)}

    def tell(self):
        """Tells the master what has changed, if anything has."""
        if self._send is None:
            return
        before, after = self._hooks() if self._app is not None else (0, 0)
        now = {
            "socket": self._path if self.server is not None else "",
            "login": bool(self.web_login),
            "guards": before > self._baseline[0],
            "hooks": after > self._baseline[1],
            "page": bool(self.build_path),
            "extensions": json.dumps(self.extensions(), default=str),
        }
        if now != self._told:
            self._told = now
            self._send("katydid_web", now)

    def on_page(self, data):
        self._views.page = data
