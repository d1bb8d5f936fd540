# SPDX-License-Identifier: MIT
"""What a node does while its master does not answer: asks it to, holds its users back before they
are given to others (_hold.py), ends them when it lasts too long, and at last the process, if it was
told to (--master-max-wait)."""

import logging
import time

import gevent

from . import _hold
from . import _runner_settings as settings

logger = logging.getLogger("locust._node")

_ANSWERS = {"ack", "heartbeat", "katydid_ack"}  # what a master only says when it heard us
_COMPLAIN_EVERY_S = 30.0


def patience_s():
    """Without an answer for so long the master is away: client_ready is said again, and users are
    held back, before a master that hears nothing of us gives them to others."""
    return settings.HEARTBEAT_LIVENESS * max(settings.HEARTBEAT_INTERVAL, 1.0)


def clock():
    """Seconds; goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Silence:
    """Part of a Node."""

    _apart = float("inf")  # the clock above and the monotonic one, when last looked at; later by a suspension

    def _sleep(self, seconds):
        """Between two beats. Looks whether this process stood still meanwhile, or its machine was
        suspended since the last time, be it in the middle of a beat."""
        due = clock() + seconds
        gevent.sleep(seconds)
        apart, self._apart = self._apart, clock() - time.monotonic()
        standstill = max(clock() - due, self._apart - apart)
        if standstill > patience_s():
            self._stood_still(standstill)

    def _stood_still(self, seconds):
        """This process or its machine did: nothing of the master can have been heard, so that is
        not held against it. But it heard nothing of us, and others may have our users."""
        now = time.monotonic()
        if self._heard_at is not None:
            self._heard_at = self._answered_at = now
        self._next_heartbeat = 0.0
        self._hold_users("This worker stood still for %.0fs", seconds)

    def _hold_users(self, why, seconds):
        """Until the master answers; see _hold.py. Not where there is nobody else to have them, nor
        under a Locust master, which would not wait for us."""
        may_hold = self.speaks_katydid and self._host is None and not self._is_leaving
        has_users = self.state in (settings.STATE_SPAWNING, settings.STATE_RUNNING)
        if self._held_at is None and may_hold and has_users:
            self._held_at = clock()
            _hold.begin()
            logger.warning(why + ": the users wait until the master answers", seconds)
            if not self._is_library:
                self._renew_link()  # somebody else may have connected under our name

    def _release_users(self):
        if self._held_at is not None:
            logger.warning("The users go on after %.0f s", clock() - self._held_at)
            self._held_at = None
            _hold.end()

    def _silent_for(self):
        """Seconds since the master was last heard; for ever, when never."""
        return float("inf") if self._heard_at is None else time.monotonic() - self._heard_at

    def _knock(self, complain_at):
        """The master does not answer: asks it to, and says so now and then."""
        now = time.monotonic()
        silent = self._silent_for()
        if self._gives_up():
            return complain_at
        is_orphan = silent > settings.MASTER_HEARTBEAT_TIMEOUT and self._heard_at is not None
        if is_orphan and not self._is_orphan and self.state != settings.STATE_INIT:
            self._is_orphan = True
            logger.error("Didn't get heartbeat from master in over %ss: stopping the users",
                         settings.MASTER_HEARTBEAT_TIMEOUT)
            self._orders.put((self._end_orphans,))
        # A Locust master that hears client_ready takes the worker for a new one: so only a worker
        # without users says it.
        may_knock = self.speaks_katydid or self.state == settings.STATE_INIT
        if may_knock and now - self._ready_at >= settings.CONNECT_TIMEOUT:
            self._say_ready()
        if now < complain_at:
            return complain_at
        trouble = getattr(self._link, "trouble", None)
        if trouble:
            logger.error("the master at %s %s; trying again", self.endpoint, trouble)
        else:
            logger.error("cannot reach the master at %s: is it running, is --master-host right? "
                         "trying again", self.endpoint)
        return now + _COMPLAIN_EVERY_S

    def _gives_up(self):
        """Whether the master is gone for good, as far as this process is concerned."""
        limit = self.max_wait_s()
        since = self._began_at if self._heard_at is None else self._heard_at
        if not limit or time.monotonic() - since <= limit:
            return False
        if self._heard_at is None:
            trouble = getattr(self._link, "trouble", None)
            logger.error("Failed to connect to the Locust master: no answer from %s in %.0f s%s",
                         self.endpoint, limit, f": it {trouble}" if trouble else "")
            self._exit_code = self.no_master_code
        else:
            logger.error("Didn't get heartbeat from master in over %.0fs", limit)
        self.leave()
        return True

    def _note_heard(self, message):
        self._heard_at = time.monotonic()
        self._is_orphan = False
        if message.type in _ANSWERS:
            self._answered_at = self._heard_at
            if self._held_at is not None and message.type != "ack":  # a spawn follows that
                self._orders.put((self._release_users,))
