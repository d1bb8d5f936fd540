# SPDX-License-Identifier: MIT
"""What code writes into statistics by hand, on its way to the master that shows them
(docs/wire.md, katydid_written).

Before code gets to change an entry, or a table of one, its numbers are kept; what differs from
them later is what was written. Counts travel as differences, so that what is counted meanwhile
stays. A row that was zeroed or removed is told before what it counts from then on, everything
else after what was counted until then: nothing can be taken from a count that is not there yet.
"""

from ._failures import StatsError

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
    """Of one RequestStats. send_counts: sends what was counted until now to the master;
    is_masters: whether its numbers are those that a master shows, or a worker's, which only adds
    to them."""

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
        if not self._is_masters:
            return
        self._send_counts()
        earlier = self._kept.get(key)
        self._rows = [row for row in self._rows if row["key"] != key]
        is_removed = is_removed or (earlier is not None and earlier.is_removed)
        nothing = type(entry)(None, entry.name, entry.method).__dict__
        self._kept[key] = _Kept({**nothing, "start_time": 0.0}, True, is_removed)

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
        return {key: (error, getattr(error, "occurrences", 1))
                for key, error in self._stats._errors.items()}

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
        if not row or (not self._is_masters and not _only_adds(row)):
            return
        row["key"] = key
        (self._anew if kept.is_zeroed else self._rows).append(row)

    def _collect_errors(self, before, now):
        for key in {**before, **now}:
            error, count = now.get(key) or (before[key][0], 0)
            more = count - before[key][1] if key in before else count
            if more > 0 or (more and self._is_masters):
                self._error_rows.append({
                    "method": error.method, "name": error.name,
                    "error": StatsError.parse_error(error.error), "occurrences": more,
                    "first_seen": error.first_seen, "last_seen": error.last_seen,
                })

    def take_anew(self):
        """The message to the master of rows that begin anew, or None."""
        self.collect()
        self.changed()
        rows, self._anew = self._anew, []
        return self._message(rows)

    def take(self, exceptions):
        """That of everything else. exceptions: rows to add to it."""
        rows, self._rows = self._rows, []
        errors, self._error_rows = self._error_rows, []
        return self._message(rows, errors, exceptions)

    def _message(self, rows, errors=(), exceptions=()):
        if not (rows or errors or exceptions):
            return None
        for row in rows:
            key = row.pop("key")
            row.update({"is_total": True} if key is _TOTAL else {"name": key[0], "method": key[1]})
        self.number += 1
        number = {"number": self.number} if self._is_masters else {}
        return {"rows": rows, "errors": errors, "exceptions": exceptions, **number}


def _difference(before, now):
    row = {}
    for field in _COUNTS:
        if now[field] != before[field]:
            row[field] = float((now[field] or 0) - (before[field] or 0))
    for field in _TABLES:
        old, new = before[field], now[field] or {}
        changed = {float(key): float(new.get(key, 0) - old.get(key, 0))
                   for key in {**old, **new} if new.get(key, 0) != old.get(key, 0)}
        if changed:
            row[field] = changed
    for field in _VALUES:
        if now[field] != before[field]:
            row[field] = None if now[field] is None else float(now[field])
    return row


def _only_adds(row):
    """Whether a worker's report can carry it: what it takes back was counted by others too."""
    numbers = [row.get(field, 0) for field in _COUNTS]
    for field in _TABLES:
        numbers += row.get(field, {}).values()
    return all(number >= 0 for number in numbers)
