# SPDX-License-Identifier: MIT
"""gevent's plug-ins, who are told of its patching, found without reading the metadata of every package.

Older gevents ask pkg_resources for them, whose import takes a third of the time of a start. Newer ones ask
importlib.metadata, which reads everything anew for each of some thirty events. Most often there is nobody to tell.
"""
import contextlib
import functools
import os
import sys
import types

_GROUPS = b"gevent.plugins."


def import_events():
    """Imports gevent.events. Whoever imports pkg_resources later gets the real one."""
    if "pkg_resources" in sys.modules or "gevent.events" in sys.modules:
        return
    stand_in = types.ModuleType("pkg_resources")
    stand_in.iter_entry_points = _entry_points
    sys.modules["pkg_resources"] = stand_in
    try:
        import gevent.events  # noqa: F401
    finally:
        del sys.modules["pkg_resources"]


@contextlib.contextmanager
def no_needless_search():
    """Within it gevent does not search for plug-ins where there are none."""
    from gevent import events

    search = events.notify_and_call_entry_points
    if not _are_there():
        events.notify_and_call_entry_points = events.notify
    try:
        yield
    finally:
        events.notify_and_call_entry_points = search


@functools.lru_cache(None)
def _are_there():
    """Whether any package on sys.path may have some."""
    return any(map(_may_have_some, list(dict.fromkeys(sys.path))))


def _may_have_some(folder):
    try:
        names = os.listdir(folder or os.curdir)
    except NotADirectoryError:  # a zip
        return True
    except OSError:
        return False
    return any(_is_plugin(os.path.join(folder, name)) for name in names)


def _is_plugin(path):
    if path.endswith(".egg"):
        return True
    if not path.endswith((".dist-info", ".egg-info")):
        return False
    try:
        with open(os.path.join(path, "entry_points.txt"), "rb") as file:
            return _GROUPS in file.read()
    except OSError:
        return False


@functools.lru_cache(None)
def _all():
    from importlib import metadata

    return metadata.entry_points()


def _entry_points(group, name=None):
    known = _all() if _are_there() else {}
    found = known.select(group=group) if hasattr(known, "select") else known.get(group, ())
    return iter([one for one in found if name is None or one.name == name])
