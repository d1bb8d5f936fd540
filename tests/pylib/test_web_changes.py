# SPDX-License-Identifier: MIT
"""Whatever a locustfile may put before Locust's routes is noticed; what only adds to the app is not."""

import flask
import pytest
from flask import signals
from locust._web_changes import Mark


def app():
    made = flask.Flask("locust.web", static_folder=None)
    ours = flask.Blueprint("locust", "locust.web")
    for name, path in (("index", "/"), ("stats", "/stats/requests")):
        ours.add_url_rule(path, endpoint=name, view_func=lambda: "ours")
    made.register_blueprint(ours)
    return made


def refuse(*_, **__):
    flask.abort(401)


def blueprint(**kinds):
    added = flask.Blueprint("added", "added")
    for kind, function in kinds.items():
        getattr(added, kind)(function)
    return added


def replace_method(name):
    def change(made):
        was = getattr(made, name)
        setattr(made, name, lambda *args, **kwargs: was(*args, **kwargs))

    return change


def put(table):
    return lambda made: getattr(made, table).setdefault(None, []).append(refuse)


def subclass(made):
    class Guarded(flask.Flask):
        def full_dispatch_request(self):
            return refuse()

    made.__class__ = Guarded


def replace_rule(made):
    rule = next(each for each in made.url_map.iter_rules() if each.rule == "/")
    rule.endpoint = "mine"


def wrap_view(made):
    was = made.view_functions["locust.stats"]
    made.view_functions["locust.stats"] = lambda: refuse() or was()


CHANGES = {
    "before_request": lambda made: made.before_request(refuse),
    "after_request": lambda made: made.after_request(lambda response: response),
    "url_value_preprocessor": lambda made: made.url_value_preprocessor(refuse),
    "before_app_request": lambda made: made.register_blueprint(blueprint(before_app_request=refuse)),
    "after_app_request": lambda made: made.register_blueprint(blueprint(after_app_request=refuse)),
    "app_url_value_preprocessor": lambda made: made.register_blueprint(blueprint(app_url_value_preprocessor=refuse)),
    "before_request_funcs": put("before_request_funcs"),
    "before_request_funcs of ours": lambda made: made.before_request_funcs.setdefault("locust", []).append(refuse),
    "a new table": lambda made: setattr(made, "before_request_funcs", {None: [refuse]}),
    "url_value_preprocessors": put("url_value_preprocessors"),
    "wrapped view": wrap_view,
    "wsgi_app": replace_method("wsgi_app"),
    "full_dispatch_request": replace_method("full_dispatch_request"),
    "dispatch_request": replace_method("dispatch_request"),
    "preprocess_request": replace_method("preprocess_request"),
    "process_response": replace_method("process_response"),
    "request_context": replace_method("request_context"),
    "subclass": subclass,
    "session_interface": lambda made: setattr(made, "session_interface", object()),
    "request_class": lambda made: setattr(made, "request_class", type("Mine", (flask.Request,), {})),
    "url_map": lambda made: setattr(made, "url_map", type(made.url_map)()),
    "rule": replace_rule,
    "a route in the master's place": lambda made: made.add_url_rule("/metrics", "mine", refuse),
}


def error_page(made):
    made.register_error_handler(404, refuse)


def jinja(made):
    made.jinja_env.globals["x"] = 1
    made.jinja_loader = None


HARMLESS = {
    "nothing": lambda made: None,
    "route": lambda made: made.add_url_rule("/mine", "mine", refuse),
    "blueprint": lambda made: made.register_blueprint(blueprint()),
    "guarded blueprint": lambda made: made.register_blueprint(blueprint(before_request=refuse)),
    "error handler": error_page,
    "config": lambda made: made.config.update(SECRET_KEY="x", PERMANENT_SESSION_LIFETIME=5),
    "secret key": lambda made: setattr(made, "secret_key", "x"),
    "templates": jinja,
    "context processor": lambda made: made.context_processor(dict),
    "teardown": lambda made: made.teardown_request(refuse),
    "extension": lambda made: made.extensions.update(mine=1),
    "first request": lambda made: made.test_client().get("/"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_guards_are_noticed(kind):
    made = app()
    mark = Mark(made)
    assert not mark.is_changed(made)
    CHANGES[kind](made)
    assert mark.is_changed(made)


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_only_adds_is_no_change(kind):
    made = app()
    mark = Mark(made)
    HARMLESS[kind](made)
    assert not mark.is_changed(made)


def test_an_app_in_its_place():
    made = app()
    mark = Mark(made)
    assert mark.is_changed(lambda environ, start_response: made(environ, start_response))
    assert mark.is_changed(app())


def test_receivers_of_signals():
    made = app()
    mark = Mark(made)
    with signals.request_started.connected_to(refuse):
        assert mark.is_changed(made)
    assert not mark.is_changed(made)


@pytest.mark.parametrize("is_early", [True, False])
def test_flask_itself_patched(monkeypatch, is_early):
    made = mark = None
    if not is_early:
        made = app()
        mark = Mark(made)
    was = flask.Flask.full_dispatch_request
    monkeypatch.setattr(flask.Flask, "full_dispatch_request", lambda self: was(self))
    made = made or app()
    assert (mark or Mark(made)).is_changed(made)
