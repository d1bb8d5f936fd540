# SPDX-License-Identifier: MIT
"""What the connections of a session are like, as its user says: `http2`, `connections`, `max_connections`, `http2_ping`,
`retry_refused`; and the limit of their answers, `max_response_size`."""

import re
from weakref import WeakKeyDictionary

import _katydid

from .version import http2_of

_shared = WeakKeyDictionary()  # class of users -> (what it said, its pool)


def _ping_of(user):
    seconds = getattr(user, "http2_ping", None)
    if seconds is None:
        return 0.0
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 86400:
        raise ValueError(f"http2_ping is a number of seconds or None, not {seconds!r}")
    return float(seconds)


def _pool_of(user, ping):
    """That of all users of its class; None: it has its own."""
    said = getattr(user, "connections", None)
    if said in (None, "per-user"):
        return None
    match = re.fullmatch(r"shared:([1-9][0-9]{0,5})", str(said))
    if not match:
        raise ValueError(f"connections is 'per-user' or 'shared:N', not {said!r}")
    known = _shared.get(type(user))
    if known is None or known[0] != said:
        most = int(match[1])
        known = _shared[type(user)] = (said, _katydid.Pool(max_idle=most, max_connections=most, ping=ping))
    return known[1]


def _count_of(user, name, most, what):
    """A number that a class says; 0: nothing."""
    number = getattr(user, name, None)
    if number is None:
        return 0
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= most:
        raise ValueError(f"{name} is a number of {what} or None, not {number!r}")
    return number


def connection_options(user):
    """What _configure() of its session takes; nothing, of most."""
    ping = _ping_of(user)
    options = {
        "http2": http2_of(user),
        "pool": _pool_of(user, ping),
        "ping": ping,
        "fails_refused": not getattr(user, "retry_refused", True),
        "max_connections": _count_of(user, "max_connections", 1 << 16, "connections"),
        "max_body": _count_of(user, "max_response_size", (1 << 63) - 1, "bytes"),
    }
    return {name: value for name, value in options.items() if value}
