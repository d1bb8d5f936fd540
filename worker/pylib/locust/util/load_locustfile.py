# SPDX-License-Identifier: MIT
"""Importing locustfiles."""

import importlib.machinery
import importlib.util
import inspect
import os
import sys

from ..shape import LoadTestShape
from ..user.users import User


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
