# SPDX-License-Identifier: MIT
"""websocket.WebSocketApp: callbacks, called by run_forever()."""

import logging
from time import time

import gevent

from ._ws_dropin import WebSocket, getdefaulttimeout
from ._ws_names import ABNF, WebSocketConnectionClosedException, WebSocketException, WebSocketTimeoutException

logger = logging.getLogger("websocket")


def _close_parts(data):
    if len(data) < 2:
        return None, None
    return int.from_bytes(data[:2], "big"), data[2:].decode("utf-8", "replace") or None


class WebSocketApp:
    def __init__(self, url, header=None, on_open=None, on_reconnect=None, on_message=None, on_error=None, on_close=None,
                 on_ping=None, on_pong=None, on_cont_message=None, keep_running=True, get_mask_key=None, cookie=None,
                 subprotocols=None, on_data=None, socket=None):
        if on_cont_message is not None:
            raise ValueError("on_cont_message is not there in katydid.websocket_client: messages come whole")
        self.url, self.header, self.cookie = url, header if header is not None else [], cookie
        self.on_open, self.on_reconnect, self.on_message, self.on_error = on_open, on_reconnect, on_message, on_error
        self.on_close, self.on_ping, self.on_pong, self.on_data = on_close, on_ping, on_pong, on_data
        self.subprotocols, self.prepared_socket = subprotocols, socket
        self.keep_running, self.has_errored, self.sock = False, False, None
        self.last_ping_tm = self.last_pong_tm = 0.0

    # ---- sending

    def send(self, data, opcode=ABNF.OPCODE_TEXT):
        if not self.sock or self.sock.send(data, opcode) == 0:
            raise WebSocketConnectionClosedException("Connection is already closed.")

    def send_text(self, text):
        self.send(text, ABNF.OPCODE_TEXT)

    def send_bytes(self, data):
        self.send(data, ABNF.OPCODE_BINARY)

    def close(self, **kwargs):
        self.keep_running = False
        socket, self.sock = self.sock, None
        if socket:
            socket.close(**kwargs)

    # ---- running

    def _call(self, callback, *args):
        if callback is None:
            return
        try:
            callback(self, *args)
        except Exception as error:
            logger.error("error from callback %r: %s", callback, error)
            if self.on_error and callback is not self.on_error:
                self.on_error(self, error)

    def _ping(self, interval, timeout, payload, runner):
        """Pings for ever; what nobody answers in time ends the run."""
        while True:
            gevent.sleep(interval)
            if not self.sock:
                return
            self.last_ping_tm = time()
            try:
                self.sock.ping(payload)
            except WebSocketException:
                return
            if timeout:
                gevent.sleep(timeout)
                if self.last_pong_tm < self.last_ping_tm:
                    runner.throw(WebSocketTimeoutException("ping/pong timed out"))
                    return

    def _read(self, socket):
        """Until the server closes: its close frame."""
        while True:
            opcode, frame = socket.recv_data_frame(True)
            if opcode == ABNF.OPCODE_CLOSE:
                return frame
            if opcode == ABNF.OPCODE_PING:
                self._call(self.on_ping, frame.data)
            elif opcode == ABNF.OPCODE_PONG:
                self.last_pong_tm = time()
                self._call(self.on_pong, frame.data)
            else:
                data = frame.data.decode("utf-8") if opcode == ABNF.OPCODE_TEXT else frame.data
                self._call(self.on_data, data, opcode, True)
                self._call(self.on_message, data)

    def _once(self, options, sockopt, sslopt, ping, is_again):
        """One connection: the server's close frame."""
        self.sock = socket = WebSocket(sslopt=sslopt, sockopt=sockopt)
        socket.settimeout(getdefaulttimeout())
        header = self.header() if callable(self.header) else self.header
        socket.connect(self.url, header=header, cookie=self.cookie, subprotocols=self.subprotocols,
                       socket=self.prepared_socket, **options)
        pinger = gevent.spawn(self._ping, *ping, gevent.getcurrent()) if ping[0] else None
        try:
            self._call(self.on_reconnect if is_again and self.on_reconnect else self.on_open)
            return self._read(socket)
        finally:
            if pinger is not None:
                pinger.kill(block=False)

    def run_forever(self, sockopt=None, sslopt=None, ping_interval=0, ping_timeout=None, ping_payload="",
                    http_proxy_host=None, http_proxy_port=None, http_no_proxy=None, http_proxy_auth=None,
                    http_proxy_timeout=None, skip_utf8_validation=False, host=None, origin=None, dispatcher=None,
                    suppress_origin=False, suppress_host=False, proxy_type=None, reconnect=None):
        """Whether it ended by an error."""
        if ping_timeout is not None and ping_timeout <= 0:
            raise WebSocketException("Ensure ping_timeout > 0")
        if ping_interval is not None and ping_interval < 0:
            raise WebSocketException("Ensure ping_interval >= 0")
        if ping_timeout and ping_interval and ping_interval <= ping_timeout:
            raise WebSocketException("Ensure ping_interval > ping_timeout")
        if dispatcher is not None:
            raise ValueError("a dispatcher is not there in katydid.websocket_client: run_forever() waits as any call does")
        if self.sock:
            raise WebSocketException("socket is already opened")
        options = {"host": host, "origin": origin, "suppress_origin": suppress_origin, "suppress_host": suppress_host,
                   "http_proxy_host": http_proxy_host, "http_proxy_port": http_proxy_port,
                   "http_no_proxy": http_no_proxy, "http_proxy_auth": http_proxy_auth, "proxy_type": proxy_type}
        ping = (ping_interval, ping_timeout, ping_payload)
        self.keep_running, self.has_errored, is_again = True, False, False
        closed = (None, None)
        while self.keep_running:
            try:
                closed = _close_parts(self._once(options, sockopt, sslopt, ping, is_again).data)
                self._closed_by_server(closed, reconnect)
            except Exception as error:
                if self.keep_running:  # else close() was called
                    self.has_errored = True
                    self._call(self.on_error, error)
            except BaseException:
                self._drop()
                raise
            self._drop()
            if not reconnect or not self.keep_running:
                break
            is_again = True
            gevent.sleep(reconnect)
        self.keep_running = False
        self._call(self.on_close, *closed)
        return self.has_errored

    def _closed_by_server(self, closed, reconnect):
        code, reason = closed
        if reconnect or not self.keep_running:
            return
        text = "Connection closed" if code is None else "Connection closed normally (code 1000)" if code == 1000 else \
            f"Connection closed (code {code})"
        error = WebSocketConnectionClosedException(f"{text}: {reason}" if reason else text)
        error.status_code, error.reason = code, reason
        self._call(self.on_error, error)

    def _drop(self):
        socket, self.sock = self.sock, None
        if socket:
            socket.abort()
