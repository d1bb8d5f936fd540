# SPDX-License-Identifier: MIT
"""The life of a user in a scenario with an arrival rate: it waits for an arrival, does one task, and waits for the
next. One execution of a task, or of a TaskSet until it is left, is an iteration; wait_time plays no part."""

import inspect
import random
import sys
import time
from types import FunctionType

from gevent import GreenletExit

from .. import _hold, _iterations
from .._awaited import see_to
from ..exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from .task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    _execute,
    _execute_task,
    _hides_kill,
    _no_tasks,
    report_error,
)

_MOST_CALLABLES = 1000


def callables_of(user_class):
    """Names of what else can be the task of a scenario, though it is none of the class's tasks: its own methods, and
    functions of its file."""
    found = set()
    for base in user_class.__mro__:
        if base.__module__.partition(".")[0] != "locust":
            found.update(name for name, value in vars(base).items() if callable(value))
    module = sys.modules.get(user_class.__module__)
    found.update(name for name, value in vars(module).items() if inspect.isfunction(value)) if module else None
    return sorted(name for name in found if not name.startswith("__"))[:_MOST_CALLABLES]


def named_task(user_class, name):
    """The one task of a scenario, or None: one of the user's tasks each time."""
    if name is None:
        return None
    for task in user_class.tasks:
        if task.__name__ == name:
            return task
    task = getattr(user_class, name, None) or getattr(sys.modules.get(user_class.__module__), name, None)
    if not callable(task):
        raise StopTest(f"The scenario's task {name!r} is none of {user_class.__name__}")
    return task


def run_arrivals(user, arrivals):
    only = named_task(type(user), arrivals.task)
    if arrivals.is_fresh:
        iterate(user, only or chosen(user, None))
        raise StopUser()
    arrivals.enter()
    try:
        _take_all(user, arrivals, only)
    finally:
        arrivals.done()


def visit(user, arrivals, live):
    """The life of a user that is there for one arrival, which begins when that is due: live(), with its on_start and one
    task. None: it ended before."""
    arrivals.enter()
    try:
        user._state = LOCUST_STATE_WAITING
        try:
            _begin(user, arrivals.take())
        except GreenletExit:
            return None
        began = time.monotonic()
        end = live()
        if isinstance(end, GreenletExit):
            arrivals.count("interrupted", 1)
        elif arrivals.is_timed:
            arrivals.took(time.monotonic() - began)
        return end
    finally:
        arrivals.done()


def _begin(user, chance):
    if _hold.is_on:
        _hold.wait(user, LOCUST_STATE_WAITING)
    user._state = LOCUST_STATE_RUNNING
    if chance is not None:
        random.seed(chance)


def _take_all(user, arrivals, only):
    """As hot as _plain_loop (task.py)."""
    take = arrivals.take
    is_timed = arrivals.is_timed
    while True:
        user._state = LOCUST_STATE_WAITING
        chance = take()
        if chance is None and not _hold.is_on:
            user._state = LOCUST_STATE_RUNNING
            tasks = user.tasks
            task = only or (tasks[0] if len(tasks) == 1 else chosen(user, None))
        else:
            _begin(user, chance)
            task = only or chosen(user, chance)
        began = time.monotonic() if is_timed else 0.0
        try:
            iterate(user, task)
        except GreenletExit:
            arrivals.count("interrupted", 1)
            raise
        if is_timed:
            arrivals.took(time.monotonic() - began)
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser()


def chosen(user, chance):
    """With a seed it draws from `random` even where there is one task: the task finds that in the same state ever since."""
    tasks = user.tasks
    if len(tasks) == 1 and chance is None:
        return tasks[0]
    if not tasks:
        raise _no_tasks(user)
    return random.choice(tasks)


def iterate(user, task, is_told=True):
    """is_told: to those who want to know of iterations."""
    try:
        if type(task) is FunctionType and not (_iterations.is_on and is_told):
            result = task(user)
            if result is not None:
                see_to(result)
        else:
            (_execute if is_told else _execute_task)(user, task)
    except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
        pass
    except (StopUser, StopTest, GreenletExit):
        raise
    except Exception as error:
        if _hides_kill(error):
            raise GreenletExit() from error
        report_error(user, user._taskset_instance, error)
        if not user.environment.catch_exceptions:
            raise
