# SPDX-License-Identifier: MIT
"""How a worker is doing, for its heartbeats and reports."""

import _katydid

_WIRE = {"cpu": "cpu_percent", "memory": "memory_bytes", "lag_ms": "lag_ms", "lag_p99_ms": "lag_p99_ms",
         "fds": "fds", "connections": "connections", "cpu_limit": "cpu_limit", "throttled": "throttled",
         "starved": "starved", "late_starts": "late_starts"}


class Health:
    """Measured once a second; a report may be about several of these."""

    def __init__(self):
        self.latest = {"cpu": 0.0, "memory": 0, "lag_ms": 0.0}
        self._since_report = []

    def begin(self):
        """Imports, and the time between two tests, are none of the next measurement's."""
        _katydid.health_begin()

    def measure(self):
        """What the core says; kept for the next report."""
        measured = _katydid.health()
        self.latest = {name: measured[key] for name, key in _WIRE.items()}
        self._since_report.append(self.latest)
        return measured

    def of_report(self, is_last=False):
        """Of the time since the report before: the longest standstill, the mean of the rest."""
        if is_last or not self._since_report:
            self.measure()
        parts, self._since_report = self._since_report, []
        return {
            **self.latest,
            "lag_ms": max(part["lag_ms"] for part in parts),
            "cpu": sum(part["cpu"] for part in parts) / len(parts),
            "throttled": sum(part["throttled"] for part in parts) / len(parts),
            "starved": sum(part["starved"] for part in parts) / len(parts),
            "late_starts": min(part["late_starts"] for part in parts),  # in each of these seconds
        }
