# SPDX-License-Identifier: MIT
"""WebSocketUser under stock Locust: by the package websocket-client, told by ordinary request events. There are no phases,
no compression, and no limits but that package's."""

import json
from time import perf_counter, time

from locust import events

from . import _ws_names
from ._ws_messages import Messages

try:
    import websocket
except ImportError:
    websocket = None
else:  # one set of exceptions: what that package raises is what katydid.websocket names
    for _name in _ws_names.EXCEPTIONS:
        setattr(_ws_names, _name, getattr(websocket, _name))


def _fire(kind, name, began, length, error=None, answer=None, context=None, url=None):
    events.request.fire(request_type="WS", name=f"{kind} {name}", response_time=(perf_counter() - began) * 1000,
                        response_length=length, exception=error, context=context or {}, response=answer,
                        start_time=time() - (perf_counter() - began), url=url)


class WebSocket(Messages, websocket.WebSocket if websocket else object):
    """An open connection of a user."""

    _name = url = None

    def send(self, payload, opcode=None):
        if opcode is None:
            opcode = websocket.ABNF.OPCODE_TEXT if isinstance(payload, str) else websocket.ABNF.OPCODE_BINARY
        return super().send(payload, opcode)

    def send_json(self, value):
        return self.send(json.dumps(value))

    def recv(self, **timeout):
        before = self.gettimeout()
        if "timeout" in timeout:
            self.settimeout(timeout["timeout"])
        try:
            opcode, data = self.recv_data()
        finally:
            self.settimeout(before)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            error = _ws_names.WebSocketConnectionClosedException("closed by the server")
            error.code = int.from_bytes(data[:2], "big") if len(data) > 1 else 1005
            error.reason = data[2:].decode("utf-8", "replace")
            raise error
        return data.decode() if opcode == websocket.ABNF.OPCODE_TEXT else data

    def request(self, message, match=None, name=None, timeout=None, tags=None, context=None):
        """Sends a message and waits for its answer: the first message that match(…) is true of, or the next one."""
        _ws_names.check_match(match)
        is_json = not isinstance(message, (str, bytes, bytearray, memoryview))
        limit = self.gettimeout() if timeout is None else timeout
        began, name = perf_counter(), name or self._name
        try:
            self.send_json(message) if is_json else self.send(message)
            data, answer = self._answer(match, is_json, began, limit)
        except (_ws_names.WebSocketException, OSError) as error:
            _fire("request", name, began, 0, error, context=context)
            raise
        _fire("request", name, began, len(data), answer=answer, context=context)
        return answer

    def _answer(self, match, is_json, began, limit):
        while True:
            left = None if limit is None else max(0.001, limit - (perf_counter() - began))
            data = answer = self.recv(timeout=left)
            if is_json and isinstance(data, str):
                try:
                    answer = json.loads(data)
                except ValueError:
                    pass
            try:
                if match is None or match(answer):
                    return data, answer
            except (LookupError, TypeError, AttributeError):
                pass  # what a message lacks says that it is not the one
            if self.on_message is not None:
                self.on_message(answer)

    def close(self, code=1000, reason=""):
        super().close(code, reason.encode() if isinstance(reason, str) else reason, timeout=1)

    def __exit__(self, kind, error, trace):
        self.close()


def _url(user, url):
    full = url if "://" in url else f"{user.host}{url}"
    return "ws" + full[4:] if full.startswith("http") else full


def connect(user, url="", *, name=None, headers=None, subprotocols=None, timeout=None, connect_timeout=60, origin=None,
            context=None, **others):
    """Opens a WebSocket with the user's cookies."""
    if websocket is None:
        raise RuntimeError("WebSocketUser needs the package websocket-client under stock Locust: pip install websocket-client")
    _ws_names.check_subprotocols(subprotocols)
    _ws_names.check_seconds(timeout=timeout, connect_timeout=connect_timeout)
    name, began, full = name or url or "/", perf_counter(), _url(user, url)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in getattr(user.client, "cookies", ()))
    socket = WebSocket()
    socket._name, socket.url = name, full
    socket.settimeout(connect_timeout)
    try:
        socket.connect(full, header=headers, subprotocols=subprotocols, cookie=cookies or None, origin=origin,
                       suppress_origin=origin is None)
    except (websocket.WebSocketException, OSError) as error:
        _fire("connect", name, began, 0, error, context=context, url=full)
        raise
    _fire("connect", name, began, 0, context=context, url=full)
    socket.settimeout(timeout)
    return socket


def base_url(url):
    """Where the client of a user leads whose host is that."""
    return "http" + url[2:] if url.startswith(("ws://", "wss://")) else url
