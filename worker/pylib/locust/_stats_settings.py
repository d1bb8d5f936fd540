# SPDX-License-Identifier: MIT
"""What a locustfile may set of statistics, by the names of locust.stats (stats.py passes it on). Read
where it is used, so that it counts whenever it is set."""

import os
import signal
import sys
from collections.abc import Iterable


def _name_width():
    """What a terminal leaves for the names in tables."""
    try:
        return max(min(os.get_terminal_size()[0] - 80, 80), 0)
    except (OSError, ValueError):  # no terminal
        return 80


STATS_NAME_WIDTH = _name_width()
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
_MAX_CHARTED = 6


def resize_handler(signum, frame):
    """The terminal changed its size."""
    global STATS_NAME_WIDTH
    if STATS_AUTORESIZE:
        STATS_NAME_WIDTH = _name_width()


try:
    if signal.getsignal(signal.SIGWINCH) in (signal.SIG_DFL, None):
        signal.signal(signal.SIGWINCH, resize_handler)
except ValueError:
    pass  # imported by another thread than the main one, which alone may do this


def bucket_response_time(response_time):
    """Milliseconds rounded as in Locust's histograms: two significant digits from 100 on. May be
    replaced by another function."""
    if response_time < 100:
        return round(response_time)
    digits = 1 if response_time < 1000 else 2 if response_time < 10000 else 3
    return int(round(response_time, -digits))


built_in_buckets = bucket_response_time  # the core has them too


def _is_share(value):
    try:
        return 0 < float(value) < 1
    except (TypeError, ValueError):
        return False


def validate_stats_configuration():
    """Ends the process when a locustfile has set constants of this module to what cannot be."""
    for name, most in (("PERCENTILES_TO_CHART", _MAX_CHARTED), ("PERCENTILES_TO_STATISTICS", None)):
        given = globals()[name]
        if not isinstance(given, Iterable):
            sys.exit(f"stats.{name} parameter must be a list such as [0.5, 0.95], not {given!r}")
        shares = list(given)
        if most and len(shares) > most:
            sys.exit(f"stats.{name} parameter should be a maximum of {most} "
                     "parameters ")
        for value in shares:
            if not _is_share(value):
                sys.exit(f"stats.{name} parameter need to be float and value between. "
                         f"0 < percentile < 1 Eg 0.95")
