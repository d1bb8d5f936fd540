# SPDX-License-Identifier: MIT
"""RequestStats.entries."""


class EntriesDict(dict):
    """Entries by (name, method); what was never requested is an empty entry."""

    def __init__(self, request_stats):
        super().__init__()
        self.request_stats = request_stats

    def __missing__(self, key):
        name, method = key
        entry = self.request_stats._new_entry(name, method)
        super().__setitem__(key, entry)
        return entry

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
