# SPDX-License-Identifier: MIT
"""Prints, as JSON, what the `locust` package of this Python offers: every public name of every
module with its kind, signatures, plain values and members. tests/pylib/test_surface.py runs it in
stock Locust's environment and in ours, and compares.

Libraries that only a contrib module needs are replaced by stand-ins if they are not installed, so
that its own names can be seen.
"""

import enum
import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import sys
import types

FOREIGN = ("dns", "grpc", "httpx", "openai", "paho", "psycopg", "pymilvus", "pymongo",
           "qdrant_client", "socketio")
NOT_OWN = ("DEFAULT_CA_BUNDLE_PATH", "TYPE_CHECKING", "UTC")  # values of others
PLAIN = (bool, int, float, str, bytes, type(None))


class _StandIns:
    """Finds every module of the libraries that are missing, empty of anything but classes."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FOREIGN:
            return importlib.util.spec_from_loader(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: _stand_in(spec.name, name)
        return module

    def exec_module(self, module):
        pass


def _stand_in(module, name):
    if name.startswith("__"):
        raise AttributeError(name)
    if not name[0].isupper() or name.isupper() or name.startswith("MQTTv"):
        return lambda *args, **kwargs: None
    base = Exception if name.endswith(("Error", "Exception")) else object
    return type(name, (base,), {"__module__": module})


def modules():
    package = importlib.import_module("locust")
    names = [m.name for m in pkgutil.walk_packages(package.__path__, "locust.")]
    names = [n for n in names if not n.startswith(("locust.test", "locust.__main__"))]
    if importlib.util.find_spec("pytest_locust"):
        names.append("pytest_locust.plugin")
    return ["locust", *(n for n in names if not any(p.startswith("_") for p in n.split(".")))]


def is_own(item):
    home = getattr(item, "__module__", None) or ""
    return home.partition(".")[0] in ("locust", "pytest_locust", "_katydid")


def describe_signature(function):
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return None
    return [[p.name, p.kind.name, describe_default(p.default)] for p in signature.parameters.values()]


def describe_default(value):
    if value is inspect.Parameter.empty:
        return None
    return repr(value) if isinstance(value, PLAIN) else "…"


def describe_class(cls):
    members = {}
    for name in dir(cls):
        if name.startswith("_") and name != "__init__":
            continue
        owner = next((c for c in cls.__mro__ if name in c.__dict__), None)
        if owner is None or not is_own(owner):
            continue
        members[name] = describe_member(owner.__dict__[name])
    for base in reversed(cls.__mro__):
        if is_own(base):
            for name in base.__dict__.get("__annotations__", {}):
                if not name.startswith("_"):
                    members.setdefault(name, {"kind": "annotation"})
    return {"kind": "class", "is_exception": issubclass(cls, BaseException), "members": members}


def describe_member(item):
    if isinstance(item, (staticmethod, classmethod)):
        return {"kind": type(item).__name__, "signature": describe_signature(item.__func__)}
    if isinstance(item, types.FunctionType):
        return {"kind": "function", "signature": describe_signature(item)}
    if isinstance(item, property) or inspect.isdatadescriptor(item):
        return {"kind": "property"}
    if inspect.isroutine(item):  # of the C core
        return {"kind": "function", "signature": None}
    return describe_value(item)


def describe_value(item):
    if isinstance(item, enum.Enum):
        return {"kind": "value", "value": repr(item.value)}
    if isinstance(item, PLAIN):
        return {"kind": "value", "value": repr(item)}
    if isinstance(item, (list, tuple, set, frozenset, dict)) and all(isinstance(i, PLAIN) for i in item):
        return {"kind": "value", "value": repr(item)}
    return {"kind": "object"}


def describe(item):
    home = getattr(item, "__module__", None)
    if inspect.isclass(item):
        return {**describe_class(item), "home": home}
    if inspect.isroutine(item):
        return {"kind": "function", "signature": describe_signature(item), "home": home}
    return describe_value(item)


def is_public_here(module, name, item):
    """Own names, and own ones that are re-exported; not what the module merely uses."""
    if name.startswith("_") or isinstance(item, (types.ModuleType, type(json.__spec__))):
        return isinstance(item, types.ModuleType) and is_own_module(item)
    if inspect.isclass(item) or inspect.isroutine(item):
        return is_own(item)
    return name not in NOT_OWN and not is_typing(item)


def is_own_module(module):
    return module.__name__.partition(".")[0] in ("locust", "pytest_locust")


def is_typing(item):
    """Or another object that a module works with, and does not offer."""
    home = type(item).__module__.partition(".")[0]
    return home in ("typing", "__future__", "types", "_frozen_importlib", "logging", "flask", "werkzeug")


def surface(name):
    try:
        module = importlib.import_module(name)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    names = {n for n in dir(module) if not n.startswith("_")}
    names |= set(getattr(module, "__all__", ()))
    found = {}
    for attribute in sorted(names):
        item = getattr(module, attribute)
        if is_public_here(module, attribute, item):
            is_module = isinstance(item, types.ModuleType)
            found[attribute] = {"kind": "module", "home": item.__name__} if is_module else describe(item)
    return found


def main():
    os.environ.setdefault("OPENAI_API_KEY", "none")
    sys.meta_path.append(_StandIns())
    wanted = sys.argv[1:] or modules()
    json.dump({name: surface(name) for name in wanted}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # not all of what was imported ends by itself


if __name__ == "__main__":
    main()
