# SPDX-License-Identifier: MIT
"""Where a RequestStats gets numbers from that an engine counts."""

from collections import defaultdict

from . import _stats_settings as settings
from ._failures import StatsError
from ._stats import RequestStats, StatsEntry


_ENTRYS = (StatsEntry.log, StatsEntry.log_error)
_TABLES = (RequestStats.log_request, RequestStats.log_error)


def counts_by_itself(stats):
    """Whether a request counts in nothing but our own methods, so that the core may do it."""
    cls, entry = type(stats), StatsEntry
    return (
        (cls.log_request, cls.log_error) == _TABLES
        and (entry.log, entry.log_error) == _ENTRYS
        and stats.__dict__.keys().isdisjoint(("log_request", "log_error"))
    )


class CoreFeed:
    """What the C core of this process counts."""

    def __init__(self, core):
        self.core = core  # a _katydid.Stats

    def pull(self, stats):
        fine = settings.bucket_response_time is not settings.built_in_buckets
        taken = self.core.take(fine)
        if taken is None:
            return
        if stats._written is not None:
            stats._written.collect()
            stats._written.is_behind = True
        total, rows, failures = taken
        self._add(stats._total, total, fine)
        for row in rows:
            self._add(stats._entries.of_feed(row), row, fine)
        for f in failures:
            stats._add_error(**f)
        if stats._written is not None:
            stats._written.changed()

    @staticmethod
    def _add(entry, row, fine):
        if fine:
            buckets = defaultdict(int)
            for milliseconds, count in row["response_times"].items():
                buckets[settings.bucket_response_time(milliseconds)] += count
            row["response_times"] = buckets
        entry._add(row, row)

    def pull_history(self, stats):
        """It is made by stats_history, where that runs."""

    def log_request(self, method, name, response_time, content_length):
        self.core.record(method, name, response_time, content_length)

    def log_error(self, method, name, error):
        self.core.failure(method, name, StatsError.parse_error(error))

    def reset(self):
        self.core.reset()

    def clear(self):
        self.core.clear()
