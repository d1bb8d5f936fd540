# SPDX-License-Identifier: MIT
"""SocketIOUser: a Socket.IO connection, by python-socketio.

Request types: WS connect, WSS send, WSE emit, WSC call (with its answer), WSR received. The library
makes an emit of every send and call, which is recorded too, as in Locust.
"""

import gevent

from locust import User
from locust.event import EventHook  # noqa: F401

from ._library import need

socketio = need("socketio", "python-socketio[client]", "SocketIOUser")


class SocketIOClient(socketio.Client):
    """A socketio.Client whose messages are recorded."""

    def __init__(self, request_event, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.request_event = request_event
        self._is_calling = False

    def connect(self, *args, **kwargs):
        with self.request_event.measure("WS", "connect"):
            super().connect(*args, **kwargs)

    def send(self, data, namespace=None, callback=None, name="Unnamed"):
        error = None
        try:
            super().send(data, namespace, callback)
        except Exception as failure:
            error = failure
        self._record("WSS", name, data, error)

    def emit(self, event, data=None, namespace=None, callback=None):
        error = None
        try:
            super().emit(event, data, namespace, callback)
        except Exception as failure:
            error = failure
        self._record("WSE", str(event), data, error)
        if error is not None and self._is_calling:
            raise error  # or call() would wait for an answer

    def call(self, event, data=None, *args, **kwargs):
        with self.request_event.measure("WSC", event):
            self._is_calling = True
            try:
                return super().call(event, data, *args, **kwargs)
            finally:
                self._is_calling = False

    def on_message(self, event, data):
        """Called for each event without a handler of its own (see `self.sio.on`). Nobody knows
        how long it took to come; override this where the data tells."""
        self._record("WSR", event, data, None)

    def _record(self, request_type, name, data, error):
        self.request_event.fire(
            request_type=request_type,
            name=name,
            response_time=0,
            response_length=len(data or []),
            exception=error,
            context={},
        )


class SocketIOUser(User):
    """`self.sio` is the client; `options` are its keyword arguments, such as
    {"reconnection_attempts": 1, "logger": True}."""

    abstract = True
    options = {}
    sio: SocketIOClient

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.sio = SocketIOClient(self.environment.events.request, **self.options)
        self.sio_greenlet = gevent.spawn(self.sio.wait)
        self.sio.on("*", self.sio.on_message)

    def _release(self):
        self.sio_greenlet.kill(block=False)
        if self.sio.connected:
            gevent.spawn(self.sio.disconnect)
