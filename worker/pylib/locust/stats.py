# SPDX-License-Identifier: MIT
"""Statistics as Python code sees them.

The numbers live in C (`_katydid.stats_*`): this process's own since the start of the test, or, for
a script host, the totals that the master last told. What is handed out here are snapshots:
`stats.total`, `stats.entries` and `stats.errors` are made anew each time they are asked for.
"""

import hashlib
import re

import _katydid

from .exception import CatchResponseError
from .util.rounding import proper_round

STATS_NAME_WIDTH = 80
STATS_TYPE_WIDTH = 8
STATS_AUTORESIZE = True
CONSOLE_STATS_INTERVAL_SEC = 2
HISTORY_STATS_INTERVAL_SEC = 5
CSV_STATS_INTERVAL_SEC = 1
CSV_STATS_FLUSH_INTERVAL_SEC = 5
CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW = 10
PERCENTILES_TO_REPORT = [0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0]
PERCENTILES_TO_STATISTICS = [0.95, 0.99]
PERCENTILES_TO_CHART = [0.5, 0.95]

_RATE_WINDOW_S = 12  # current rates: of the seconds from here ...
_RATE_LAG_S = 2  # ... to here before the last request


class RequestStatsAdditionError(Exception):
    pass


def bucket_response_time(response_time):
    """Milliseconds rounded as in Locust's histograms: two significant digits from 100 on."""
    if response_time < 100:
        return round(response_time)
    digits = 1 if response_time < 1000 else 2 if response_time < 10000 else 3
    return int(round(response_time, -digits))


def get_readable_percentiles(percentile_list):
    """[0.5, 0.999] as ["50%", "99.9%"]."""
    return [f"{round(p * 100, 6):g}%" for p in percentile_list]


def calculate_response_time_percentile(response_times, num_requests, percent):
    """The percentile (0 to 1) of a {milliseconds: count} histogram; 0 when it is empty."""
    below = int(num_requests * percent)
    left = num_requests
    for milliseconds in sorted(response_times, reverse=True):
        left -= response_times[milliseconds]
        if left <= below:
            return milliseconds
    return 0


def diff_response_time_dicts(latest, old):
    """What a {milliseconds: count} histogram gained."""
    gained = {key: count - old.get(key, 0) for key, count in latest.items()}
    return {key: count for key, count in gained.items() if count}


def median_from_dict(total, count):
    """The median of a {milliseconds: count} histogram with `total` samples."""
    position = (total - 1) / 2
    for milliseconds in sorted(count):
        if position < count[milliseconds]:
            return milliseconds
        position -= count[milliseconds]
    return 0


def avg(values):
    return sum(values, 0.0) / max(len(values), 1)


def sort_stats(stats):
    """The values of a dict, in the order of its keys."""
    return [stats[key] for key in sorted(stats)]


class StatsEntry:
    """One row as it was when asked for: the requests of one (method, name), or of all."""

    _EMPTY = {
        "num_requests": 0,
        "num_none_requests": 0,
        "num_failures": 0,
        "cut": 0,
        "total_response_time": 0.0,
        "min_response_time": None,
        "max_response_time": 0,
        "total_content_length": 0,
        "start_time": 0.0,
        "last_request_timestamp": None,
        "num_reqs_per_sec": {},
        "num_fail_per_sec": {},
    }

    def __init__(self, stats, name, method, row=None):
        self.stats = stats
        self.name = name
        self.method = method
        for field, empty in self._EMPTY.items():
            setattr(self, field, (row or {}).get(field, empty))
        if self.max_response_time is None:
            self.max_response_time = 0

    @property
    def response_times(self):
        """{milliseconds: count}, in Locust's buckets."""
        return self.stats._histogram(self.method, self.name)

    @property
    def fail_ratio(self):
        if not self.num_requests:
            return 1.0 if self.num_failures else 0.0
        return self.num_failures / self.num_requests

    @property
    def avg_response_time(self):
        timed = self.num_requests - self.num_none_requests
        return self.total_response_time / timed if timed else 0.0

    @property
    def median_response_time(self):
        return self.get_response_time_percentile(0.5)

    @property
    def avg_content_length(self):
        return self.total_content_length / self.num_requests if self.num_requests else 0

    @property
    def current_rps(self):
        return self._current(self.num_reqs_per_sec)

    @property
    def current_fail_per_sec(self):
        return self._current(self.num_fail_per_sec)

    @property
    def total_rps(self):
        return self._overall(self.num_requests)

    @property
    def total_fail_per_sec(self):
        return self._overall(self.num_failures)

    def _current(self, per_second):
        total = self.stats.total
        if total.last_request_timestamp is None:
            return 0
        last = int(total.last_request_timestamp)
        seconds = range(max(last - _RATE_WINDOW_S, int(total.start_time)), last - _RATE_LAG_S)
        return avg([per_second.get(second, 0) for second in seconds])

    def _overall(self, count):
        total = self.stats.total
        if not total.last_request_timestamp or not total.start_time:
            return 0.0
        duration = total.last_request_timestamp - total.start_time
        return count / duration if duration > 0 else 0.0

    def get_response_time_percentile(self, percent):
        """Milliseconds within which that share (0 to 1) of the requests was answered."""
        return self.stats._percentile(self.method, self.name, percent)

    def to_dict(self, escape_string_values=False):
        """The row as Locust's web API shows it."""
        row = {name: getattr(self, name) for name in (
            "method", "name", "num_requests", "num_failures", "current_rps",
            "current_fail_per_sec", "avg_response_time", "median_response_time", "total_rps",
            "total_fail_per_sec", "avg_content_length",
        )}
        row["min_response_time"] = proper_round(self.min_response_time or 0)
        row["max_response_time"] = proper_round(self.max_response_time)
        for p in PERCENTILES_TO_STATISTICS:
            row[f"response_time_percentile_{p}"] = self.get_response_time_percentile(p)
        return row

    def serialize(self):
        """The row as Locust's workers report it."""
        fields = ["name", "method", *self._EMPTY, "response_times"]
        fields.remove("cut")
        return {field: getattr(self, field) for field in fields}


class StatsError:
    """One kind of failure of one (method, name)."""

    def __init__(self, method, name, error, occurrences=0, first_seen=None, last_seen=None):
        self.method = method
        self.name = name
        self.error = error
        self.occurrences = occurrences
        self.first_seen = first_seen
        self.last_seen = last_seen

    @classmethod
    def parse_error(cls, error):
        """The text that stands for an error: without the address of an object in it."""
        text = error if isinstance(error, str) else repr(error)
        found = re.search(r"object at (0x[^>]*)>", text)
        return text.replace(found.group(1), "0x....") if found else text

    @classmethod
    def create_key(cls, method, name, error):
        key = f"{method}.{name}.{cls.parse_error(error)!r}"
        return hashlib.sha256(key.encode()).hexdigest()

    def to_name(self):
        """METHOD name: error, as the error report shows it."""
        error = self.error
        if isinstance(error, CatchResponseError):
            error = error.args[0]
        elif not isinstance(error, str):
            error = repr(error)
        elif error.startswith("CatchResponseError(") and error.endswith(")"):
            error = error[len("CatchResponseError("):-1]
        return f"{self.method} {self.name}: {error}"

    def to_dict(self):
        return {
            "method": self.method,
            "name": self.name,
            "error": self.parse_error(self.error),
            "occurrences": self.occurrences,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
        }

    serialize = to_dict


class EntriesDict(dict):
    """Entries by (name, method); what was never requested is an empty entry."""

    def __init__(self, stats):
        super().__init__()
        self._stats = stats

    def __missing__(self, key):
        self[key] = entry = StatsEntry(self._stats, key[0], key[1])
        return entry


class RequestStats:
    """environment.stats"""

    def __init__(self, use_response_times_cache=True):
        self.history = []
        self._told = None  # totals of the master; None: this process's own

    def take_totals(self, totals):
        """The master's numbers, for a process that makes no requests itself."""
        self._told = {
            "num_requests": totals["requests"],
            "num_failures": totals["failures"],
            "cut": totals["cut"],
        }

    @property
    def total(self):
        row = _katydid.stats_total() if self._told is None else self._told
        return StatsEntry(self, "Aggregated", "", row)

    @property
    def entries(self):
        entries = EntriesDict(self)
        for row in _katydid.stats_rows():
            key = (row["name"], row["method"])
            entries[key] = StatsEntry(self, *key, row)
        return entries

    @property
    def errors(self):
        errors = {}
        for row in _katydid.stats_failures():
            error = StatsError(**row)
            errors[StatsError.create_key(error.method, error.name, error.error)] = error
        return errors

    def get(self, name, method):
        return self.entries[(name, method)]

    def _histogram(self, method, name):
        if (method, name) == ("", "Aggregated"):
            return _katydid.stats_total(histograms=True)["response_times"]
        for row in _katydid.stats_rows(histograms=True):
            if (row["method"], row["name"]) == (method, name):
                return row["response_times"]
        return {}

    def _percentile(self, method, name, percent):
        return _katydid.stats_percentile(method, name, percent)

    @property
    def num_requests(self):
        return self.total.num_requests

    @property
    def num_none_requests(self):
        return self.total.num_none_requests

    @property
    def num_failures(self):
        return self.total.num_failures

    @property
    def last_request_timestamp(self):
        return self.total.last_request_timestamp

    @property
    def start_time(self):
        return self.total.start_time

    def log_request(self, method, name, response_time, content_length):
        _katydid.stats_record(method, name, response_time, content_length)

    def log_error(self, method, name, error):
        _katydid.stats_failure(method, name, StatsError.parse_error(error))

    def reset_all(self):
        """Zeroes every row."""
        _katydid.stats_reset()
        self.history = []

    def clear_all(self):
        """Forgets every row."""
        _katydid.stats_clear()
        self.history = []

    def serialize_stats(self):
        return [entry.serialize() for entry in self.entries.values()]

    def serialize_errors(self):
        return {key: error.to_dict() for key, error in self.errors.items()}


# The tables, for scripts that use Locust as a library; a test run's are printed by the master.
from ._tables import (  # noqa: E402, F401
    get_error_report_summary,
    get_percentile_stats_summary,
    get_stats_summary,
    print_error_report,
    print_percentile_stats,
    print_stats,
    stats_history,
    stats_printer,
)
