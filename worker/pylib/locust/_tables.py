# SPDX-License-Identifier: MIT
"""Locust's console tables, of a RequestStats."""

import logging
import time

import gevent

from . import stats as constants
from .util.date import format_utc_timestamp

logger = logging.getLogger("locust.stats_logger")


def _rule(*widths):
    return "|".join("-" * width for width in widths)


def _row(entry, current):
    kind, name = constants.STATS_TYPE_WIDTH, constants.STATS_NAME_WIDTH
    rate = entry.current_rps if current else entry.total_rps
    fail_rate = entry.current_fail_per_sec if current else entry.total_fail_per_sec
    fails = "%d(%.2f%%)" % (entry.num_failures, entry.fail_ratio * 100)
    return "%-*s %-*s %7d %12s |%7d %7d %7d%7d | %7.2f %11.2f" % (
        kind, entry.method, name - kind + 4, entry.name, entry.num_requests, fails,
        entry.avg_response_time, entry.min_response_time or 0, entry.max_response_time,
        entry.median_response_time, rate, fail_rate,
    )


def get_stats_summary(stats, current=True):
    """Lines of the main table, with the current rates or those of the whole test."""
    kind = constants.STATS_TYPE_WIDTH
    name = constants.STATS_NAME_WIDTH - kind + 4
    head = "%-*s %-*s %7s %12s |%7s %7s %7s%7s | %7s %11s" % (
        kind, "Type", name, "Name", "# reqs", "# fails", "Avg", "Min", "Max", "Med", "req/s",
        "failures/s",
    )
    rule = _rule(kind, name, 7, 13, 7, 7, 7, 7, 8, 11)
    rows = [_row(entry, current) for entry in constants.sort_stats(stats.entries)]
    return [head, rule, *rows, rule, _row(stats.total, current)]


def print_stats(stats, current=True):
    _print(get_stats_summary(stats, current))


def get_percentile_stats_summary(stats):
    kind, name = constants.STATS_TYPE_WIDTH, constants.STATS_NAME_WIDTH
    percentiles = constants.PERCENTILES_TO_REPORT
    heads = constants.get_readable_percentiles(percentiles)
    form = "%-*s %-*s %8s " + " ".join(["%6s"] * len(percentiles))
    rule = _rule(kind, name, 8, *[6] * len(percentiles))

    def row(entry):
        values = [int(entry.get_response_time_percentile(p)) for p in percentiles]
        return form % (kind, entry.method, name, entry.name, *values, entry.num_requests)

    rows = [row(e) for e in constants.sort_stats(stats.entries) if e.num_requests]
    return [
        "Response time percentiles (approximated)",
        form % (kind, "Type", name, "Name", *heads, "# reqs"),
        rule,
        *rows,
        rule,
        *([row(stats.total)] if stats.total.num_requests else []),
    ]


def print_percentile_stats(stats):
    _print(get_percentile_stats_summary(stats))


def get_error_report_summary(stats):
    rule = _rule(18, 61 + constants.STATS_NAME_WIDTH)
    rows = ["%-18i %-100s" % (e.occurrences, e.to_name()) for e in stats.errors.values()]
    return ["Error report", f"{'# occurrences':18} {'Error':100}", rule, *rows, rule]


def print_error_report(stats):
    if stats.errors:
        _print(get_error_report_summary(stats))


def _print(lines):
    for line in (*lines, ""):
        logger.info(line)


def stats_printer(stats):
    """A greenlet body that prints the main table every CONSOLE_STATS_INTERVAL_SEC."""

    def print_for_ever():
        while True:
            print_stats(stats)
            gevent.sleep(constants.CONSOLE_STATS_INTERVAL_SEC)

    return print_for_ever


def stats_history(runner):
    """A greenlet body that appends to stats.history every HISTORY_STATS_INTERVAL_SEC."""
    while True:
        if runner.state not in ("ready", "stopped"):
            total = runner.stats.total
            at = format_utc_timestamp(time.time())
            runner.stats.history.append({
                "time": at,
                "user_count": [at, runner.user_count],
                "current_rps": [at, total.current_rps],
                "current_fail_per_sec": [at, total.current_fail_per_sec],
                "total_avg_response_time": [at, round(total.avg_response_time, 2)],
            })
        gevent.sleep(constants.HISTORY_STATS_INTERVAL_SEC)
