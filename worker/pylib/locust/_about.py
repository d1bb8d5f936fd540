# SPDX-License-Identifier: MIT
"""What the page shows of a locustfile (docs/wire.md, katydid_script): its text, classes, load shapes
and options."""

import argparse
import builtins
import copy
import dis
import hashlib
import math
import os
import time
import types

from . import _source, argument_parser
from ._needs import needs_host, own_host
from .shape import LoadTestShape
from .user.inspectuser import get_ratio

_TEXT_MAX = 1 << 20  # bytes of all files
_PLAN_S = 4 * 3600  # of a shape that does not end
_PLAN_TIME_S = 0.2  # to compute a plan

_SAFE_CALLS = {"abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "iter", "len", "list",
               "max", "min", "next", "pow", "range", "reversed", "round", "sorted", "str", "sum",
               "tuple", "zip", "None", "True", "False"}
_SAFE_METHODS = {"get", "items", "keys", "values", "get_run_time"} | set(dir(math))
_DATA = (type(None), bool, int, float, str, list, tuple, dict, set, frozenset)


def describe(environment):
    """Everything, as data that msgpack can carry."""
    files = _files(environment.parsed_locustfiles or [])
    first = files[0] if files else {"file": environment.locustfile, "text": None, "sha256": None}
    classes = environment.available_user_classes or environment.user_classes_by_name
    return {
        **first,
        "files": [first | {"text": None} if file is first else file for file in files],
        "choices": _source.choices(environment.parsed_locustfiles or [], getattr(environment.parsed_options, "locustfile", None) or "locustfile.py"),
        "loaded_at": time.time(),
        "classes": [_class(environment, cls) for cls in classes.values()],
        "shape": _shape(environment.shape_class),
        "shapes": list(environment.available_shape_classes or {}),
        "options": _options(environment.parsed_options),
        "error": None,
    }


def _files(paths):
    files, left = [], _TEXT_MAX
    for path in paths:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            content = b""
        files.append({
            "file": os.path.basename(path),
            "text": content[:left].decode("utf-8", "replace"),
            "sha256": hashlib.sha256(content).hexdigest(),
        })
        left = max(left - len(content), 0)
    return files


def _class(environment, cls):
    name = cls.__name__
    all_tasks = (environment.available_user_tasks or {}).get(name, cls.tasks)
    return {
        "name": name,
        "weight": cls.weight,
        "fixed_count": cls.fixed_count,
        "host": own_host(environment, cls),
        "needs_host": needs_host(environment, cls),
        "is_chosen": cls in environment.user_classes,
        "tasks": get_ratio([cls], {name: 1}, False)[name]["tasks"],
        "all_tasks": list(dict.fromkeys(task.__name__ for task in all_tasks)),
        "help": (cls.__doc__ or "").strip()[:1000],
    }


# Options


def _options(values):
    parser = argument_parser.get_parser()
    return [_option(action, values) for action in argument_parser.shown_actions(parser)]


def _option(action, values):
    is_secret = bool(getattr(action, "is_secret", False))
    value = getattr(values, action.dest, action.default)
    return {
        "name": action.dest,
        "type": _type_of(action),
        "default": None if is_secret or callable(value) else _plain(value),
        "help": action.help,
        "choices": [_plain(choice) for choice in action.choices] if action.choices else None,
        "is_secret": is_secret,
        "is_required": bool(getattr(action, "is_required", False) or action.required),
        "is_multiple": bool(getattr(action, "is_multiple", False)),
    }


def _type_of(action):
    is_list = action.nargs in ("*", "+") or isinstance(action.nargs, int) and action.nargs > 1
    if is_list or getattr(action, "is_multiple", False):
        return "list"
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return "bool"
    if action.choices:
        return "choice"
    kinds = {int: "int", float: "float", bool: "bool"}
    return kinds.get(action.type) or kinds.get(type(action.default), "text")


def _plain(value):
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (type(None), bool, int, float, str)) else str(value)


# Load shapes


def _shape(shape):
    return shape and {
        "name": type(shape).__name__,
        "use_common_options": bool(shape.use_common_options),
        "plan": plan(shape),
    }


def plan(shape):
    """[[second, users, users per second] ...] where the number changes, the last entry at the end; None
    when asking the shape ahead of time could do more than compute: then nobody asks it."""
    if not _only_computes(shape):
        return None
    twin = copy.copy(shape)
    points, users, rate, began = [], None, 0, time.perf_counter()
    try:
        for second in range(_PLAN_S + 1):
            twin.get_run_time = lambda now=second: now
            answer = twin.tick()
            if answer is None or time.perf_counter() - began > _PLAN_TIME_S:
                return [*points, [second, users or 0, rate]]
            if answer[0] != users:
                users, rate = answer[:2]
                points.append([second, users, rate])
        return [*points, [_PLAN_S, users, rate]]
    except Exception:
        return None


def _only_computes(shape):
    tick = getattr(type(shape), "tick", None)
    overrides_time = type(shape).get_run_time is not LoadTestShape.get_run_time
    if overrides_time or not isinstance(tick, types.FunctionType):
        return False
    data = {name for name in dir(shape) if isinstance(_static(shape, name), _DATA)}
    return _is_pure(tick.__code__, tick.__globals__, data | _SAFE_METHODS)


def _static(shape, name):
    if name in shape.__dict__:
        return shape.__dict__[name]
    for cls in type(shape).__mro__:
        if name in cls.__dict__:
            return cls.__dict__[name]
    return _static


def _is_pure(code, known, attributes):
    """Whether the function reads numbers and calls what only computes: its bytecode uses nothing
    else, changes no attribute and imports nothing."""
    for step in dis.get_instructions(code):
        name = step.opname
        if name in ("LOAD_GLOBAL", "LOAD_NAME") and not _is_harmless(step.argval, known):
            return False
        if name in ("LOAD_ATTR", "LOAD_METHOD") and step.argval not in attributes:
            return False
        if name.startswith(("STORE_ATTR", "STORE_GLOBAL", "STORE_SUBSCR", "DELETE_", "IMPORT_",
                            "YIELD", "GET_AWAITABLE", "LOAD_SUPER")) and name != "DELETE_FAST":
            return False
    return all(_is_pure(const, known, attributes) for const in code.co_consts
               if isinstance(const, types.CodeType))


def _is_harmless(name, known):
    value = known.get(name, builtins)
    if value is builtins:
        return name in _SAFE_CALLS
    return value is math or isinstance(value, _DATA) or (
        isinstance(value, type) and hasattr(value, "fixed_count")
    ) or (getattr(value, "__module__", None) == "math" and callable(value))
