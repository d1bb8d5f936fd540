# SPDX-License-Identifier: MIT
"""Iterations for thresholds of k6's: each finished execution of a task, as the metrics `iterations` and
`iteration_duration` (in ms, without the wait that follows). Counted only while the master wants it, and not
where the script has a metric of that name itself."""

import logging
import sys
from time import perf_counter

import _katydid
from gevent import GreenletExit

from .exception import StopTest

logger = logging.getLogger(__name__)

_COUNTER, _TREND = 0, 3

is_on = False

_count = _duration = None


def want(is_wanted):
    """Whether they are counted from now on; whether that is news."""
    global is_on
    is_news = is_wanted != is_on
    if is_wanted and is_news:
        _make()
    is_on = is_wanted
    return is_news


def _make():
    global _count, _duration
    _count = _metric(_COUNTER, "iterations", "")
    _duration = _metric(_TREND, "iteration_duration", "ms")


def _metric(kind, name, unit):
    of_script = sys.modules.get("katydid.metrics")
    if of_script is not None and name in of_script._declared:
        return None
    try:
        return _katydid.Metric(kind, name, unit, 1000.0)
    except ValueError as error:
        logger.warning("%s is not counted: %s", name, error)
        return None


def measure(run, holder, task):
    """What the end of the test cuts off is none."""
    begin = perf_counter()
    try:
        run(holder, task)
    except (GreenletExit, StopTest):
        raise
    except BaseException:
        _done(begin)
        raise
    _done(begin)


def _done(begin):
    if _count is not None:
        _count.add(1)
    if _duration is not None:
        _duration.add((perf_counter() - begin) * 1000)
