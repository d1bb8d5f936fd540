# SPDX-License-Identifier: MIT
"""gevent's plug-ins without pkg_resources.

Older gevents ask pkg_resources who wants to hear of their patching. Its import takes a third of the time of a start;
newer ones ask importlib.metadata, and so do we for the older.
"""
import functools
import sys
import types


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


@functools.lru_cache(None)
def _all():
    from importlib import metadata

    return metadata.entry_points()


def _entry_points(group, name=None):
    known = _all()
    found = known.select(group=group) if hasattr(known, "select") else known.get(group, ())
    return iter([one for one in found if name is None or one.name == name])
