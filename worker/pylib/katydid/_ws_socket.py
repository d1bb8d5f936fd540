# SPDX-License-Identifier: MIT
"""What both faces of a WebSocket have in common, over the C core; and what that asks of Python."""

import json
import os
from time import time

import _katydid

from . import _ws_names as names
from .metrics import Counter, Gauge, Trend

# Counted in C (worker/py/py_websocket_count.c), by these names.
Counter("ws_sessions"), Counter("ws_msgs_sent"), Counter("ws_msgs_received")
Gauge("ws_open"), Trend("ws_session_duration", unit="ms")

failure = names.WebSocketException
json_dumps = json.dumps
json_loads = json.loads
timeout_error = names.WebSocketTimeoutException


def busy_error(waiting):
    return names.WebSocketException(f"{waiting} bytes of messages wait already")


def _closed(text, code=None, reason=""):
    error = names.WebSocketConnectionClosedException(text)
    error.code, error.reason = code, reason
    return error


def end_error(why, code, sys, unsent, text):
    """The exception that an end stands for. unsent: bytes that did not get out any more."""
    if why == "never":
        return _closed("socket is already closed.")
    if why == "open":
        return _closed("the connection is being closed")
    if why == "closed":
        said = "" if code == names.STATUS_STATUS_NOT_AVAILABLE else f" {code}"
        return _closed(f"closed by the server:{said or ' no code'}{f' ({text})' if text else ''}", code, text)
    if why == "ended":
        return _closed("socket is already closed.", code)
    if why == "silent":
        return names.WebSocketTimeoutException("ping/pong timed out")
    if why == "broken":
        kind = names.WebSocketPayloadException if code == names.STATUS_INVALID_PAYLOAD else names.WebSocketProtocolException
        return kind(f"the server broke the rules: {text} ({code})")
    about = f" while sending {unsent} bytes" if unsent else ""
    cause = f": {os.strerror(sys)}" if sys else ""
    return _closed(f"Connection to remote host was lost{about}{cause}.", code)


def report(socket, session, method, name, ms, length, answer, error, context, tags):
    """A row as an event, where others listen than the statistics."""
    user = session.user
    own = user.context() if user is not None and hasattr(user, "context") else {}
    every = {**(getattr(user, "sample_tags", None) or {}), **(getattr(user, "tags", None) or {}), **(tags or {})}
    event = session.request_event
    if event is not None:
        event.fire(request_type=method, name=name, response_time=ms, response_length=length, exception=error,
                   context={**own, **(context or {})}, response=answer, start_time=time() - (ms or 0) / 1000,
                   url=getattr(socket, "url", None), **({"tags": every} if every else {}))


class Socket(_katydid.WebSocket):
    """Messages, and what was agreed on in the handshake."""

    url = None
    _handshake = None  # what came of it

    # ---- the handshake

    @property
    def status(self):
        return self._handshake and self._handshake.status

    @property
    def headers(self):
        return self._handshake and self._handshake.headers

    @property
    def subprotocol(self):
        return self._handshake and self._handshake.subprotocol

    def getstatus(self):
        return self.status

    def getheaders(self):
        return self.headers

    def getsubprotocol(self):
        return self.subprotocol

    def is_ssl(self):
        return bool(self.url and self.url.startswith("wss:"))

    def fileno(self):
        return self._fd

    def gettimeout(self):
        return self.timeout

    def settimeout(self, timeout):
        self.timeout = timeout

    # ---- messages

    def send_text(self, text):
        return self._send_frame(text, names.ABNF.OPCODE_TEXT, True)

    def send_binary(self, data):
        return self._send_frame(data, names.ABNF.OPCODE_BINARY, True)

    send_bytes = send_binary

    def send_json(self, value):
        return self._send_frame(json.dumps(value), names.ABNF.OPCODE_TEXT, True)

    def ping(self, payload=""):
        """Sends a ping; how long its answer takes is a row."""
        self._ping(payload)

    def pong(self, payload=""):
        self._send_frame(payload, names.ABNF.OPCODE_PONG, True)

    def __iter__(self):
        while True:
            yield self.recv()

    def __next__(self):
        return self.recv()

    def next(self):
        return self.recv()


import sys  # noqa: E402  the module itself, which has all its names now

_katydid.bind_websocket(sys.modules[__name__])
