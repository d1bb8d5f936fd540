# SPDX-License-Identifier: MIT
"""gevent on the worker's own loop, and the standard library on gevent, as Locust has it."""
import os

original_sleep = None  # gevent's


def everything():
    global original_sleep
    gevent = _import_gevent()

    from . import loop

    gevent.config.loop = loop.Loop
    gevent.config.track_greenlet_tree = False
    import gevent.hub

    original_sleep = gevent.hub.sleep
    if os.environ.get("LOCUST_SKIP_MONKEY_PATCH"):
        return
    from . import plugins

    plugins.import_events()
    from gevent import monkey

    with plugins.told_by_us():
        monkey.patch_all()
    _fast_sleep(gevent)
    if not os.environ.get("LOCUST_SKIP_URLLIB3_PATCH"):
        _patch_urllib3()


def _import_gevent():
    """It imports a loop to see whether there is one: not one of its own, which nobody would use."""
    given = os.environ.get("GEVENT_LOOP")
    os.environ["GEVENT_LOOP"] = f"{__package__}.loop.Loop"
    try:
        import gevent
    finally:
        if given is None:
            del os.environ["GEVENT_LOOP"]
        else:
            os.environ["GEVENT_LOOP"] = given
    return gevent


def _fast_sleep(gevent):
    import time

    import _katydid

    gevent.sleep = gevent.hub.sleep = time.sleep = _katydid.sleep


def _patch_urllib3():
    """Its own queue can deadlock when the garbage collector runs at the wrong moment."""
    from gevent.queue import LifoQueue

    try:
        import urllib3
    except ImportError:
        return
    urllib3.connectionpool.ConnectionPool.QueueCls = LifoQueue
