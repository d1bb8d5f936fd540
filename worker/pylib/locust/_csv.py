# SPDX-License-Identifier: MIT
"""Statistics as CSV, written by Python code that uses Locust as a library (katydid writes its own)."""

import csv

import gevent
from _katydid import steady

from . import _numbers as numbers
from . import _stats_settings as settings
from ._failures import StatsError
from .util.date import format_utc_timestamp


def _when(seen):
    return "" if seen is None else format_utc_timestamp(seen)


class StatsCSV:
    """Writes tables to anything that has writerow()."""

    def __init__(self, environment, percentiles_to_report):
        self.environment = environment
        self.percentiles_to_report = percentiles_to_report
        self.percentiles_na = ["N/A"] * len(percentiles_to_report)
        percentiles = numbers.get_readable_percentiles(percentiles_to_report)
        self.requests_csv_columns = [
            "Type", "Name", "Request Count", "Failure Count", "Median Response Time",
            "Average Response Time", "Min Response Time", "Max Response Time",
            "Average Content Size", "Requests/s", "Failures/s", *percentiles,
        ]
        self.failures_columns = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
        self.exceptions_columns = ["Count", "Message", "Traceback", "Nodes"]

    def _percentile_fields(self, entry, use_current=False):
        if not entry.num_requests:
            return self.percentiles_na
        get = (
            entry.get_current_response_time_percentile
            if use_current and entry.use_response_times_cache
            else entry.get_response_time_percentile
        )
        return [int(get(percentile) or 0) for percentile in self.percentiles_to_report]

    @staticmethod
    def _sizes(entry):
        return (
            entry.median_response_time, entry.avg_response_time, entry.min_response_time or 0,
            entry.max_response_time, entry.avg_content_length,
        )

    def requests_csv(self, csv_writer):
        csv_writer.writerow(self.requests_csv_columns)
        self._requests_data_rows(csv_writer)

    def _requests_data_rows(self, csv_writer):
        stats = self.environment.stats
        for entry in (*numbers.sort_stats(stats.entries), stats.total):
            csv_writer.writerow([
                entry.method, entry.name, entry.num_requests, entry.num_failures,
                *self._sizes(entry), entry.total_rps, entry.total_fail_per_sec,
                *self._percentile_fields(entry),
            ])

    def failures_csv(self, csv_writer):
        csv_writer.writerow(self.failures_columns)
        self._failures_data_rows(csv_writer)

    def _failures_data_rows(self, csv_writer):
        for e in numbers.sort_stats(self.environment.stats.errors):
            text = StatsError.parse_error(e.error)
            csv_writer.writerow([e.method, e.name, text, e.occurrences, _when(e.first_seen),
                                 _when(e.last_seen)])

    def exceptions_csv(self, csv_writer):
        csv_writer.writerow(self.exceptions_columns)
        self._exceptions_data_rows(csv_writer)

    def _exceptions_data_rows(self, csv_writer):
        runner = self.environment.runner
        for row in runner.exceptions.values() if runner is not None else ():
            csv_writer.writerow([row["count"], row["msg"], row["traceback"],
                                 ", ".join(sorted(row["nodes"]))])

    def close_files(self):
        pass


class StatsCSVFileWriter(StatsCSV):
    """Keeps the four CSV files of a test up to date; calling it is the body of a greenlet.

    close_files() writes the last state before it closes: what happened in the last second of a test
    is in the files.
    """

    def __init__(self, environment, percentiles_to_report, base_filepath, full_history=False):
        super().__init__(environment, percentiles_to_report)
        self.base_filepath = base_filepath
        self.full_history = full_history
        self.stats_history_csv_columns = [
            "Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s",
            *numbers.get_readable_percentiles(percentiles_to_report),
            "Total Request Count", "Total Failure Count", "Total Median Response Time",
            "Total Average Response Time", "Total Min Response Time", "Total Max Response Time",
            "Total Average Content Size",
        ]
        self._open("requests", f"{base_filepath}_stats.csv")
        self._open("stats_history", self.stats_history_file_name())
        self._open("failures", f"{base_filepath}_failures.csv")
        self._open("exceptions", f"{base_filepath}_exceptions.csv")
        self._starts = None  # where in its file each of the tables begins, once the heads are written

    def _open(self, what, path):
        handle = open(path, "w", newline="", encoding="utf-8")
        setattr(self, f"{what}_csv_filehandle", handle)
        setattr(self, f"{what}_csv_writer", csv.writer(handle))

    def stats_history_file_name(self):
        return f"{self.base_filepath}_stats_history.csv"

    def _tables(self):
        return {
            "requests": (self.requests_csv_columns, self._requests_data_rows),
            "failures": (self.failures_columns, self._failures_data_rows),
            "exceptions": (self.exceptions_columns, self._exceptions_data_rows),
        }

    def __call__(self):
        self.stats_writer()

    def stats_writer(self):
        self._write_heads()
        flushed_at = 0.0
        while True:
            now = steady()
            self._write(now)
            if now - flushed_at > settings.CSV_STATS_FLUSH_INTERVAL_SEC:
                self._flush()
                flushed_at = now
            gevent.sleep(settings.CSV_STATS_INTERVAL_SEC)

    def _write_heads(self):
        if self._starts is not None:
            return
        self.stats_history_csv_writer.writerow(self.stats_history_csv_columns)
        self._starts = {}
        for what, (columns, _) in self._tables().items():
            getattr(self, f"{what}_csv_writer").writerow(columns)
            self._starts[what] = getattr(self, f"{what}_csv_filehandle").tell()

    def _write(self, now):
        """Each table anew, and one more row (or one per entry) of history."""
        for what, (_, write_rows) in self._tables().items():
            handle = getattr(self, f"{what}_csv_filehandle")
            handle.seek(self._starts[what])
            write_rows(getattr(self, f"{what}_csv_writer"))
            handle.truncate()
        self._stats_history_data_rows(self.stats_history_csv_writer, now)

    def _stats_history_data_rows(self, csv_writer, now):
        stats, runner = self.environment.stats, self.environment.runner
        users = runner.user_count if runner is not None else 0
        entries = numbers.sort_stats(stats.entries) if self.full_history else []
        for entry in (*entries, stats.total):
            csv_writer.writerow([
                int(now), users, entry.method or "", entry.name, f"{entry.current_rps:2f}",
                f"{entry.current_fail_per_sec:2f}",
                *self._percentile_fields(entry, use_current=self.full_history),
                entry.num_requests, entry.num_failures, *self._sizes(entry),
            ])

    def requests_flush(self):
        self.requests_csv_filehandle.flush()

    def stats_history_flush(self):
        self.stats_history_csv_filehandle.flush()

    def failures_flush(self):
        self.failures_csv_filehandle.flush()

    def exceptions_flush(self):
        self.exceptions_csv_filehandle.flush()

    def _flush(self):
        self.requests_flush()
        self.stats_history_flush()
        self.failures_flush()
        self.exceptions_flush()

    def close_files(self):
        if self.requests_csv_filehandle.closed:
            return
        if self._starts is not None:
            self._write(steady())
        for what in (*self._tables(), "stats_history"):
            getattr(self, f"{what}_csv_filehandle").close()
