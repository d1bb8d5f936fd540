# SPDX-License-Identifier: MIT
"""Statistics as Python code sees them: entries with fields that can be read, written and logged to.

An entry is plain Python data. Where an engine counts (the C client of this process, or the master
of a script host), the RequestStats has a feed: before a field is read, what the engine counted
since the last look is added to the entries. Nobody looks, nothing is added; and what user code
writes into an entry stays there.

That is why what follows from the numbers is calculated here, and not asked of the core: of the
entry as it is now, by functions that code may replace. The engine and the report page calculate
the same of the same; tests/vectors holds them together to the last digit.

locust.stats (stats.py) has the names of this module.
"""

from collections import OrderedDict, namedtuple
from typing import Protocol, TypedDict

from _katydid import steady

from . import _stats_settings as settings
from ._counts import Counts
from ._entries import EntriesDict
from ._failures import StatsError
from ._methods import Watched, note_method
from ._numbers import (
    avg,
    calculate_response_time_percentile,
    diff_response_time_dicts,
    optional,
)
from .util.rounding import proper_round

_RATE_WINDOW_S = 12  # current rates: of the seconds from here ...
_RATE_LAG_S = 2  # ... to here before the last request
_KEPT_SECONDS = 3600  # of num_reqs_per_sec; a test may run for days, and rates need 12

CachedResponseTimes = namedtuple(
    "CachedResponseTimes", ["response_times", "num_requests", "num_none_requests"]
)


class StatsBaseDict(TypedDict):
    name: str
    method: str


class StatsEntryDict(StatsBaseDict):
    """An entry in a worker's report."""

    last_request_timestamp: float | None
    start_time: float
    num_requests: int
    num_none_requests: int
    num_failures: int
    total_response_time: float
    max_response_time: float
    min_response_time: float | None
    total_content_length: int
    response_times: dict[int, int]
    num_reqs_per_sec: dict[int, int]
    num_fail_per_sec: dict[int, int]


class StatsErrorDict(StatsBaseDict):
    error: str
    occurrences: int
    first_seen: float | None
    last_seen: float | None


class StatsHolder(Protocol):
    name: str
    method: str


class RequestStatsAdditionError(Exception):
    pass


class _Field:
    """A number of an entry, brought up to date before it is read or written."""

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, entry, owner=None):
        if entry is None:
            return self
        entry._update()
        return entry.__dict__[self._name]

    def __set__(self, entry, value):
        entry._update()
        entry._touch()
        entry.__dict__[self._name] = value


class _Table(_Field):
    """A dict of an entry, into which code may write."""

    def __set__(self, entry, counts):
        super().__set__(entry, Counts(entry, counts))


class StatsEntry(metaclass=Watched):
    """The requests of one (method, name), or of all."""

    start_time = _Field()
    last_request_timestamp = _Field()
    num_requests = _Field()
    num_none_requests = _Field()
    num_failures = _Field()
    # Ours, and in none of the other numbers: sent, but cut off by the end of the test; over, but not
    # judged by the task; sent again.
    cut = _Field()
    discarded = _Field()
    resent = _Field()
    total_response_time = _Field()
    min_response_time = _Field()
    max_response_time = _Field()
    total_content_length = _Field()
    response_times = _Table()  # {milliseconds: count}
    num_reqs_per_sec = _Table()  # {unix second: count}
    num_fail_per_sec = _Table()

    def __init__(self, stats, name, method, use_response_times_cache=False):
        self.stats = stats
        self.name = name
        self.method = method
        self.use_response_times_cache = use_response_times_cache
        self.response_times_cache = None  # {unix second: histogram by then}, the last 20 seconds
        self._zero()

    def _update(self):
        if getattr(self.stats, "_feed", None) is not None:
            self.stats._pull()

    def _touch(self):
        """Code is about to write."""
        written = getattr(self.stats, "_written", None)
        if written is not None:
            written.touch(self)

    def reset(self):
        """Zeroes every number."""
        self._update()
        self._zero()
        written = getattr(self.stats, "_written", None)
        if written is not None:
            written.zeroed(self)

    def _zero(self):
        self.__dict__.update(
            start_time=steady(),
            last_request_timestamp=None,
            num_requests=0,
            num_none_requests=0,
            num_failures=0,
            cut=0,
            discarded=0,
            resent=0,
            total_response_time=0,
            min_response_time=None,
            max_response_time=0,
            total_content_length=0,
            **{field: Counts(self) for field in _TABLES},
        )
        if self.use_response_times_cache:
            self.response_times_cache = OrderedDict()
            self._cache_response_times(int(steady()))

    # Counting

    def log(self, response_time, content_length):
        """One request; without a response_time (None) it counts in no percentile."""
        self._update()
        self._touch()
        now = steady()
        second = int(now)
        own = self.__dict__
        last = own["last_request_timestamp"]
        if self.use_response_times_cache and last and second > int(last):
            self._cache_response_times(second - 1)
        own["num_requests"] += 1
        self._log_time_of_request(now)
        self._log_response_time(response_time)
        own["total_content_length"] += content_length

    def _log_time_of_request(self, current_time):
        own = self.__dict__
        per_second, second = own["num_reqs_per_sec"], int(current_time)
        per_second[second] = per_second.get(second, 0) + 1
        own["last_request_timestamp"] = current_time

    def _log_response_time(self, response_time):
        own = self.__dict__
        if response_time is None:
            own["num_none_requests"] += 1
            return
        own["total_response_time"] += response_time
        own["min_response_time"] = optional(min, own["min_response_time"], response_time)
        own["max_response_time"] = max(own["max_response_time"], response_time)
        bucket = settings.bucket_response_time(response_time)
        own["response_times"][bucket] = own["response_times"].get(bucket, 0) + 1

    def log_error(self, error):
        self._update()
        self._touch()
        self.__dict__["num_failures"] += 1
        per_second, second = self.__dict__["num_fail_per_sec"], int(steady())
        per_second[second] = per_second.get(second, 0) + 1

    def extend(self, other):
        """Adds the numbers of another entry."""
        self._update()
        self._touch()
        more = {field: getattr(other, field) for field in _REPORTED}
        self._add(more, {field: getattr(other, field, 0) for field in _OURS})
        self.__dict__["start_time"] = min(self.__dict__["start_time"], other.start_time)

    def _add(self, more, ours):
        own = self.__dict__
        old_last = own["last_request_timestamp"]
        if self.use_response_times_cache and old_last:
            first = min(more["num_reqs_per_sec"], default=0)
            if first > int(old_last):  # nothing happened in between
                self._cache_response_times(first - 1)
        for field in _SUMS:
            own[field] += more[field]
        for field in _OURS:
            own[field] += ours.get(field, 0)
        own["max_response_time"] = max(own["max_response_time"], more["max_response_time"] or 0)
        for field, choose in (("min_response_time", min), ("last_request_timestamp", max)):
            own[field] = optional(choose, own[field], more[field])
        for field in _TABLES:
            own[field].add(more[field])
        own["num_reqs_per_sec"].keep_latest(_KEPT_SECONDS)
        own["num_fail_per_sec"].keep_latest(_KEPT_SECONDS)
        last = own["last_request_timestamp"]
        if self.use_response_times_cache and old_last and int(last) > int(old_last):
            self._cache_response_times(int(last))

    # What follows from the numbers

    def _table(self, field):
        """One of the dicts, to read."""
        self._update()
        return self.__dict__[field]

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
        if not self._table("response_times"):
            return 0
        # The histogram rounds, the extremes do not: with few samples it may lie outside of them.
        median = min(self.get_response_time_percentile(0.5), self.max_response_time)
        return median if self.min_response_time is None else max(median, self.min_response_time)

    @property
    def avg_content_length(self):
        return self.total_content_length / self.num_requests if self.num_requests else 0

    @property
    def current_rps(self):
        return self._current(self._table("num_reqs_per_sec"))

    @property
    def current_fail_per_sec(self):
        return self._current(self._table("num_fail_per_sec"))

    @property
    def total_rps(self):
        return self._overall(self.num_requests)

    @property
    def total_fail_per_sec(self):
        return self._overall(self.num_failures)

    def _current(self, per_second):
        """Of the last seconds before the last request of all; the newest may still grow."""
        if self.stats.last_request_timestamp is None:
            return 0
        last = int(self.stats.last_request_timestamp)
        first = max(last - _RATE_WINDOW_S, int(self.stats.start_time or 0))
        return avg([per_second.get(second, 0) for second in range(first, last - _RATE_LAG_S)])

    def _overall(self, count):
        last, start = self.stats.last_request_timestamp, self.stats.start_time
        if not last or not start or last == start:
            return 0.0
        return count / (last - start)

    def get_response_time_percentile(self, percent):
        """Milliseconds within which that share (0 to 1) of the requests was answered."""
        timed = self.num_requests - self.num_none_requests
        return calculate_response_time_percentile(self._table("response_times"), timed, percent)

    def get_current_response_time_percentile(self, percent):
        """The same of about the last 10 seconds; None when it is not known what was before."""
        if not self.use_response_times_cache:
            raise ValueError(
                "StatsEntry.use_response_times_cache must be set to True to calculate the _current_ "
                "response time percentile"
            )
        self.stats._is_current_wanted = True
        self._update()
        before = self._cached_about(int(steady()) - settings.CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW)
        if before is None:
            return None
        gained = diff_response_time_dicts(self._table("response_times"), before.response_times)
        timed = self.num_requests - self.num_none_requests
        timed_before = before.num_requests - before.num_none_requests
        return calculate_response_time_percentile(gained, timed - timed_before, percent)

    def _cached_about(self, second):
        """What was kept in that second, or up to 8 seconds from it, earlier ones first."""
        cache = self.response_times_cache or {}
        for distance in range(9):
            for at in (second - distance, second + distance):
                if at in cache:
                    return cache[at]
        return None

    def _cache_response_times(self, t):
        if self.response_times_cache is None:
            self.response_times_cache = OrderedDict()
        own = self.__dict__
        self.response_times_cache[t] = CachedResponseTimes(
            own["response_times"].copy(), own["num_requests"], own["num_none_requests"]
        )
        while len(self.response_times_cache) > settings.CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW + 10:
            self.response_times_cache.popitem(last=False)

    # Other forms

    def serialize(self):
        """The entry as workers report it."""
        return {field: getattr(self, field) for field in ("name", "method", *_REPORTED)}

    @classmethod
    def unserialize(cls, data, stats):
        entry = cls(stats, data["name"], data["method"])
        entry._take(data)
        return entry

    def _take(self, numbers):
        """In place of its own, as far as they are given. What code holds stays the same object."""
        own = self.__dict__
        for field in (*_REPORTED, *_OURS):
            if field not in numbers:
                continue
            if field in _TABLES:
                own[field].fill(numbers[field])
            else:
                own[field] = numbers[field]

    def get_stripped_report(self):
        """serialize(), and then all zero."""
        report = self.serialize()
        self.reset()
        return report

    def to_string(self, current=True):
        """One line of the main table, with the current rates or those of the whole test."""
        rates = (
            (self.current_rps, self.current_fail_per_sec)
            if current
            else (self.total_rps, self.total_fail_per_sec)
        )
        fails = "%d(%.2f%%)" % (self.num_failures, self.fail_ratio * 100)
        return "%-*s %-*s %7d %12s |%7d %7d %7d%7d | %7.2f %11.2f" % (
            settings.STATS_TYPE_WIDTH, f"{self.method} " if self.method else "",
            settings.STATS_NAME_WIDTH - settings.STATS_TYPE_WIDTH + 4, self.name,
            self.num_requests, fails, self.avg_response_time, self.min_response_time or 0,
            self.max_response_time, self.median_response_time or 0, *(rate or 0 for rate in rates),
        )

    def __str__(self):
        return self.to_string()

    def percentile(self):
        """One line of the table of percentiles."""
        if not self.num_requests:
            raise ValueError("Can't calculate percentile on url with no successful requests")
        numbers = [self.get_response_time_percentile(p) for p in settings.PERCENTILES_TO_REPORT]
        first, *others = (*numbers, self.num_requests)
        return "%-*s %-*s %8d %s" % (
            settings.STATS_TYPE_WIDTH, self.method or "", settings.STATS_NAME_WIDTH, self.name, first,
            " ".join("%6d" % number for number in others),
        )

    def to_dict(self, escape_string_values=False):
        """The row as Locust's web API shows it."""
        row = {name: getattr(self, name) for name in ("method", "name", "num_requests",
                                                      "num_failures")}
        row["min_response_time"] = proper_round(self.min_response_time or 0)
        row["max_response_time"] = proper_round(self.max_response_time)
        row.update((name, getattr(self, name)) for name in (
            "current_rps", "current_fail_per_sec", "avg_response_time", "median_response_time",
            "total_rps", "total_fail_per_sec",
        ))
        for p in settings.PERCENTILES_TO_STATISTICS:
            row[f"response_time_percentile_{p}"] = self.get_response_time_percentile(p)
        row["avg_content_length"] = self.avg_content_length
        return row


_REPORTED = tuple(field for field in StatsEntryDict.__annotations__ if field not in ("name", "method"))
_TABLES = ("response_times", "num_reqs_per_sec", "num_fail_per_sec")
_OURS = ("cut", "discarded", "resent")
_SUMS = ("num_requests", "num_none_requests", "num_failures", "total_response_time",
         "total_content_length")


class RequestStats(metaclass=Watched):
    """environment.stats"""

    _feed = None  # where an engine counts; see the head of this file
    _written = None  # what code writes, where a master shows these numbers
    _is_current_wanted = False  # somebody asked for current percentiles

    def __init__(self, use_response_times_cache=True):
        self.use_response_times_cache = use_response_times_cache
        self._is_pulling = False
        self._start_over()

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        note_method(name)

    def _new_entry(self, name, method):
        return StatsEntry(self, name, method, self.use_response_times_cache)

    def _start_over(self):
        if self._written is not None:
            self._written.forget()
        self._total = self._new_entry("Aggregated", "")
        self._entries = EntriesDict(self)
        self._errors = {}
        self._history = []

    def _pull(self):
        """Takes what the feed has."""
        if self._feed is None or self._is_pulling:
            return
        self._is_pulling = True
        try:
            self._feed.pull(self)
        finally:
            self._is_pulling = False

    @property
    def total(self):
        self._pull()
        return self._total

    @total.setter
    def total(self, entry):
        self._pull()
        old, self._total = self._total, entry
        if self._written is not None:
            self._written.exchanged(None, old, entry)

    @property
    def entries(self):
        self._pull()
        return self._entries

    @entries.setter
    def entries(self, entries):
        self._pull()
        old = self._entries
        if not isinstance(entries, EntriesDict):
            entries, others = EntriesDict(self), entries
            dict.update(entries, others)
        self._entries = entries
        if self._written is not None:
            for key in {**old, **entries}:
                self._written.exchanged(key, old.get(key), entries.get(key))

    @property
    def errors(self):
        """{StatsError.create_key(…): StatsError}"""
        self._pull()
        self._touch_errors()
        return self._errors

    @errors.setter
    def errors(self, errors):
        self._pull()
        self._touch_errors()
        self._errors = errors

    @property
    def history(self):
        if self._feed is not None:
            self._feed.pull_history(self)
        return self._history

    @history.setter
    def history(self, history):
        self._history = history

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
        if self._feed is not None and StatsEntry.log is _log:
            self._feed.log_request(method, name, response_time, content_length)
            return
        self._total.log(response_time, content_length)
        self._entries[(name, method)].log(response_time, content_length)

    def log_error(self, method, name, error):
        if self._feed is not None and StatsEntry.log_error is _log_error:
            self._feed.log_error(method, name, error)
            return
        self._total.log_error(error)
        self._entries[(name, method)].log_error(error)
        self._touch_errors()
        self._add_error(method, name, error, 1, steady(), steady())

    def _touch_errors(self):
        if self._written is not None:
            self._written.touch_errors()

    def _add_error(self, method, name, error, occurrences, first_seen, last_seen, key=None):
        key = key or StatsError.create_key(method, name, error)
        if key not in self._errors:
            self._errors[key] = StatsError(method, name, error)
        self._errors[key]._add(occurrences, first_seen, last_seen)

    def get(self, name, method):
        return self.entries[(name, method)]

    def reset_all(self):
        """Zeroes every row."""
        self._pull()
        if self._feed is not None:
            self._feed.reset()
        self._total._zero()
        self._entries.zero()
        if self._written is not None:
            self._written.forget()
        self._errors = {}
        self._history = []

    def clear_all(self):
        """Forgets every row."""
        if self._feed is not None:
            self._feed.clear()
        self._start_over()

    def serialize_stats(self):
        """The rows that have anything in them, as workers report them. They stay as they are."""
        return [e.serialize() for e in self.entries.values() if e.num_requests or e.num_failures]

    def serialize_errors(self):
        return {key: error.serialize() for key, error in self.errors.items()}


_log, _log_error = StatsEntry.log, StatsEntry.log_error


def setup_distributed_stats_event_listeners(events, stats):
    """Puts a worker's statistics into its reports, and merges those reports at a master."""

    def on_report_to_master(client_id, data):
        entries = [e for e in stats.entries.values() if e.num_requests or e.num_failures]
        data["stats"] = [entry.get_stripped_report() for entry in entries]
        data["stats_total"] = stats.total.get_stripped_report()
        data["errors"] = stats.serialize_errors()
        stats.errors = {}

    def on_worker_report(client_id, data):
        for row in data["stats"]:
            stats.entries[(row["name"], row["method"])].extend(StatsEntry.unserialize(row, stats))
        for key, error in data["errors"].items():
            stats._add_error(**{"first_seen": None, "last_seen": None, **error}, key=key)
        stats.total.extend(StatsEntry.unserialize(data["stats_total"], stats))

    events.report_to_master.add_listener(on_report_to_master)
    events.worker_report.add_listener(on_worker_report)
