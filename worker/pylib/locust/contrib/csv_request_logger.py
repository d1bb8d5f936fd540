# SPDX-License-Identifier: MIT
"""A CSV file with one line per request, for analysis that needs more than the statistics.

    logger = CsvRequestLogger("requests.csv")

    @events.init.add_listener
    def _(environment, **_):
        logger.register(environment)

Each worker process writes what it requested itself: give every process a file of its own.
"""

import csv
import logging
import time

logger = logging.getLogger(__name__)

CSV_COLUMNS = (
    "timestamp",  # seconds since 1970 when the request began
    "request_type",
    "name",
    "response_time_ms",
    "response_length",  # bytes
    "status_code",  # 0 without a response, and where the protocol has none
    "exception",
)


class CsvRequestLogger:
    """Writes to `filepath`, whose folder must exist; what was there is overwritten.

    flush_interval: so many lines may be lost when the process dies; more of them cost less time.
    """

    def __init__(self, filepath, *, flush_interval=1):
        self.filepath = filepath
        self.flush_interval = max(1, flush_interval)
        self._file = None
        self._writer = None
        self._unflushed = 0

    def register(self, environment):
        """Begins the file; the requests of this environment go there until it quits."""
        environment.events.request.add_listener(self._on_request)
        environment.events.quitting.add_listener(self._on_quitting)
        self.close()
        self._file = open(self.filepath, "w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(CSV_COLUMNS)
        self._file.flush()
        logger.debug("CsvRequestLogger: writing per-request log to %s", self.filepath)

    def close(self):
        """Writes what is left and closes the file; may be called again."""
        if self._file is not None:
            self._file.close()
            logger.debug("CsvRequestLogger: closed %s", self.filepath)
        self._file = self._writer = None
        self._unflushed = 0

    def _on_request(self, *, request_type, name, response_time, response_length, exception=None,
                    response=None, start_time=None, **_):
        if self._writer is None:
            return
        self._writer.writerow([
            round(time.time() if start_time is None else start_time, 6),
            request_type,
            name,
            "" if response_time is None else round(response_time, 2),
            response_length,
            _status_code(response),
            "" if exception is None else str(exception),
        ])
        self._unflushed += 1
        if self._unflushed >= self.flush_interval:
            self._file.flush()
            self._unflushed = 0

    def _on_quitting(self, **_):
        self.close()


def _status_code(response):
    try:
        return int(response.status_code)
    except (AttributeError, TypeError, ValueError):
        return 0
