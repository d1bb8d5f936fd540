# SPDX-License-Identifier: MIT
"""What code writes into statistics by hand, on its way to the master that shows them, in the
reports that carry what was counted (docs/wire.md, "written").

Before code gets to change an entry, or a table of one, its numbers are kept; what differs from
them later is what was written. Counts travel as differences, so that what is counted meanwhile
stays. A row that was zeroed or removed is told before what it counts from then on, everything
else after what was counted until then: nothing can be taken from a count that is not there yet.

A worker's row is not its master's: when code zeroes it, what was not reported yet is taken back. So it
is with errors that code removes.
"""

import logging

import msgpack

from . import _errors
from ._failures import StatsError
from ._numbers import optional

logger = logging.getLogger("locust.stats")

_COUNTS = ("num_requests", "num_none_requests", "num_failures", "cut", "discarded", "resent",
           "total_response_time", "total_content_length")
_TABLES = ("response_times", "num_reqs_per_sec", "num_fail_per_sec")
_VALUES = ("min_response_time", "max_response_time", "last_request_timestamp", "start_time")
_TOTAL = None  # the key of the total


def _copy(own):
    kept = {field: own[field] for field in (*_COUNTS, *_VALUES)}
    kept.update((field, dict(own[field])) for field in _TABLES)
    return kept


class _Kept:
    """An entry as it was, and what was done to it as a whole."""

    def __init__(self, own, is_zeroed=False, is_removed=False):
        self.numbers = _copy(own)
        self.is_zeroed = is_zeroed
        self.is_removed = is_removed


class Written:
    """Of one RequestStats. is_masters: whether its numbers are those that a master shows, or a
    worker's, which are added to them."""

    def __init__(self, stats, runner, is_masters):
        self._stats = stats
        self._runner = runner
        self._is_masters = is_masters
        self.is_behind = False  # something was counted that the master may not know
        self.number = 0  # of the last message
        self._has_errors = False  # code got hold of the errors, once and for all
        self.forget()

    def forget(self):
        """Every row is zeroed, or gone."""
        self._sent = []  # (number, message): a master's numbers may be from before it
        self._kept = {}  # key -> _Kept
        self._anew = []  # rows that begin anew
        self._rows = []
        self._errors = {} if self._has_errors else None  # as they were
        self._error_rows = []

    def _key(self, entry):
        """Which row of the statistics it is; False for none of them."""
        if entry is self._stats._total:
            return _TOTAL
        key = entry.name, entry.method
        return key if dict.get(self._stats._entries, key) is entry else False

    # What code is about to do

    def touch(self, entry):
        key = self._key(entry)
        if key is not False and key not in self._kept:
            self._kept[key] = _Kept(entry.__dict__)

    def zeroed(self, entry):
        """After it was."""
        key = self._key(entry)
        if key is not False:
            self._begin_anew(key, entry)

    def removed(self, key, entry):
        self._begin_anew(key, entry, is_removed=True)

    def exchanged(self, key, old, new):
        """For another entry, whatever that has in it; either may be None."""
        if new is None:
            self.removed(key, old)
        elif new is not old:
            self._begin_anew(key, new)

    def _begin_anew(self, key, entry, is_removed=False):
        nothing = {**type(entry)(None, entry.name, entry.method).__dict__, "start_time": 0.0}
        self._rows = [row for row in self._rows if row["key"] != key]
        if not self._is_masters:
            self._take_back(key, nothing)
            self._kept[key] = _Kept(nothing)
            return
        self._send_counts()
        earlier = self._kept.get(key)
        is_removed = is_removed or (earlier is not None and earlier.is_removed)
        self._kept[key] = _Kept(nothing, True, is_removed)

    def _take_back(self, key, nothing):
        """What the core counted and did not report yet."""
        name, method = ("Aggregated", "") if key is _TOTAL else key
        counted = self._runner._core.unreported(method, name)
        row = {} if counted is None else _difference(counted, nothing)
        row = {field: value for field, value in row.items() if field not in _VALUES}
        if row:
            self._rows.append({"key": key, "is_removed": True, **row})

    def _send_counts(self):
        node = getattr(self._runner, "_node", None)
        if self.is_behind and node is not None:
            self.is_behind = False
            node.report()

    def touch_errors(self):
        self._has_errors = True
        if self._errors is None:
            self._errors = self._count_errors()

    def _count_errors(self):
        """{key: (error, its occurrences, those of them that can be taken back)}"""
        errors = self._stats._errors
        fresh = {} if self._is_masters or not errors else {
            StatsError.create_key(f["method"], f["name"], f["error"]): f["occurrences"]
            for f in self._runner._core.unreported_failures()}
        counts = {key: (error, getattr(error, "occurrences", 1)) for key, error in errors.items()}
        return {key: (error, n, n if self._is_masters else fresh.get(key, 0)) for key, (error, n) in counts.items()}

    # What it did

    def collect(self):
        """Before the numbers change on their own."""
        for key, kept in self._kept.items():
            self._collect_row(key, kept)
        self._kept = {}
        if self._errors is not None:
            self._collect_errors(self._errors, self._count_errors())
            self._errors = None

    def changed(self):
        """After that."""
        if self._has_errors:
            self._errors = self._count_errors()

    def _collect_row(self, key, kept):
        stats = self._stats
        entry = stats._total if key is _TOTAL else dict.get(stats._entries, key)
        row = {} if entry is None else _difference(kept.numbers, entry.__dict__)
        if kept.is_zeroed:
            row["is_zeroed"] = True
        if kept.is_removed and entry is None:
            row["is_removed"] = True
        if not self._is_masters:
            row.pop("start_time", None)
        if not row:
            return
        row["key"] = key
        (self._anew if kept.is_zeroed else self._rows).append(row)

    def _collect_errors(self, before, now):
        for key in {**before, **now}:
            error, count, _ = now.get(key) or (before[key][0], 0, 0)
            _, earlier, fresh = before.get(key) or (error, 0, 0)
            more = max(count - earlier, -fresh)
            if more:
                self._error_rows.append({
                    **_names((error.name, error.method)),
                    "error": StatsError.parse_error(error.error), "occurrences": more,
                    "first_seen": error.first_seen, "last_seen": error.last_seen,
                })

    # Its way to the master

    def take_anew(self):
        """The message of rows that begin anew, as bytes, or None."""
        self.collect()
        self.changed()
        rows, self._anew = self._anew, []
        return self._packed(rows)

    def take(self):
        """That of everything else."""
        return self._packed(*self._take_rest())

    def _take_rest(self):
        rows, self._rows = self._rows, []
        errors, self._error_rows = self._error_rows, []
        if self._errors and not self._is_masters:  # they are reported now
            self._errors = {key: (error, n, 0) for key, (error, n, _) in self._errors.items()}
        return rows, errors, getattr(self._runner, "_written_exceptions", list)()

    def _packed(self, rows, errors=(), exceptions=()):
        if not (rows or errors or exceptions):
            return None
        self.number += 1
        if self._is_masters:
            self._sent.append((self.number, rows, errors))
        number = {"number": self.number} if self._is_masters else {}
        rows = [{**row, **_names(row["key"])} for row in rows]
        for row in rows:
            del row["key"]
        message = {"rows": rows, "errors": errors, "exceptions": exceptions, **number}
        try:
            return msgpack.packb(message)
        except (TypeError, ValueError, OverflowError) as error:
            _errors.log_bounded(logger, error, "What code wrote into the statistics cannot be sent")
            return None

    def add_to_locusts(self, data):
        """All of it into the data of a report to a Locust master."""
        self.collect()
        self.changed()
        rows, errors, _ = self._take_rest()
        for row in rows:
            if row["key"] is _TOTAL:
                _apply_to_locusts(data["stats_total"], row)
                continue
            names = _names(row["key"])
            entry = next((e for e in data["stats"]
                          if (e["name"], e["method"]) == (names["name"], names["method"])), None)
            if entry is None:
                entry = {**names, **_nothing(data["stats_total"]["start_time"])}
                data["stats"].append(entry)
            _apply_to_locusts(entry, row)
        data["stats"] = [e for e in data["stats"] if e["num_requests"] or e["num_failures"]]
        for row in errors:
            key = StatsError.create_key(row["method"], row["name"], row["error"])
            error = data["errors"].setdefault(key, {**row, "occurrences": 0})
            error["occurrences"] += row["occurrences"]
            if error["occurrences"] <= 0:
                del data["errors"][key]

    def do_again(self, number):
        """The numbers were replaced by a master's, which has all messages up to this one. collect()
        came before."""
        self._sent = [message for message in self._sent if message[0] > number]
        for _, rows, errors in (*self._sent, (0, self._anew + self._rows, self._error_rows)):
            for row in rows:
                self._do_row_again(row)
            for row in errors:
                self._do_error_again(row)

    def _do_row_again(self, row):
        stats, key = self._stats, row["key"]
        if row.get("is_removed"):
            dict.pop(stats._entries, key, None)
            return
        entry = stats._total if key is _TOTAL else stats._entries[key]
        if row.get("is_zeroed"):
            entry._zero()
        own = entry.__dict__
        for field, value in row.items():
            if field in _COUNTS:
                own[field] = max(own[field] + value, 0)
            elif field in _TABLES:
                own[field].add(value)
            elif field in _VALUES:
                own[field] = value

    def _do_error_again(self, row):
        errors = self._stats._errors
        key = StatsError.create_key(row["method"], row["name"], row["error"])
        error = errors.get(key)
        if error is None and row["occurrences"] > 0:
            self._stats._add_error(**row, key=key)
        elif error is not None:
            error.occurrences += row["occurrences"]
            if error.occurrences <= 0:
                del errors[key]


def _names(key):
    return {"is_total": True} if key is _TOTAL else {"name": str(key[0]), "method": str(key[1] or "")}


def _nothing(start_time):
    return {**dict.fromkeys(_COUNTS, 0), **{field: {} for field in _TABLES}, "start_time": start_time,
            "min_response_time": None, "max_response_time": 0, "last_request_timestamp": None}


def _apply_to_locusts(entry, row):
    for field in _COUNTS:
        if field in entry:
            more = row.get(field, 0)
            entry[field] += int(more) if field.startswith("num_") else more
    for field in _TABLES:
        table = entry[field]
        for key, more in row.get(field, {}).items():
            key = int(key)
            table[key] = table.get(key, 0) + int(more)
            if not table[key]:
                del table[key]
    if row.get("is_removed") and not entry["num_requests"]:  # no extremes of what is gone
        entry.update(min_response_time=None, max_response_time=0)
    for field, choose in (("min_response_time", min), ("max_response_time", max),
                          ("last_request_timestamp", max)):
        entry[field] = optional(choose, entry[field], row.get(field))


def _difference(before, now):
    row = {}
    for field in _COUNTS:
        if now[field] != before[field]:
            row[field] = _plain((now[field] or 0) - (before[field] or 0))
    for field in _TABLES:
        old, new = before[field], now[field] or {}
        changed = {_plain(key): _plain(new.get(key, 0) - old.get(key, 0))
                   for key in {**old, **new} if new.get(key, 0) != old.get(key, 0)}
        if changed:
            row[field] = changed
    for field in _VALUES:
        if now[field] != before[field]:
            row[field] = None if now[field] is None else _plain(now[field])
    return row


def _plain(number):
    """Not one of NumPy and the like."""
    return number if isinstance(number, (int, float)) else float(number)
