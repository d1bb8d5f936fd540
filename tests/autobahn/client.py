# SPDX-License-Identifier: MIT
"""Echoes what the server of the test suite sends, case by case: client.py PORT CASE …, run by katydid-worker --python."""

import sys

from katydid.websocket import WebSocketException, WebSocketUser
from locust.env import Environment


class Echo(WebSocketUser):
    host = f"ws://127.0.0.1:{sys.argv[1]}"


def main():
    user = Echo(Environment())
    for case in sys.argv[2:]:
        compression = "deflate" if case.startswith(("12.", "13.")) else None
        ws = user.ws.connect("/" + case, compression=compression, max_message_size=64 << 20)
        try:
            while True:
                ws.send(ws.recv(timeout=120))
        except WebSocketException:
            pass
        ws._wait_gone()


main()
