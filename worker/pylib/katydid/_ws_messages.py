# SPDX-License-Identifier: MIT
"""What the messages of a user's WebSocket are read by, in Katydid and under stock Locust: over recv() and `timeout`."""

import json
from time import monotonic

from . import _ws_names as names  # whose exceptions may be those of websocket-client

END_WELL = (1000, 1001, 1005)


class Messages:
    on_message = None  # called with each message that nobody else takes: run(), request()

    def recv_json(self, **timeout):
        return json.loads(self.recv(**timeout))

    def messages(self, until=None):
        """Messages as they come, for so many seconds, or until the server closes as it should."""
        end = None if until is None else monotonic() + until
        while True:
            left = self.timeout if end is None else end - monotonic()
            if end is not None and left <= 0:
                return
            try:
                yield self.recv(timeout=left)
            except names.WebSocketConnectionClosedException as error:
                if getattr(error, "code", None) in END_WELL:
                    return
                raise
            except names.WebSocketTimeoutException:
                if end is None:
                    raise
                return

    def run(self, seconds=None):
        """Calls on_message with each message, for so many seconds, or until the server closes as it should."""
        for message in self.messages(seconds):
            if self.on_message is not None:
                self.on_message(message)

    def __enter__(self):
        return self
