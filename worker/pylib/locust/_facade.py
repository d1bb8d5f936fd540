# SPDX-License-Identifier: MIT
"""A public module of Locust's whose names live in several of ours, which use one another without a circle.
What code sets there is set where it lives, so that it counts."""

import sys
from types import ModuleType


class _Facade(ModuleType):
    def __getattr__(self, name):
        for module in self.__dict__.get("_homes", {}).get(name, ()):
            return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name, value):
        for module in self._homes.get(name, ()):
            setattr(module, name, value)
        if name not in self._homes:
            super().__setattr__(name, value)

    def __delattr__(self, name):
        for module in self._homes.get(name, ()):
            delattr(module, name)
        if name not in self._homes:
            super().__delattr__(name)

    def __dir__(self):
        return sorted({*super().__dir__(), *self._homes})


def make_facade(module_name, modules):
    """The module shows the names of those; classes and functions are known by it."""
    homes = {}  # name -> the modules that know it
    for module in modules:
        for name in vars(module):
            if not name.startswith("__"):
                homes.setdefault(name, []).append(module)
    public = sorted(name for name, known in homes.items()
                    if not (name.startswith("_") or isinstance(vars(known[0])[name], ModuleType)))
    for name in public:
        what = vars(homes[name][0])[name]
        if isinstance(what, type) and what.__module__.startswith("locust._"):
            what.__module__ = module_name  # as everybody knows it
    facade = sys.modules[module_name]
    facade.__dict__.update(_homes=homes, __all__=public)
    facade.__class__ = _Facade
