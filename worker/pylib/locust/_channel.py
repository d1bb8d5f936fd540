# SPDX-License-Identifier: MIT
"""The C core's socket to a master, for whole messages."""

import _katydid

from .rpc import Message


class Channel:
    """The link to the master, with whole messages."""

    def __init__(self, endpoint, node_id):
        self._link = _katydid.Link(endpoint, node_id)

    def send(self, message):
        self._link.send(message.serialize())

    def recv(self):
        return Message.unserialize(self._link.recv())

    @property
    def trouble(self):
        """Why the master and this worker do not come together, to put behind its address; or None."""
        return self._link.trouble

    def close(self, linger_ms=0):
        self._link.close(linger_ms)
