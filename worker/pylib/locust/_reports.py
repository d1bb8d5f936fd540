# SPDX-License-Identifier: MIT
"""Statistics on their way from a node to a Katydid master (docs/wire.md)."""

import time
from uuid import uuid4

import _katydid

_RESEND_S = 3.0
_RESEND_MAX_S = 24.0
_MAX_IN_FLIGHT = 8


class Reports:
    """Statistics on their way to a Katydid master: numbered, kept until acknowledged."""

    def __init__(self, core):
        self._core = core
        self.is_numbered = False  # the master reads rows by number, which it was told the names of
        self.has_types = False  # ... the classes of exceptions
        self.has_series = False  # the master takes custom metrics, checks and the like
        self.epoch = uuid4().hex
        self.run = ""
        self._seq = 0
        self._pending = {}  # seq -> [data, when sent, seconds until it is sent again, all names]

    def next(self, health, is_last=False, written=None, scenarios=None, journals=None):
        """The data of a report of everything since the last one; None while too many are under
        way: then the next one will carry more, unless there will be none. health: a function.
        written: what code changed by hand (_written.py), or None. scenarios: what each of them has counted.
        journals: what came of each file of requests."""
        if len(self._pending) >= _MAX_IN_FLIGHT and not is_last:
            return None
        self._seq += 1
        anew = written and written.take_anew()
        report, names, all_names = self._pack()
        series, series_names = _katydid.series_report(self._seq) if self.has_series else (None, None)
        parts = {
            "anew": anew,
            "report": report,
            "names": names or None,
            "series": series,
            "series_names": series_names,
            "written": written and written.take(),
            "scenarios": scenarios or None,
            "journals": journals,
        }
        data = {
            "katydid": {
                "epoch": self.epoch,
                "seq": self._seq,
                "run": self.run,
                "t": _katydid.steady(),
                **{name: part for name, part in parts.items() if part is not None},
                "health": health(is_last),
            }
        }
        self._pending[self._seq] = [data, time.monotonic(), _RESEND_S, all_names]
        return data

    def _pack(self):
        if self.is_numbered:
            return self._core.report_numbered(self._seq, self.has_types)
        return self._core.report(), None, None

    def acknowledged(self, epoch, seq):
        if epoch == self.epoch and self._pending.pop(seq, None):
            self._core.names_heard(seq)
            _katydid.series_heard(seq)

    def named(self, epoch, seq):
        """That report with the names of all its rows, for a master that lacks some; None: it has
        the report. From now on all names are told again."""
        if epoch != self.epoch or seq not in self._pending:
            return None
        self.forget_names()
        return self._with_names(self._pending[seq])

    def forget_names(self):
        """The master may have forgotten this worker: it is told all names again."""
        self._core.names_forget()
        _katydid.series_forget()

    @staticmethod
    def _with_names(entry):
        data, *_, all_names = entry
        if all_names:
            data["katydid"]["names"] = all_names
        if "series" in data["katydid"]:
            data["katydid"]["series_names"] = _katydid.series_names()
        return data

    def begin(self, run):
        """What is reported from now on is of that test."""
        self.run = run
        self.forget_names()

    def due(self, all_of_them=False):
        """What must be sent again; more and more rarely, as a master that does not answer may be
        busy with the reports it has."""
        now = time.monotonic()
        for entry in self._pending.values():
            if all_of_them or now - entry[1] >= entry[2]:
                entry[1:3] = now, min(entry[2] * 2, _RESEND_MAX_S)
                yield self._with_names(entry)

    def forget(self):
        self._pending.clear()
        self.begin("")

    def is_delivered(self):
        return not self._pending
