# SPDX-License-Identifier: MIT
"""One request to a host, for the page's form: whether somebody answers there, and how fast.

It goes the way that the users' requests go (names, proxies, certificates), from this machine, and
is in no statistics. It takes TIME_S at most."""

import time
from urllib.parse import urlsplit

import gevent

from .clients import HttpSession
from .event import EventHook

TIME_S = 3.0
_WORD_MAX = 200

_WORDS = (
    ("Connection refused", "refused"),
    ("Name or service not known", "no such name"),
    ("No address associated", "no such name"),
    ("Temporary failure in name resolution", "the name could not be looked up"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate does not verify"),
    ("WRONG_VERSION_NUMBER", "it does not speak HTTPS there"),
    ("Network is unreachable", "no way to it from here"),
    ("No route to host", "no way to it from here"),
    ("Connection reset by peer", "it broke the connection off"),
    ("Remote end closed connection", "it closed the connection without an answer"),
    ("timed out", f"no answer within {TIME_S:g} s"),
)


class BadAddress(Exception):
    """What is to be asked is no address of a web server."""

    field = "url"


def run(args):
    """The answer as data: `status` and `time_ms`, or `trouble` in words."""
    url = _checked(args.get("url"))
    timeout = gevent.Timeout(TIME_S)
    began = time.perf_counter()
    try:
        with timeout:
            status, error = _ask(url)
    except gevent.Timeout as late:
        if late is not timeout:
            raise
        status, error = 0, "timed out"
    except Exception as wrong:  # of an address that no client takes
        status, error = 0, str(wrong)
    if status:
        return {"status": status, "time_ms": (time.perf_counter() - began) * 1000}
    return {"trouble": _in_words(str(error))}


def _ask(url):
    session = HttpSession(url, EventHook(), None)
    try:
        answer = session.get(url, timeout=TIME_S, allow_redirects=False, stream=True)
        if answer.status_code:
            answer.close()  # nobody reads its body
        return answer.status_code, getattr(answer, "error", None)
    finally:
        session.close()


def _checked(url):
    try:
        parts = urlsplit(url or "")
        is_good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise BadAddress("Give a URL such as https://shop.test or http://10.0.0.5:8080.")
    return url if parts.path else f"{url}/"


def _in_words(text):
    for part, words in _WORDS:
        if part in text:
            return words
    return text[:_WORD_MAX]
