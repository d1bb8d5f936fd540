# SPDX-License-Identifier: MIT
"""The master's monotonic clock, as seen from here. A heartbeat bears our time, its answer that and the master's: this was
read somewhere between the one and now, so that the middle is off by half of the way there and back at most. The shortest
way of late is gone by."""

import math
import time

_DRIFT = 1e-4  # two clocks run apart by less
_LONGEST_WAY_S = 60.0
_machine = None


def machine():
    """Who has the same kernel has the same monotonic clock."""
    global _machine
    if _machine is None:
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                _machine = file.read().strip()
        except OSError:
            _machine = ""
    return _machine


class MasterClock:
    def __init__(self):
        self.ahead_s = None  # the master's, of ours; None: not known
        self._error_s, self._seen_at = math.inf, 0.0

    def ask(self):
        """What a heartbeat says of it."""
        error_s = self.error_s()
        told = {} if error_s is None else {"clock_error_ms": error_s * 1000}
        return {"clock": time.monotonic(), **told}

    def error_s(self):
        """By so much ahead_s is wrong at most; None: it is not known."""
        return None if self.ahead_s is None else self._error_s + self._drift(time.monotonic())

    def _drift(self, now):
        return _DRIFT * (now - self._seen_at) if self._error_s > 0 else 0.0

    def hear(self, data):
        """The answer to a heartbeat; a master of Locust has none of this."""
        now = time.monotonic()
        if not isinstance(data, dict) or not all(isinstance(data.get(key), float) for key in ("clock", "mono")):
            return
        way_s = now - data["clock"]
        is_ours = data.get("machine") and data["machine"] == machine()
        if is_ours and data["clock"] <= data["mono"] <= now:  # a namespace of time may set them apart
            self.ahead_s, self._error_s, self._seen_at = 0.0, 0.0, now
        elif 0 <= way_s < _LONGEST_WAY_S and way_s / 2 <= self._error_s + self._drift(now):
            self.ahead_s, self._error_s, self._seen_at = data["mono"] - (now + data["clock"]) / 2, way_s / 2, now
