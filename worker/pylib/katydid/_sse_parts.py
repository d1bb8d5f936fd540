# SPDX-License-Identifier: MIT
"""What both ways of reading server-sent events share (docs/sse.md)."""

import json

BODY_MOST = 1 << 16  # bytes of an answer that is no stream of events
MOST = 1 << 20  # bytes of an event, unless a limit is given


class StreamError(Exception):
    """What was wrong with a stream of events, as it stands among the failures."""


class Event:
    __slots__ = ()

    def json(self):
        """The data as JSON; ValueError where it is none."""
        return json.loads(self.data)

    def __repr__(self):
        return f"<Event {self.event} {self.data[:60]!r}>"
