# SPDX-License-Identifier: MIT
"""RequestStats.entries."""


class EntriesDict(dict):
    """Entries by (name, method); what was never requested is an empty entry.

    Rows in which nothing counted yet that Locust counts (every request was cut off, say) wait
    aside: Locust has no such rows, and code divides by their number of requests."""

    def __init__(self, request_stats):
        super().__init__()
        self.request_stats = request_stats
        self._aside = {}

    def __missing__(self, key):
        name, method = key
        entry = self._aside.pop(key, None) or self.request_stats._new_entry(name, method)
        super().__setitem__(key, entry)
        return entry

    def of_feed(self, row):
        """The entry of what an engine counted."""
        key = name, method = row["name"], row["method"]
        if key in self or row["num_requests"] or row["num_failures"]:
            return self[key]
        if key not in self._aside:
            self._aside[key] = self.request_stats._new_entry(name, method)
        return self._aside[key]

    def keep(self, keys):
        """An engine has no others."""
        for rows in (self, self._aside):
            for key in rows.keys() - keys:
                dict.pop(rows, key)

    def zero(self):
        self._aside.clear()
        for entry in self.values():
            entry._zero()

    # What code does to the rows is done to those that are reported.

    def __setitem__(self, key, entry):
        old = self.get(key)
        super().__setitem__(key, entry)
        if self.request_stats._written is not None:
            self.request_stats._written.exchanged(key, old, entry)

    def __delitem__(self, key):
        entry = self.get(key)
        super().__delitem__(key)
        if self.request_stats._written is not None:
            self.request_stats._written.removed(key, entry)

    def pop(self, key, *default):
        if key not in self:
            return super().pop(key, *default)
        entry = self[key]
        del self[key]
        return entry

    def popitem(self):
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self):
        for key in list(self):
            del self[key]

    def update(self, *others, **more):
        for key, entry in dict(*others, **more).items():
            self[key] = entry
