# SPDX-License-Identifier: MIT
"""Modules that are there, under their names, and are read when somebody first looks into them.

For what comes along with `import locust` and a test seldom uses: reading all of it would be a good part of a start.
`import name`, `from name import x` and `parent.name` work as ever, from any thread.
"""

import _thread
import importlib.util
import sys
import types

_locks = {}  # by name
_being_read = set()


class _Later(types.ModuleType):
    """Becomes an ordinary module at the first look at what only reading gives it."""

    def __getattr__(self, name):
        if name == "__version__" and "__path__" in vars(self):
            return _version(self)
        _read(self)
        return getattr(self, name)

    def __dir__(self):
        _read(self)
        return dir(self)


def put(*names):
    """Those of the modules that are installed and were not imported yet."""
    for name in names:
        if name in sys.modules:
            continue
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:  # not even what it is a part of
            continue
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        module.__class__ = _Later
        module.__spec__.loader_state = frozenset(vars(module))
        _locks[name] = _thread.RLock()
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


def _version(module):
    """Who only asks for it gets it from a file that has nothing else, where there is one."""
    try:
        return importlib.import_module(f"{module.__name__}.version").__version__
    except (ModuleNotFoundError, AttributeError):
        _read(module)
        return module.__version__


def _read(module):
    name = module.__name__
    with _locks[name]:
        if type(module) is not _Later:
            return  # another thread was first
        if name in _being_read:
            raise AttributeError(f"partially initialized module {name!r} has no such attribute")
        _being_read.add(name)
        given = {key: value for key, value in vars(module).items() if key not in module.__spec__.loader_state}
        try:
            module.__spec__.loader.exec_module(module)
        finally:
            _being_read.discard(name)
        vars(module).update(given)
        module.__class__ = types.ModuleType
