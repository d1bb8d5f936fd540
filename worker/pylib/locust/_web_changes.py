# SPDX-License-Identifier: MIT
"""Whether a Flask app still handles requests as it did when it was made.

There are many ways to put a guard before routes, and no list of them is whole: functions before and
after requests, of the app or of any blueprint, processors of addresses, receivers of signals,
wrapped views, a wrapped `wsgi_app`, methods replaced on the app, its class or Flask's. So the
question is the other way round: everything that the app holds is compared with what it held, but
for what only adds to it (routes, templates, error pages, settings). Whatever is not known to be
harmless counts as a change.
"""

import os
from types import FunctionType

# Attributes of an app that add to it, or that are used when an answer has been decided.
_HARMLESS = frozenset((
    "_got_first_request", "_has_static_folder", "_is_setup_finished", "_static_folder",
    "_static_url_path", "aborter", "blueprints", "cli", "config", "error_handler_spec",
    "extensions", "instance_path", "json", "logger", "login_manager", "name",
    "propagate_exceptions", "shell_context_processors", "teardown_appcontext_funcs",
    "teardown_request_funcs", "template_context_processors", "template_folder",
    "url_build_error_handlers", "url_default_functions", "url_map", "view_functions",
))
# Functions by blueprint: those of others than ours concern their own routes only.
_BY_BLUEPRINT = ("before_request_funcs", "after_request_funcs", "url_value_preprocessors")
_OURS = (None, "locust")


class _Same:
    """Equal to itself only, and keeps its object from being freed and another put in its place."""

    __slots__ = ("of",)

    def __init__(self, of):
        self.of = of

    def __eq__(self, other):
        return isinstance(other, _Same) and self.of is other.of

    __hash__ = None


def _shape(value):
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shape(each) for each in value]
    return _Same(value)


def _functions(table):
    return {key: _shape(table[key]) for key in _OURS if table.get(key)}


def _held(app, endpoints):
    held = {name: _shape(value) for name, value in vars(app).items()
            if name not in _HARMLESS and name not in _BY_BLUEPRINT and not name.startswith("jinja_")}
    for name in _BY_BLUEPRINT:
        held[name] = _functions(getattr(app, name))
    held["views"] = {each: _Same(app.view_functions.get(each)) for each in endpoints}
    held["map"] = _Same(app.url_map)
    return held


def _classes(app):
    from flask import ctx

    context = getattr(ctx, "RequestContext", ctx.AppContext)
    found = (type(app), app.request_class, type(app.url_map), context, ctx.AppContext)
    return [each for cls in found for each in cls.__mro__[:-1]]


def _methods(app):
    return {(cls, name): _Same(value) for cls in _classes(app) for name, value in vars(cls).items()}


def _was_patched(app):
    """Before we could see it: a subclass in Flask's place, or functions of others in its class."""
    import flask

    folder = os.path.dirname(flask.__file__) + os.sep
    values = [value for cls in type(app).__mro__[:-1] for value in vars(cls).values()]
    return any(isinstance(value, FunctionType) and not value.__code__.co_filename.startswith(folder)
               for value in values)


def _is_listened_to():
    from flask import signals

    return any(getattr(each, "receivers", None) for each in vars(signals).values() if hasattr(each, "send"))


class Mark:
    """The app as it is now."""

    def __init__(self, app):
        self._app = app
        self._rules = [(rule, rule.endpoint) for rule in app.url_map.iter_rules()]
        self._endpoints = [endpoint for _, endpoint in self._rules]
        self._held = _held(app, self._endpoints)
        self._methods = _methods(app)
        self._was_patched = _was_patched(app)

    def is_changed(self, app):
        if app is not self._app or self._was_patched or _is_listened_to():
            return True
        return (self._held != _held(app, self._endpoints) or self._methods != _methods(app)
                or self._has_other_rules())

    def _has_other_rules(self):
        """A rule of ours is gone, or a locustfile's stands where the master has an answer."""
        rules = list(self._app.url_map.iter_rules())
        ours = {id(rule) for rule, _ in self._rules}
        now = {id(rule): rule for rule in rules}
        return (any(id(rule) not in now or rule.endpoint != endpoint for rule, endpoint in self._rules)
                or any(_is_the_masters(rule.rule) for rule in rules if id(rule) not in ours))


def _is_the_masters(path):
    return path.endswith("/metrics") or "/api/v1/" in path
