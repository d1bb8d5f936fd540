# SPDX-License-Identifier: MIT
"""gevent and the engine's loop in an ordinary Python process, where others were there first.

Three cases. No hub of gevent exists yet: gevent gets our loop, as in a worker. A hub was made but
never ran (importing requests does that): its loop is exchanged. A hub runs already: its own loop
drives ours ("guest"), which costs some speed, and requests' time-outs come up to 10 ms late.
"""
import logging
import threading

_TICK_S = 0.01

road = None  # "own", "guest" or "worker"; None before prepare()


def prepare():
    """Once, from `import locust`; must come before anything of ours waits."""
    global road
    from . import patch

    if road is not None:
        return
    if patch.original_sleep is not None:  # a worker process: all done
        road = "worker"
        return
    try:
        import gevent
        import gevent.hub
    except ModuleNotFoundError as error:
        raise ImportError(f"locust needs the Python package {error.name!r}: pip install {error.name}") from None
    patch.original_sleep = gevent.hub.sleep
    road = "own" if _take_over(gevent) else "guest"
    if road == "guest":
        _be_driven(gevent)


def patch_sleep():
    """After monkey-patching: the fast way to wait, where the loop is ours."""
    if road != "own":
        return
    import time

    import _katydid
    from gevent import monkey

    if monkey.is_module_patched("time"):
        time.sleep = _katydid.sleep
    import gevent

    gevent.sleep = gevent.hub.sleep = _katydid.sleep


def _take_over(gevent):
    """Whether gevent's main loop is ours now."""
    from gevent._hub_local import get_hub_if_exists

    from . import loop

    if threading.current_thread() is not threading.main_thread():
        return False
    hub = get_hub_if_exists()
    if hub is None:
        gevent.config.loop = loop.Loop
        return True
    if hub or hub.dead or getattr(hub.loop, "pendingcnt", 1) or not hub.loop.default:
        return False
    gevent.config.loop = loop.Loop
    hub.loop.destroy()
    hub.loop = loop.Loop(default=True)
    return True


def _be_driven(gevent):
    import _katydid

    driver = gevent.get_hub().loop
    clock = driver.timer(_TICK_S, _TICK_S, ref=False)

    def keep(is_waited_for):
        """While somebody waits for us, gevent's loop has a reason to go on."""
        if clock.ref != is_waited_for:
            clock.ref = is_waited_for

    fd = _katydid.guest_begin(keep)
    readable = driver.io(fd, 1, ref=False)
    before_poll = driver.prepare(ref=False)
    readable.start(_katydid.guest_turn)
    clock.start(_katydid.guest_turn)
    before_poll.start(_katydid.guest_ready)
    _watchers.extend((clock, readable, before_poll))
    logging.getLogger("locust").debug(
        "gevent's own loop was running before locust was imported: it goes on and drives Katydid's. "
        "Import locust first for full speed."
    )


_watchers = []
