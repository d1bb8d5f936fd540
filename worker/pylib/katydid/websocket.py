# SPDX-License-Identifier: MIT
"""WebSocketUser: load by WebSocket (docs/websocket.md).

    from katydid.websocket import WebSocketUser

    class Chatter(WebSocketUser):
        @task
        def talk(self):
            with self.ws.connect("/chat", name="chat") as ws:
                ws.request("hello", name="hello")

The same import works under stock Locust, by the package websocket-client, where it fires ordinary request events."""

from locust import FastHttpUser, HttpUser

try:
    import _katydid  # noqa: F401
except ImportError:
    from ._ws_stock import WebSocket, base_url, connect
else:
    from ._ws_user import WebSocket, base_url, connect
from ._ws_names import (  # noqa: E402, F401: behind what may put those of websocket-client there
    WebSocketAddressException,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketPayloadException,
    WebSocketProtocolException,
    WebSocketProxyException,
    WebSocketTimeoutException,
)

__all__ = ["WebSocket", "WebSocketUser", "connect"]


class Connector:
    """A user's `ws`: connect() opens a connection."""

    def __init__(self, user):
        self._user = user

    def connect(self, url="", **options):
        return connect(self._user, url, **options)


class WebSocketUser(HttpUser):
    """A user whose `ws` opens WebSockets, and whose `client` shares cookies with them. `host` may be ws:// or wss://."""

    abstract = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client.base_url = base_url(self.client.base_url)
        self.ws = Connector(self)


def ws_connect(self, url="", **options):
    """Opens a WebSocket with the cookies, auth and TLS settings of `client` (docs/websocket.md)."""
    return connect(self, url, **options)


HttpUser.ws_connect = FastHttpUser.ws_connect = ws_connect
