# SPDX-License-Identifier: MIT
"""The Flask app behind `web_ui.app`: Locust's routes as a blueprint named "locust", the login, and
the server it runs in. `views` gives the answers: the master's, or those of this process."""

import logging
import os

from . import _web_login, _web_page

logger = logging.getLogger("locust.web")

# (endpoint and name of the view, path, methods)
ROUTES = (
    ("index", "/", "GET"),
    ("swarm", "/swarm", "POST"),
    ("stop", "/stop", "GET POST"),  # Locust 2.47 takes POST only, older ones GET only
    ("reset_stats", "/stats/reset", "GET POST"),
    ("stats_report", "/stats/report", "GET"),
    ("request_stats_csv", "/stats/requests/csv", "GET"),
    ("request_stats_full_history_csv", "/stats/requests_full_history/csv", "GET"),
    ("failures_stats_csv", "/stats/failures/csv", "GET"),
    ("request_stats", "/stats/requests", "GET"),
    ("exceptions", "/exceptions", "GET"),
    ("exceptions_csv", "/exceptions/csv", "GET"),
    ("tasks", "/tasks", "GET"),
    ("logs", "/logs", "GET"),
    ("update_user", "/user", "POST"),
    ("get_worker_count", "/worker-count", "GET"),
)

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


class MissingPackage(ImportError):
    pass


def _import(name, package, why):
    try:
        return __import__(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise MissingPackage(
            f"{why} needs the Python package {package}, which is not installed: install it with "
            f"`apt install python3-{package}` or, into the virtual environment that is active "
            f"when katydid starts, with `pip install {package}`"
        ) from None


def make_app(web_ui, views):
    flask = _import("flask", "flask", "environment.web_ui.app")
    app = flask.Flask("locust.web", static_folder=None)
    app.json.compact = False  # indented, as Locust's routes are
    app.jinja_env.add_extension("jinja2.ext.do")
    if web_ui.build_path:
        app.template_folder = os.path.abspath(web_ui.build_path)
    else:
        _web_page.use(app, web_ui, views)
    if web_ui.tls_cert:
        app.config["SESSION_COOKIE_SECURE"] = True
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    if web_ui.web_login:
        _import("flask_login", "flask-login", "--web-login")
        from flask_login import LoginManager

        web_ui._login_manager = LoginManager()
        web_ui._login_manager.init_app(app)
        web_ui._login_manager.login_view = "locust.login"
        app.wsgi_app = _web_login.Slowed(app, web_ui)
    app.register_blueprint(_blueprint(flask, web_ui, views))
    return app


def _blueprint(flask, web_ui, views):
    blueprint = flask.Blueprint("locust", "locust.web", url_prefix=web_ui.web_base_path or None)
    for name, path, methods in ROUTES:
        view = web_ui.auth_required_if_enabled(getattr(views, name))
        if name == "request_stats":
            view.clear_cache = views.forget_statistics
        blueprint.add_url_rule(path, endpoint=name, view_func=view, methods=methods.split())
    blueprint.add_url_rule("/login", endpoint="login", view_func=lambda: _web_login.page(web_ui))
    blueprint.add_url_rule("/assets/<path:path>", endpoint="send_assets", view_func=views.assets)
    for rule in views.MORE_RULES:
        blueprint.add_url_rule(rule, endpoint="katydid", view_func=views.ours, methods=_METHODS,
                               provide_automatic_options=False)
    blueprint.register_error_handler(Exception, _answer_error)
    return blueprint


def _answer_error(error):
    """Of a view of ours: the text of the error, with its status."""
    from flask import make_response, request

    code = getattr(error, "code", None)
    code = code if isinstance(code, int) else 500
    if code == 500:
        logger.error("%s %s failed", request.method, request.path, exc_info=error)
    answer = make_response(str(error), code)
    answer.mimetype = "text/plain"
    return answer


def make_server(web_ui):
    """A gevent server for the app on its own port (library)."""
    from gevent import pywsgi

    tls = {}
    if web_ui.tls_cert and web_ui.tls_key:
        tls = {"certfile": web_ui.tls_cert, "keyfile": web_ui.tls_key}
    host = "" if web_ui.host == "*" else web_ui.host
    return pywsgi.WSGIServer((host, web_ui.port), web_ui.app, log=None, error_log=logger, **tls)
