# SPDX-License-Identifier: MIT
"""locust.stats: the names of Locust's module. They live in modules of their own, which use one another
without a circle; what code sets here is set there, so that it counts."""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from . import _csv, _failures, _numbers, _stats, _stats_settings, _tables

if TYPE_CHECKING:  # for editors and type checkers
    from ._csv import *  # noqa: F403
    from ._failures import *  # noqa: F403
    from ._numbers import *  # noqa: F403
    from ._stats import *  # noqa: F403
    from ._stats_settings import *  # noqa: F403
    from ._tables import *  # noqa: F403

_MODULES = (_stats_settings, _numbers, _failures, _stats, _tables, _csv)


_HOMES = {}  # name -> the modules that know it
for _module in _MODULES:
    for _name in vars(_module):
        if not _name.startswith("__"):
            _HOMES.setdefault(_name, []).append(_module)


class _Facade(ModuleType):
    def __getattr__(self, name):
        for module in _HOMES.get(name, ()):
            return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name, value):
        for module in _HOMES.get(name, ()):
            setattr(module, name, value)
        if name not in _HOMES:
            super().__setattr__(name, value)

    def __delattr__(self, name):
        for module in _HOMES.get(name, ()):
            delattr(module, name)
        if name not in _HOMES:
            super().__delattr__(name)

    def __dir__(self):
        return sorted({*super().__dir__(), *_HOMES})


__all__ = sorted(name for name, modules in _HOMES.items()
                 if not (name.startswith("_") or isinstance(vars(modules[0])[name], ModuleType)))

for _name in __all__:
    _what = getattr(_HOMES[_name][0], _name)
    if isinstance(_what, type) and _what.__module__.startswith("locust._"):
        _what.__module__ = __name__  # as everybody knows it

del _module, _name, _what
sys.modules[__name__].__class__ = _Facade
