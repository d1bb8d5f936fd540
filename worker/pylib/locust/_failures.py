# SPDX-License-Identifier: MIT
"""StatsError: a kind of failure, as locust.stats counts it."""

import hashlib
import re

from _katydid import steady

from ._numbers import optional
from .exception import CatchResponseError


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
        return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()

    def occurred(self):
        self._add(1, steady(), steady())

    def _add(self, occurrences, first_seen, last_seen):
        self.occurrences += occurrences
        self.first_seen = optional(min, self.first_seen, first_seen)
        self.last_seen = optional(max, self.last_seen, last_seen)

    def to_name(self):
        """METHOD name: error, as the error report shows it."""
        error = self.error
        if isinstance(error, CatchResponseError):
            error = error.args[0]
        elif not isinstance(error, str):
            error = repr(error)
        elif error.startswith("CatchResponseError("):
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

    @classmethod
    def unserialize(cls, data):
        return cls(data["method"], data["name"], data["error"], data["occurrences"],
                   data.get("first_seen"), data.get("last_seen"))
