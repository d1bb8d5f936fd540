# SPDX-License-Identifier: MIT
"""Tasks, task sets, and the loop that a user spends its life in.

The loop is the hottest Python of a worker. `_run_tasks` runs it in one of two ways: `_plain_loop`
does every step inline as long as nobody overrides one; `_custom_loop` calls the methods that
users may override (get_next_task, execute_task, wait ...). Plug-ins put methods of their own over
these while users run: what assigns one to a class tells every plain loop (`_steps_changed`), and a
loop notices by itself when an attribute came to its set. Else both only end by an exception, which
`_run_tasks` turns into what happens next.
"""

import inspect
import logging
import random
from collections import deque
from time import perf_counter, time
from types import FunctionType
from typing import Protocol, final, runtime_checkable

import _katydid
import gevent
from gevent import GreenletExit

from .. import _errors, _hold, _iterations, _limits
from .._awaited import see_to
from ..exception import (
    InterruptTaskSet,
    MissingWaitTimeError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

logger = logging.getLogger(__name__)

LOCUST_STATE_RUNNING = "running"
LOCUST_STATE_WAITING = "waiting"
LOCUST_STATE_STOPPING = "stopping"


@runtime_checkable
class TaskHolder(Protocol):
    """What has tasks: a User class or a TaskSet class."""

    tasks: list


def task(weight=1):
    """Declares a method, or a TaskSet inside the class, to be a task: `@task` or `@task(3)`."""
    if callable(weight):
        return _mark_task(weight, 1)
    return lambda function: _mark_task(function, weight)


def _mark_task(function, weight):
    check_task_name(function, "@task", "a task", "User.run()", "register it as a task")
    function.locust_task_weight = weight
    return function


def check_task_name(function, decorator, what, loop, use):
    """Refuses `run`, which is the loop itself; warns of on_start and on_stop as tasks."""
    if function.__name__ == "run":
        raise Exception(f"{loop} is a method used internally by Locust, "
                        f"and you must not override it or {use}")
    if function.__name__ in ("on_start", "on_stop"):
        logging.warning(
            "You have tagged your on_stop/start function with %s. This will make the method get "
            "called both as %s AND on stop/start.", decorator, what,
        )


def tag(*tags):
    """Gives a task, or each task of a TaskSet, names for --tags and --exclude-tags."""
    if not tags or callable(tags[0]):
        raise ValueError("No tag name was supplied")

    def mark(decorated):
        if hasattr(decorated, "tasks"):
            decorated.tasks = [mark(t) for t in decorated.tasks]
        else:
            own = decorated.__dict__.get("locust_tag_set", set())
            decorated.locust_tag_set = own | set(tags)
        return decorated

    return mark


def _declared_weight(item):
    """The weight @task gave to a class attribute, or None; runs no code of the item."""
    return inspect.getattr_static(item, "locust_task_weight", None)


def inherited_tasks(bases):
    return [t for base in bases for t in getattr(base, "tasks", None) or ()]


def get_tasks_from_base_classes(bases, class_dict):
    """Every task of a class being created: of its bases, of `tasks`, of @task, each repeated by
    its weight."""
    found = inherited_tasks(bases)
    own = class_dict.get("tasks") or ()
    for item in own.items() if isinstance(own, dict) else own:
        if isinstance(item, tuple):
            found += [item[0]] * item[1]
        else:
            found.append(item)
    for item in class_dict.values():
        weight = _declared_weight(item)
        if weight is not None:
            found += [item] * weight
    return found


def is_markov_taskset(task):
    return type(task).__name__ == "MarkovTaskSetMeta"


def _passes(candidate, tags, exclude_tags):
    names = inspect.getattr_static(candidate, "locust_tag_set", frozenset())
    if tags is not None and names.isdisjoint(tags):
        return False
    return exclude_tags is None or names.isdisjoint(exclude_tags)


def filter_tasks_by_tags(task_holder, tags=None, exclude_tags=None, checked=None):
    """Drops the tasks of a User or TaskSet class, and of the sets inside, that the tags rule
    out. Exclusion wins."""
    checked = {} if checked is None else checked
    kept = []
    for candidate in task_holder.tasks:
        if candidate not in checked:
            if hasattr(candidate, "tasks"):
                filter_tasks_by_tags(candidate, tags, exclude_tags, checked)
                checked[candidate] = bool(candidate.tasks) or is_markov_taskset(candidate)
            else:
                checked[candidate] = _passes(candidate, tags, exclude_tags)
        if checked[candidate]:
            kept.append(candidate)
    task_holder.tasks = kept
    has_other_work = is_markov_taskset(task_holder) or getattr(task_holder, "functions", False)
    if not kept and not has_other_work:
        logging.warning(
            "%s had no tasks left after filtering, instantiating it will fail!",
            task_holder.__name__,
        )


class TaskSetMeta(type):
    def __new__(mcs, classname, bases, class_dict):
        class_dict["tasks"] = get_tasks_from_base_classes(bases, class_dict)
        return super().__new__(mcs, classname, bases, class_dict)

    def __setattr__(cls, name, value):
        super().__setattr__(name, value)
        _note_step(name)

    def __delattr__(cls, name):
        super().__delattr__(name)
        _note_step(name)


class TaskSet(metaclass=TaskSetMeta):
    """Tasks that belong together. A set is itself a task: once chosen it runs its own tasks until
    one of them calls interrupt()."""

    tasks = []
    min_wait = None  # milliseconds; superseded by wait_time
    max_wait = None
    wait_function = None

    _queue = None  # tasks scheduled to come next; made when needed

    def __init__(self, parent):
        self._parent = parent
        self._user = user = parent._user if isinstance(parent, TaskSet) else parent
        self._time_start = time()
        if not self.min_wait:
            self.min_wait = user.min_wait
        if not self.max_wait:
            self.max_wait = user.max_wait
        if not self.wait_function:
            self.wait_function = user.wait_function
        self._cp_last_run = perf_counter()
        self._cp_last_wait_time = 0

    @property
    def user(self):
        """The User that runs this set."""
        return self._user

    @property
    def parent(self):
        """The set around this one, or the User."""
        return self._parent

    @property
    def client(self):
        """The user's client."""
        return self._user.client

    @property
    def _task_queue(self):
        if self._queue is None:
            global _has_queues
            _has_queues = True
            self._queue = deque()
        return self._queue

    def on_start(self):
        """Called when a user enters this set."""

    def on_stop(self):
        """Called when a user leaves this set: by interrupt(), or because it ends."""

    def group(self, name):
        """A part of a task that is measured as one: with self.group("checkout"): (docs/metrics.md)"""
        return _katydid.Group(name)

    @final
    def run(self):
        """Runs tasks until the set is interrupted or the user ends."""
        try:
            see_to(self.on_start())
        except InterruptTaskSet as error:
            raise _left(error).with_traceback(error.__traceback__) from None
        _run_tasks(self._user, self)

    def execute_next_task(self):
        self.execute_task(self._task_queue.popleft())

    def execute_task(self, task):
        _execute(self, task)

    def schedule_task(self, task_callable, first=False):
        """Queues a task to run next (`first`), or after what is queued already."""
        if first:
            self._task_queue.appendleft(task_callable)
        else:
            self._task_queue.append(task_callable)

    def get_next_task(self):
        if not self.tasks:
            raise _no_tasks(self)
        return random.choice(self.tasks)

    def wait_time(self):
        """Seconds until the next task: the set's own `wait_time`, else the user's."""
        if self._user.wait_time:
            return self._user.wait_time()
        if self.min_wait is not None and self.max_wait is not None:
            return random.randint(self.min_wait, self.max_wait) / 1000.0
        raise MissingWaitTimeError(
            f"You must define a wait_time method on either the {type(self._user).__name__} or "
            f"{type(self).__name__} class"
        )

    def wait(self):
        """Sleeps for wait_time(). A test that stops ends a waiting user at once."""
        pause(self._user, self, self._sleep)

    def _sleep(self, seconds):
        wait_for(seconds)

    def interrupt(self, reschedule=True):
        """Leaves this set. The parent picks its next task at once, or (False) after its wait."""
        raise InterruptTaskSet(reschedule)


class DefaultTaskSet(TaskSet):
    """The set around a User's own tasks; these get the user as their argument."""

    def get_next_task(self):
        if not self._user.tasks:
            raise _no_tasks(self._user)
        return random.choice(self._user.tasks)

    def execute_task(self, task):
        _execute(self._user, task)


def _no_tasks(holder):
    """There is nothing to choose from. Marked, as it ends the user: it would only fail again."""
    name = type(holder).__name__
    hint = "."
    if getattr(holder, "task", None):
        hint = ", but you have set a 'task' attribute - maybe you meant to set 'tasks'?"
    if isinstance(holder, TaskSet):
        mend = "use the @task decorator or set the 'tasks' attribute of the TaskSet"
    else:
        mend = ("Use the @task decorator or set the 'tasks' attribute of the User (or mark it as "
                "abstract = True if you only intend to subclass it)")
    return _final(Exception(f"No tasks defined on {name}{hint} {mend}"))


def _final(error):
    error.ends_user = True
    return error


def _leave_if_stopping(user):
    if user._state == LOCUST_STATE_STOPPING:
        raise StopUser()


_has_queues = False  # whether anybody ever scheduled a task
_gevents_sleep = gevent.sleep


def wait_for(seconds):
    """The core's sleep, until code puts another one in the place of gevent's."""
    (_katydid.sleep if gevent.sleep is _gevents_sleep else gevent.sleep)(seconds)


def pause(user, holder, sleep):
    """One wait between two tasks, during which the user may be ended at once."""
    _leave_if_stopping(user)
    user._state = LOCUST_STATE_WAITING
    if _limits.pacer is None:  # which says when to go on
        sleep((holder.wait_time or holder._taskset_instance.wait_time)())  # None: the old attributes
    _leave_if_stopping(user)
    user._state = LOCUST_STATE_RUNNING


def _left(interrupt):
    """What the parent of a set sees when the set was interrupted."""
    kind = RescheduleTaskImmediately if interrupt.reschedule else RescheduleTask
    return kind(interrupt.reschedule)


def _execute(holder, task):
    if _iterations.is_on:
        is_set = hasattr(task, "tasks") and issubclass(task, TaskSet)
        _iterations.one(_execute_task, holder, task, is_set)
    else:
        _execute_task(holder, task)


def _execute_task(holder, task):
    if getattr(task, "__self__", None) is holder:
        result = task()
    elif hasattr(task, "tasks") and issubclass(task, TaskSet):
        result = task(holder).run()
    else:
        result = task(holder)
    if result is not None:
        see_to(result)


_STEPS = ("get_next_task", "execute_next_task", "execute_task", "schedule_task", "wait", "_sleep",
          "run")
_USERS_STEPS = (*_STEPS, "wait_time", "on_start", "on_stop")  # the plain loop does without the set
_ORIGINAL = {cls: {step: getattr(cls, step) for step in _USERS_STEPS}
             for cls in (TaskSet, DefaultTaskSet)}

_unchanged = [True]  # emptied, and another list in its place, when a step is replaced


def _steps_changed():
    global _unchanged
    _unchanged.clear()
    _unchanged = [True]


def watch_iterations(is_counted=None, is_limited=None, is_traced=None, is_told=None):
    """The plain loop only sees to their ends: while more is wanted, users go by the other one."""
    if _iterations.want(is_counted, is_limited, is_traced, is_told):
        _steps_changed()


def _note_step(name):
    if name in _USERS_STEPS:
        _steps_changed()


def _is_plain(task_set):
    """Whether nobody overrides a step of the loop, in a subclass or on the instance."""
    cls = type(task_set)
    original = _ORIGINAL[DefaultTaskSet if isinstance(task_set, DefaultTaskSet) else TaskSet]
    if any(getattr(cls, step) is not original[step] for step in _STEPS):
        return False
    return task_set.__dict__.keys().isdisjoint(_STEPS)


def _has_plain_set(user):
    """Whether the set around the user's own tasks would do nothing that the plain loop does not."""
    original = _ORIGINAL[DefaultTaskSet]
    if any(getattr(DefaultTaskSet, step) is not original[step] for step in _USERS_STEPS):
        return False
    return user._set is None or user._set.__dict__.keys().isdisjoint(_USERS_STEPS)


def run_user_tasks(user):
    """The life of a user with its own tasks; see _run_tasks."""
    if _has_plain_set(user):
        return _run_tasks(user)
    return user._taskset_instance.run()


def _plain_loop(user, holder):
    """Chooses, runs and waits, until a step is replaced. holder: the User for its own tasks, or
    the TaskSet. True: the user was killed while it waited, as GreenletExit would say (which costs
    each of many users that end as much again).

    A wait of 0 must let the other users run. While the loop has not turned since the last time
    nobody else did; a task that waited for something itself (a request, a sleep) let it turn:
    give_way() then does nothing.
    """
    give_way, rest = _katydid.give_way, _katydid.rest
    getrandbits = random.getrandbits
    turn = give_way(None)
    plain, measured = (None, FunctionType) if _iterations.is_on else (FunctionType, None)
    measure = _iterations.measure
    own = () if holder is user else holder.__dict__
    size = len(own)
    unchanged = _unchanged
    while True:  # with a condition here Python 3.11 would not specialise the code
        if not unchanged or own and len(own) != size:
            return
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        if _hold.is_on:
            _hold.wait(user, LOCUST_STATE_WAITING)
        if _has_queues and holder._queue:
            task = holder._queue.popleft()
        else:
            tasks = holder.tasks
            count = len(tasks)
            if count == 1:
                task = tasks[0]
            elif count == 0:
                raise _no_tasks(holder)
            else:  # random.choice, inline
                bits = count.bit_length()
                index = getrandbits(bits)
                while index >= count:
                    index = getrandbits(bits)
                task = tasks[index]
        if type(task) is plain:
            result = task(holder)
            if result is not None:
                see_to(result)
        elif type(task) is measured:
            measure(None, holder, task)
        else:
            _execute(holder, task)
        try:  # the usual way needs no look at whether there is one, nor a bound method
            seconds = holder.wait_time()
        except TypeError:
            if holder.wait_time:
                raise
            seconds = holder._taskset_instance.wait_time()
        if seconds > 0:
            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser()
            user._state = LOCUST_STATE_WAITING
            if gevent.sleep is _gevents_sleep:
                if rest(seconds):
                    return True
            else:
                gevent.sleep(seconds)
            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser()
            user._state = LOCUST_STATE_RUNNING
        else:
            turn = give_way(turn)


def _custom_loop(user, task_set):
    chances = user._chances
    while True:
        if chances is not None:
            chances.begin()
        if not task_set._task_queue:
            task_set.schedule_task(task_set.get_next_task())
        _leave_if_stopping(user)
        if _hold.is_on:
            _hold.wait(user, LOCUST_STATE_WAITING)
        task_set.execute_next_task()
        if chances is not None:
            chances.wait()
        task_set.wait()


def _let_others_run(seen):
    """Before a task without a wait: sets that are left at once, again and again, must not keep the
    loop, or nobody could end the test. seen: what this returned the time before."""
    loop = gevent.get_hub().loop
    if loop.iteration == seen:
        _katydid.sleep(0)
    return loop.iteration


def _run_tasks(user, task_set=None):
    """The life of a user inside one set (None: the user's own tasks). Raises what ends the set
    (Reschedule...) or the user (StopUser, StopTest, GreenletExit); the last one it returns, when the
    user waited between tasks of its own."""
    is_users = task_set is None or task_set is user._set
    must_wait = is_again = False
    seen = None
    while True:
        try:
            if is_again:
                is_again = False
                seen = _let_others_run(seen)
            is_plain = _has_plain_set(user) if is_users else _is_plain(task_set)
            holder = user if is_users and is_plain else task_set or user._taskset_instance
            if must_wait:
                if user._chances is not None:
                    user._chances.wait()
                if holder is user:
                    pause(user, user, wait_for)
                else:
                    holder.wait()
                must_wait = False
            if is_plain and not _iterations.is_led and user._chances is None:
                if _plain_loop(user, holder):
                    if task_set is not None:
                        raise GreenletExit()
                    user._is_ending = True
                    return GreenletExit()
            else:
                _custom_loop(user, user._taskset_instance if holder is user else holder)
        except RescheduleTaskImmediately:
            must_wait, is_again = False, True
        except RescheduleTask:
            must_wait = True
        except InterruptTaskSet as error:
            if is_users:
                must_wait = not error.reschedule
                is_again = error.reschedule
            else:
                _stop_set(task_set)
                raise _left(error) from error
        except (StopUser, StopTest, GreenletExit):
            user._is_ending = True
            if task_set is not None:
                _stop_set(task_set, errors_too=False)
            raise
        except Exception as error:
            if _hides_kill(error):
                user._is_ending = True
                _errors.log_bounded(logger, error, f"A killed task failed to clean up: {error!r}")
                if task_set is not None:
                    _stop_set(task_set, errors_too=False)
                raise GreenletExit() from error
            report_error(user, task_set or user._taskset_instance, error)
            if not user.environment.catch_exceptions:
                raise
            if must_wait or hasattr(error, "ends_user"):  # would only fail again, at once
                raise StopUser() from error
            must_wait = True


def _hides_kill(error):
    """Whether cleaning up after a kill failed, and so took its place: gevent's subprocess.run()
    does that when its child has just ended. The user must end all the same, and that is no
    result of the test."""
    while error is not None and not isinstance(error, GreenletExit):
        error = error.__context__
    return error is not None


def _stop_set(task_set, errors_too=True):
    try:
        see_to(task_set.on_stop())
    except (StopUser, StopTest, GreenletExit):
        if errors_too:
            raise
    except Exception as error:
        error.__context__ = None  # what ended the set is no part of this
        logging.error("Uncaught exception in on_stop: \n%s", _errors.format_exception(error))


def report_error(user, instance, error, log=logger):
    """An exception of user code: tells the listeners, and the log."""
    error.__traceback__ = _errors.user_part(error.__traceback__)
    user.environment.events.user_error.fire(
        user_instance=instance, exception=error, tb=error.__traceback__
    )
    if user.environment.catch_exceptions:
        _errors.log_bounded(log, error)
