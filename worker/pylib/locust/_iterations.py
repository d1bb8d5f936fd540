# SPDX-License-Identifier: MIT
"""Iterations, where somebody wants to know of them: for thresholds of k6's each finished execution of a task is
counted, as the metrics `iterations` and `iteration_duration` (in ms, without the wait that follows), only while the
master wants it, and not where the script has a metric of that name itself; likewise it is told to files with every value
(--out json, csv); and where there are only so many of them, or only so many a second (_limits.py), each waits until it may
start; and where tasks are traced, each has a span."""

import logging
import sys
from functools import partial
from time import perf_counter

import _katydid
from gevent import GreenletExit

from . import _limits
from ._awaited import see_to
from .exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

logger = logging.getLogger(__name__)

_COUNTER, _TREND = 0, 3

is_on = False  # users tell of each one
is_led = False  # ... and before it begins: not by the plain loop (user/task.py)

_is_counted = _is_limited = _is_traced = _is_told = False
_count = _duration = None


def want(is_counted=None, is_limited=None, is_traced=None, is_told=None):
    """Whether they are counted, limited, traced, or told to files, from now on; whether users have to look at that."""
    global is_on, is_led, _is_counted, _is_limited, _is_traced, _is_told, _done
    if is_counted is not None:
        if is_counted and not _is_counted:
            _make()
        _is_counted = is_counted
    if is_limited is not None:
        _is_limited = is_limited
    if is_traced is not None:
        _is_traced = is_traced
    if is_told is not None:
        _is_told = is_told and not any(_is_of_script(name) for name in ("iterations", "iteration_duration"))
    was = is_on, is_led
    is_led = _is_limited or _is_traced
    is_on = is_led or _is_counted or _is_told
    _done = _count_one if _is_counted else _katydid.journal_iteration
    return (is_on, is_led) != was


def _make():
    global _count, _duration
    _count = _metric(_COUNTER, "iterations", "")
    _duration = _metric(_TREND, "iteration_duration", "ms")


def _is_of_script(name):
    metrics = sys.modules.get("katydid.metrics")
    return metrics is not None and name in metrics._declared


def _metric(kind, name, unit):
    if _is_of_script(name):
        return None
    try:
        return _katydid.Metric(kind, name, unit, 1000.0, apart=True)
    except ValueError as error:
        logger.warning("%s is not counted: %s", name, error)
        return None


def one(run, holder, task, is_set):
    """Runs the task, or task set."""
    user = getattr(holder, "_user", holder)
    limit = _limit_of(user, holder is user, is_set) if _is_limited else None
    if _is_traced and not is_set:
        run = partial(_trace, run, user)
    try:
        if is_set or not (_is_counted or _is_told):
            run(holder, task)
        else:
            measure(run, holder, task)
    finally:
        if limit is not None:
            limit.give_back()


def _limit_of(user, is_users_own, is_set):
    """Waits until it may start; what is to be told of its end."""
    if user._limit is not None:
        limit, pacer = user._limit if is_users_own else None, None
    else:
        limit, pacer = (None, None) if is_set else (_limits.ration, _limits.pacer)
    if limit is None and pacer is None:
        return None
    state, user._state = user._state, "waiting"
    if pacer is not None:
        if limit is not None:
            limit.wait(user)
        pacer.take()
    if limit is not None:
        limit.take(user)
    if user._state == "waiting":
        user._state = state
    return limit


def _trace(run, user, holder, task):
    mark, failure = _katydid.trace_task(user), None
    try:
        run(holder, task)
    except (GreenletExit, StopTest, StopUser, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
        raise
    except BaseException as error:
        failure = repr(error)
        raise
    finally:
        _katydid.trace_task_done(mark, user, getattr(task, "__name__", type(task).__name__), failure)


def measure(run, holder, task):
    """What the end of the test cuts off is none. run: None for a function, as hot as the plain loop."""
    begin = perf_counter()
    try:
        if run is None:
            result = task(holder)
            if result is not None:
                see_to(result)
        else:
            run(holder, task)
    except (GreenletExit, StopTest):
        raise
    except BaseException:
        _done(begin)
        raise
    _done(begin)


def _count_one(begin):
    if _is_told:
        _katydid.journal_iteration(begin)
    if _count is not None:
        _count.add(1)
    if _duration is not None:
        _duration.add((perf_counter() - begin) * 1000)


_done = _count_one
