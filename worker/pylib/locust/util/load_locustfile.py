# SPDX-License-Identifier: MIT
"""Importing locustfiles, those in the style of pytest included.

pytest itself is imported only for a file that has test functions and no User class. It collects the
tests; their fixtures are evaluated here, once per user, by the fixture functions alone: of what a
fixture may ask for there are the user (`user`), other fixtures, and nothing of pytest's own.
"""

import importlib.machinery
import importlib.util
import inspect
import os
import re
import sys

from ..exception import LocustError
from ..shape import LoadTestShape
from ..user.users import PytestUser, User

_TEST_FUNCTION = re.compile(r"^\s*def test", re.MULTILINE)


def is_user_class(item):
    """Whether it is a User class that is meant to run."""
    return inspect.isclass(item) and issubclass(item, User) and item.abstract is False


def is_shape_class(item):
    return inspect.isclass(item) and issubclass(item, LoadTestShape) and not item.abstract


def load_locustfile(path):
    """Imports the file; returns ({name: User class}, [shape instances])."""
    members = vars(_import(path))
    users = {name: item for name, item in members.items() if is_user_class(item)}
    shapes = [item() for item in members.values() if is_shape_class(item)]
    return users, shapes


def _import(path):
    """Imports under the file's own name, with its folder and the current one importable."""
    folder = os.path.dirname(os.path.abspath(path))
    for place in (os.getcwd(), folder):
        if place in sys.path:
            sys.path.remove(place)
        sys.path.insert(0, place)
    name = os.path.splitext(os.path.basename(path))[0]
    if name == "locust":
        name = "locustfile"  # not the package
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_file_location(name, path, loader=loader)
    )
    sys.modules[name] = module
    loader.exec_module(module)
    return module


# pytest-style files


def has_test_functions(path):
    """Whether the file is worth the import of pytest."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return _TEST_FUNCTION.search(file.read()) is not None


def load_locustfile_pytest(path):
    """{name: User class} of the file's test functions; those of one name share a class."""
    session = _collect(path)
    users = {}
    for item in session.items:
        if not hasattr(item, "obj") or not callable(item.obj):
            continue  # of a plug-in that collects other things than functions
        _make_callable(item, session._fixturemanager)
        user_class = users.setdefault(item.name, type(item.name, (PytestUser,), {"functions": []}))
        user_class.functions.append(item)
    return users


def _collect(path):
    """pytest's session, with its items, as `pytest path` would collect them."""
    import pytest
    from _pytest.config import Config

    arguments = ["-q", "-s", "-p", "no:cacheprovider", *_our_plugin(), path]
    config = Config.fromdictargs({}, arguments)
    config._do_configure()
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    session.perform_collect()
    config.hook.pytest_collection_modifyitems(session=session, config=config, items=session.items)
    return session


def _our_plugin():
    """Arguments that load the fixtures, where no installed package makes pytest find them."""
    from importlib.metadata import entry_points

    known = {entry.value for entry in entry_points(group="pytest11")}
    return [] if "pytest_locust.plugin" in known else ["-p", "pytest_locust.plugin"]


def _make_callable(item, manager):
    """Gives the item `katydid_arguments(user, stack)`: the keyword arguments of its function."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    makers = {}
    for name in inspect.signature(item.obj).parameters:
        if name not in given:
            makers[name] = _fixture(name, item, manager, ())

    def arguments(user, stack):
        values = {}
        return {**given, **{name: make(user, stack, values) for name, make in makers.items()}}

    item.katydid_arguments = arguments


def _definitions(name, item, manager):
    try:
        return manager.getfixturedefs(name, item)
    except (TypeError, AttributeError):  # pytest before 8.1
        return manager.getfixturedefs(name, item.nodeid)


def _fixture(name, item, manager, asking):
    """A function (user, stack, values so far) that returns the fixture's value."""
    definitions = _definitions(name, item, manager)
    if not definitions or name in asking:
        raise LocustError(f"Could not find fixture for parameter {name!r} in {item.name}: a "
                          "pytest-style locustfile may use session, fastsession, and fixtures that "
                          "need nothing of pytest's own")
    function = definitions[-1].func  # the innermost one
    needed = {}
    for needs in inspect.signature(function).parameters:
        if needs != "user":
            needed[needs] = _fixture(needs, item, manager, (*asking, name))
    takes_user = "user" in inspect.signature(function).parameters

    def value(user, stack, values):
        if name not in values:
            keywords = {n: make(user, stack, values) for n, make in needed.items()}
            if takes_user:
                keywords["user"] = user
            values[name] = _enter(function(**keywords), stack)
        return values[name]

    return value


def _enter(made, stack):
    """The value of what a fixture function returned: a generator yields it, and ends later."""
    if not inspect.isgenerator(made):
        return made
    stack.callback(made.close)
    return next(made)
