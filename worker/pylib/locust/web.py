# SPDX-License-Identifier: MIT
"""The web interface as locustfiles see it: `environment.web_ui`.

With katydid the master serves the page, and this object is how a locustfile adds to it: the Flask
app is made when somebody first touches it, listens on a private Unix socket, and gets from the
master what the master does not answer itself (`_web_host.py`). As a library, without katydid, the
Flask app is the whole server (`_web_library.py`).

Flask is imported when the app is made: nothing here needs it before.
"""

import logging
from functools import wraps
from json import dumps
from typing import TypedDict

from ._version import __version__ as version
from . import argument_parser, stats

logger = logging.getLogger(__name__)

DEFAULT_CACHE_TIME = 2.0
HOST_IS_REQUIRED = False


class InputField(TypedDict, total=False):
    label: str
    name: str
    type: str | None
    default_value: bool | None
    choices: list | None
    is_multiple: bool | None
    is_secret: bool | None
    is_required: bool | None


class CustomForm(TypedDict, total=False):
    inputs: list | None
    callback_url: str
    submit_button_text: str | None


class AuthProvider(TypedDict, total=False):
    label: str | None
    callback_url: str
    icon_url: str | None


class AuthArgs(TypedDict, total=False):
    custom_form: CustomForm
    auth_providers: list
    username_password_callback: str
    error: str
    info: str


class WebUI:
    """Adds routes, hooks and a login to the web interface; as a library, runs it.

    `app` is a flask.Flask. `template_args` reach the page; `auth_args` the login page; `greenlet`
    and `server` are the running gevent server, None before there is one."""

    greenlet = None
    server = None

    def __init__(
        self,
        environment,
        host,
        port,
        web_base_path=None,
        web_login=False,
        tls_cert=None,
        tls_key=None,
        stats_csv_writer=None,
        delayed_start=False,
        userclass_picker_is_active=False,
        build_path=None,
    ):
        environment.web_ui = self
        self.environment = environment
        self.host = host
        self.port = port
        self.web_base_path = web_base_path or ""
        self.web_login = web_login
        self.tls_cert = tls_cert
        self.tls_key = tls_key
        self.stats_csv_writer = stats_csv_writer or self._csv_writer()
        self.userclass_picker_is_active = userclass_picker_is_active
        self.build_path = build_path
        self.template_args = {}
        self.auth_args = {}
        self.rendered_extensions = {}  # of a view of the locustfile that rendered the page
        self._app = None
        self._login_manager = None
        self._views = self._make_views()
        self._set_up(delayed_start)

    def _csv_writer(self):
        return stats.StatsCSV(self.environment, stats.PERCENTILES_TO_REPORT)

    def _make_views(self):
        from ._web_library import Views

        return Views(self)

    def _set_up(self, delayed_start):
        self._open_app()
        if self.environment.runner:
            self.update_template_args()
        if not delayed_start:
            self.start()

    def _open_app(self):
        from ._web_app import make_app

        self._app = make_app(self, self._views)

    @property
    def app(self):
        if self._app is None:
            self._open_app()
        return self._app

    @app.setter
    def app(self, app):
        self._app = app

    @property
    def login_manager(self):
        if not self.web_login:
            raise AttributeError("The login_manager is only available with --web-login.\n")
        if self._login_manager is None:
            self._open_app()
        return self._login_manager

    @login_manager.setter
    def login_manager(self, value):
        self._login_manager = value

    def start(self):
        """Starts to listen, in a greenlet of its own."""
        import gevent

        from .log import greenlet_exception_logger

        self.greenlet = gevent.spawn(self.start_server)
        self.greenlet.link_exception(greenlet_exception_logger(logger))

    def start_server(self):
        from ._web_app import make_server

        self.server = make_server(self)
        self.server.serve_forever()

    def stop(self):
        """Stops listening."""
        if self.server is not None:
            self.server.stop()

    def auth_required_if_enabled(self, view_func):
        """Decorates a view of the locustfile's own: with --web-login it needs a session."""

        @wraps(view_func)
        def guarded(*args, **kwargs):
            if not self.web_login:
                return view_func(*args, **kwargs)
            from ._web_login import guard

            return guard(view_func, args, kwargs)

        return guarded

    def update_template_args(self):
        """Brings what the page is told about the test up to date, beside what the locustfile
        put there."""
        self.template_args = {**self.template_args, **_facts(self)}


def _hosts(environment):
    """(the host to show, whether one is missing, whether one given overrides several)"""
    from .contrib.fasthttp import FastHttpUser
    from .user.users import HttpUser

    if environment.host:
        return environment.host, False, False
    classes = environment.user_classes
    if not classes:
        return None, True, False
    hosts = {cls.host for cls in classes}
    if len(hosts) == 1:
        host = hosts.pop()
        return host, not host, False
    http = [cls.host for cls in classes if issubclass(cls, (HttpUser, FastHttpUser))]
    return None, not all(http), True


def _facts(web_ui):
    return {**_state(web_ui.environment), **_choices(web_ui)}


def _state(environment):
    """What changes while a test runs."""
    from .runners import MasterRunner

    runner = environment.runner
    is_distributed = isinstance(runner, MasterRunner)
    return {
        "state": runner.state,
        "is_distributed": is_distributed,
        "user_count": runner.user_count,
        "worker_count": runner.worker_count if is_distributed else 0,
        "history": runner.stats.history if runner.stats.num_requests > 0 else [],
        "tasks": dumps({}),
    }


def _choices(web_ui):
    """What the form for a new test needs to know."""
    environment = web_ui.environment
    options = environment.parsed_options
    shape = environment.shape_class
    picker = web_ui.userclass_picker_is_active
    users = environment.available_user_classes or {}
    tasks = environment.available_user_tasks or {}
    host, is_missing, is_overriding = _hosts(environment)
    return {
        "locustfile": environment.locustfile,
        "version": version,
        "host": host or "",
        "override_host_warning": is_overriding,
        "missing_host_warning": is_missing,
        "num_users": options and options.num_users,
        "spawn_rate": options and options.spawn_rate,
        "run_time": options and options.run_time,
        "hide_common_options": bool(shape and not (picker or shape.use_common_options)),
        "shape_use_common_options": shape and shape.use_common_options,
        "stats_history_enabled": options and options.stats_history_enabled,
        "extra_options": argument_parser.ui_extra_args_dict(),
        "show_userclass_picker": picker,
        "available_user_classes": sorted(users) or None,
        "available_shape_classes": ["Default", *sorted(environment.available_shape_classes or {})],
        "available_user_tasks": {
            name: [task.__name__ for task in each] for name, each in tasks.items()
        } or None,
        "users": {name: cls.json() for name, cls in users.items()} or None,
        "percentiles_to_chart": stats.PERCENTILES_TO_CHART,
        "percentiles_to_statistics": stats.PERCENTILES_TO_STATISTICS,
        "is_host_required": HOST_IS_REQUIRED,
        "profile": environment.profile,
    }
