# SPDX-License-Identifier: MIT
"""The package websocket-client's calls at the speed of C (docs/websocket.md):

    from katydid import websocket_client as websocket

    ws = websocket.create_connection("wss://example.org/chat", timeout=5)

Under stock Locust it is that package itself."""

try:
    import _katydid  # noqa: F401
except ImportError:
    from websocket import *  # noqa: F401,F403
    from websocket import ABNF, WebSocketApp  # noqa: F401
else:
    from ._ws_app import WebSocketApp  # noqa: F401
    from ._ws_dropin import WebSocket, create_connection, getdefaulttimeout, setdefaulttimeout  # noqa: F401
    from ._ws_names import *  # noqa: F401,F403
