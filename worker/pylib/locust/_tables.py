# SPDX-License-Identifier: MIT
"""Locust's console tables and history, of a RequestStats."""

import json
import logging

import gevent
from _katydid import steady

from . import _numbers as numbers
from . import _stats_settings as settings
from .util.date import format_utc_timestamp
from .util.rounding import proper_round

console_logger = logging.getLogger("locust.stats_logger")
logger = logging.getLogger("locust.stats")


def _rule(*widths):
    return "|".join("-" * width for width in widths)


def get_stats_summary(stats, current=True):
    """Lines of the main table, with the current rates or those of the whole test."""
    kind = settings.STATS_TYPE_WIDTH
    name = settings.STATS_NAME_WIDTH - kind + 4
    head = "%-*s %-*s %7s %12s |%7s %7s %7s%7s | %7s %11s" % (
        kind, "Type", name, "Name", "# reqs", "# fails", "Avg", "Min", "Max", "Med", "req/s",
        "failures/s",
    )
    rule = _rule(kind, name, 7, 13, 7, 7, 7, 7, 8, 11)
    rows = [entry.to_string(current=current) for entry in numbers.sort_stats(stats.entries)]
    return [head, rule, *rows, rule, stats.total.to_string(current=current)]


def print_stats(stats, current=True):
    _print(get_stats_summary(stats, current))


def print_stats_json(stats):
    print(json.dumps(stats.serialize_stats(), indent=4))


def save_stats_json(stats, filename):
    with open(f"{filename}.json", "w", encoding="utf-8") as file:
        json.dump(stats.serialize_stats(), file, indent=4)


def get_percentile_stats_summary(stats):
    kind, name = settings.STATS_TYPE_WIDTH, settings.STATS_NAME_WIDTH
    percentiles = settings.PERCENTILES_TO_REPORT
    heads = numbers.get_readable_percentiles(percentiles)
    form = "%-*s %-*s %8s " + " ".join(["%6s"] * len(percentiles))
    rule = _rule(kind, name, 8, *[6] * len(percentiles))
    rows = [e.percentile() for e in numbers.sort_stats(stats.entries) if e.response_times]
    return [
        "Response time percentiles (approximated)",
        form % (kind, "Type", name, "Name", *heads, "# reqs"),
        rule,
        *rows,
        rule,
        *([stats.total.percentile()] if stats.total.response_times else []),
    ]


def print_percentile_stats(stats):
    _print(get_percentile_stats_summary(stats))


def get_error_report_summary(stats):
    rule = _rule(18, 61 + settings.STATS_NAME_WIDTH)
    rows = ["%-18i %-100s" % (e.occurrences, e.to_name()) for e in stats.errors.values()]
    return ["Error report", f"{'# occurrences':18} {'Error':100}", rule, *rows, rule, ""]


def print_error_report(stats):
    if stats.errors:
        for line in get_error_report_summary(stats):
            console_logger.info(line)


def _print(lines):
    for line in (*lines, ""):
        console_logger.info(line)


def stats_printer(stats):
    """A greenlet body that prints the main table every CONSOLE_STATS_INTERVAL_SEC."""

    def print_for_ever():
        while True:
            print_stats(stats)
            gevent.sleep(settings.CONSOLE_STATS_INTERVAL_SEC)

    return print_for_ever


def update_stats_history(runner, timestamp=None):
    """Appends the present state to the history."""
    stats, total = runner.stats, runner.stats.total
    at = timestamp or format_utc_timestamp(steady())
    row = {
        f"response_time_percentile_{p}": [at, total.get_current_response_time_percentile(p) or 0]
        for p in settings.PERCENTILES_TO_CHART
    }
    row.update({
        "current_rps": [at, total.current_rps or 0],
        "current_fail_per_sec": [at, total.current_fail_per_sec or 0],
        "total_avg_response_time": [at, proper_round(total.avg_response_time, digits=2)],
        "user_count": [at, runner.user_count or 0],
        "time": at,
    })
    stats.history.append(row)


def stats_history(runner):
    """A greenlet body that updates the history every HISTORY_STATS_INTERVAL_SEC of a test."""
    while runner.stats.total.use_response_times_cache:
        if runner.state not in ("ready", "stopped"):
            update_stats_history(runner)
        gevent.sleep(settings.HISTORY_STATS_INTERVAL_SEC)
