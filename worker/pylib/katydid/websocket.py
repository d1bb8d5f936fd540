# SPDX-License-Identifier: MIT
"""WebSocketUser: load by WebSocket (docs/websocket.md).

    from katydid.websocket import WebSocketUser

    class Chatter(WebSocketUser):
        @task
        def talk(self):
            with self.ws.connect("/chat", name="chat") as ws:
                ws.request("hello", name="hello")

The same import works under stock Locust, by the package websocket-client, where it fires ordinary request events."""

from ._ws_names import (  # noqa: F401
    WebSocketAddressException,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketPayloadException,
    WebSocketProtocolException,
    WebSocketProxyException,
    WebSocketTimeoutException,
)

try:
    import _katydid  # noqa: F401
except ImportError:
    from ._ws_stock import WebSocket, WebSocketUser, connect
else:
    from ._ws_user import WebSocket, WebSocketUser, connect

__all__ = ["WebSocket", "WebSocketUser", "connect"]
