# SPDX-License-Identifier: MIT
"""gevent's plug-ins, who are told of its patching, found without reading the metadata of every package.

Older gevents ask pkg_resources for them, whose import takes a third of the time of a start. Newer ones ask
importlib.metadata, which reads everything anew for each of some thirty events. Here each package's list of entry
points is looked through for theirs, once.
"""
import contextlib
import functools
import importlib
import os
import sys
import types

_GROUPS = "gevent.plugins."


def import_events():
    """Imports gevent.events. Whoever imports pkg_resources later gets the real one."""
    if "pkg_resources" in sys.modules or "gevent.events" in sys.modules:
        return
    stand_in = types.ModuleType("pkg_resources")
    stand_in.iter_entry_points = _of_group
    sys.modules["pkg_resources"] = stand_in
    try:
        import gevent.events  # noqa: F401
    finally:
        del sys.modules["pkg_resources"]


@contextlib.contextmanager
def told_by_us():
    """Within it we tell the plug-ins, whatever gevent would do to find them."""
    from gevent import events

    theirs = events.notify_and_call_entry_points

    def tell(event):
        events.notify(event)
        for plugin in _of_group(event.ENTRY_POINT_NAME):
            plugin.load()(event)

    events.notify_and_call_entry_points = tell
    try:
        yield
    finally:
        events.notify_and_call_entry_points = theirs


class _Plugin:
    def __init__(self, group, value):
        self.group, self._value = group, value

    def load(self):
        module, _, path = self._value.partition(":")
        found = importlib.import_module(module.strip())
        for name in filter(None, path.partition("[")[0].strip().split(".")):
            found = getattr(found, name)
        return found


def _of_group(group):
    return iter([plugin for plugin in _all() if plugin.group == group])


@functools.lru_cache(None)
def _all():
    """Of two versions of a package the one that is imported: the first."""
    known, found = set(), []
    for folder in dict.fromkeys(sys.path):
        try:
            names = sorted(os.listdir(folder or os.curdir))
        except NotADirectoryError:  # a zip
            return _by_metadata()
        except OSError:
            continue
        for name in names:
            if name.endswith(".egg"):
                return _by_metadata()
            package = name.removesuffix(".egg-info").partition("-")[0].lower().replace(".", "_")
            if name.endswith((".dist-info", ".egg-info")) and package not in known:
                known.add(package)
                found += _listed(os.path.join(folder, name, "entry_points.txt"))
    return found


def _listed(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return
    group = ""
    for line in map(str.strip, text.splitlines() if _GROUPS in text else ()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif group.startswith(_GROUPS) and "=" in line and line[0] not in "#;":
            yield _Plugin(group, line.partition("=")[2].strip())


def _by_metadata():
    from importlib import metadata

    known = metadata.entry_points()
    each = known if hasattr(known, "select") else [point for points in known.values() for point in points]
    return [point for point in each if point.group.startswith(_GROUPS)]
