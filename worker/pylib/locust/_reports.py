# SPDX-License-Identifier: MIT
"""Statistics on their way from a node to a Katydid master (docs/wire.md)."""

import time
from uuid import uuid4

import _katydid

_RESEND_S = 3.0
_RESEND_MAX_S = 24.0
_MAX_IN_FLIGHT = 8


class Reports:
    """Statistics on their way to a Katydid master: numbered, kept until acknowledged."""

    def __init__(self, pack):
        self._pack = pack
        self.epoch = uuid4().hex
        self.run = ""
        self._seq = 0
        self._pending = {}  # seq -> [data, when sent, seconds until it is sent again]

    def next(self, health, is_last=False, written=None):
        """The data of a report of everything since the last one; None while too many are under
        way: then the next one will carry more, unless there will be none. health: a function.
        written: what code changed by hand (_written.py), or None."""
        if len(self._pending) >= _MAX_IN_FLIGHT and not is_last:
            return None
        self._seq += 1
        parts = {
            "anew": written and written.take_anew(),
            "report": self._pack(),
            "written": written and written.take(),
        }
        data = {
            "katydid": {
                "epoch": self.epoch,
                "seq": self._seq,
                "run": self.run,
                "t": _katydid.steady(),
                **{name: part for name, part in parts.items() if part is not None},
                "health": health(is_last),
            }
        }
        self._pending[self._seq] = [data, time.monotonic(), _RESEND_S]
        return data

    def acknowledged(self, epoch, seq):
        if epoch == self.epoch:
            self._pending.pop(seq, None)

    def due(self, all_of_them=False):
        """What must be sent again; more and more rarely, as a master that does not answer may be
        busy with the reports it has."""
        now = time.monotonic()
        for entry in self._pending.values():
            if all_of_them or now - entry[1] >= entry[2]:
                entry[1:] = now, min(entry[2] * 2, _RESEND_MAX_S)
                yield entry[0]

    def forget(self):
        self._pending.clear()

    def is_delivered(self):
        return not self._pending
