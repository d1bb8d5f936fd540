# SPDX-License-Identifier: MIT
"""What all runners have in common: the users of this process, and the state of the test.

The runners of programs that use Locust as a library are in _local.py, _master.py and _worker_runner.py. In
the processes of the command katydid the master is another process; the runners there (_hosted.py) do what it
says, and hand calls of the locustfile (start, stop, quit) on to it."""

import gc
import json
import logging
import time
from collections.abc import MutableMapping
from typing import TypedDict

import _katydid
import gevent
from gevent.pool import Group
from katydid_boot import library

from . import _errors, _scenarios, log
from . import _runner_settings as settings
from ._feeds import CoreFeed, counts_by_itself
from ._group import SHORTEST_S, UserGroup, join_in_pieces, kill_in_slices, those
from ._methods import CountByMethods, counting
from ._needs import give_host
from .exception import StopTest
from .shape import check_tick
from .user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

logger = logging.getLogger("locust.runners")

_SPAWN_SLICE_S = 0.002  # users are created this long, then the loop gets its turn: users that run are late by as much, and new ones still lie in the caches
_LAST_WAIT_S = 60.0  # for on_stop of killed users; then they are killed once more
_MAX_EXCEPTIONS = 500
_FEW = 10_000  # users that a garbage collection looks at in no time
_COLLECTED_AT_ONCE = 100  # users that ended
_USE_MORE = ("See https://docs.locust.io/en/stable/running-distributed.html for how to distribute the "
             "load over multiple CPU cores or machines")
_TICK_S = 1.0  # between two questions to the load shape


def locust_exception_handler(environment):
    """A callback for Greenlet.link_exception: StopTest ends the test, the rest is logged."""
    log_end = log.greenlet_exception_logger(logger)

    def handle(greenlet):
        if greenlet.exc_info[0] is StopTest:
            environment.runner.stop_test(greenlet.exc_info[1])
        else:
            log_end(greenlet)

    return handle


def _is_idle(user):
    return user._state in (None, LOCUST_STATE_WAITING)


def _ends_at_once(user):
    """Who waits; others do after their task."""
    if user._state == LOCUST_STATE_RUNNING:
        user._state = LOCUST_STATE_STOPPING
    return _is_idle(user) and not user._is_ending


class ExceptionDict(TypedDict):
    """A kind of exception of user code: a row of runner.exceptions."""

    count: int
    msg: str
    traceback: str
    nodes: set[str]


def describe_users(user_classes_count):
    """How many users of which class, for the log."""
    total = sum(user_classes_count.values())
    return f"{json.dumps(dict(sorted(user_classes_count.items())))} ({total} total users)"


class Runner:
    """The users of this process, and the state of the test."""

    _counts_in_core = True  # requests made in this process are counted in C

    def __init__(self, environment):
        self.environment = environment
        self.user_greenlets = UserGroup()
        self.greenlet = Group()
        self.state = settings.STATE_INIT
        self.spawning_greenlet = None
        self.shape_greenlet = None
        self.shape_last_tick = None
        self.current_cpu_usage = 0.0
        self.current_memory_usage = 0
        self.cpu_warning_emitted = False
        self.worker_cpu_warning_emitted = False
        self.connection_broken = False
        self.exceptions = {}
        self.target_user_classes_count = {}
        self.target_user_count = 0
        self.final_user_classes_count = {}
        self.custom_messages = {}
        self._users_dispatcher = None
        self._usage = []  # of the processor, since usage_monitor was fired
        self._core = None  # the _katydid.Stats that counts for environment.stats
        self._listener = None  # what counts request events
        self._raised = ""  # the class of the exception that is logged just now, if it is known
        self._scenarios = _scenarios.NONE  # with an arrival rate
        self._is_over = False  # quit() was called
        self._ended = 0  # users, since gc.unfreeze()
        self._left_behind = 0  # likewise, since gc.collect()
        self._bind_stats()
        counting.add(self)
        environment.events.user_error.add_listener(self._on_user_error)
        environment.events.spawning_complete.add_listener(self._on_spawning_complete)

    def __del__(self):
        greenlets = self.__dict__.get("greenlet")
        if greenlets:
            greenlets.kill(block=False)

    def _bind_stats(self):
        """Has environment.stats count this process's requests; again, when it was exchanged."""
        handlers = self.environment.events.request._handlers
        listener = self._count_in_core() if self._counts_in_core else self._log_request
        if self._counts_in_core and not counts_by_itself(self.stats):
            listener = CountByMethods(self, listener)
        if self._listener in handlers:
            handlers[handlers.index(self._listener)] = listener
        else:
            self.environment.events.request.add_listener(listener)
        self._listener = self.environment.events.request._counter = listener

    def _count_in_core(self):
        stats = self.environment.stats
        if not isinstance(stats._feed, CoreFeed):
            # A worker process reports what the one of the core has; else each test has its own.
            is_process_own = library.road == "worker"
            stats._feed = CoreFeed(_katydid.stats if is_process_own else _katydid.Stats())
        self._core = stats._feed.core
        return self._core

    def _log_request(self, request_type, name, response_time, response_length=0, exception=None, **_):
        self.stats.log_request(request_type, name, response_time, response_length)
        if exception:
            self.stats.log_error(request_type, name, exception)

    def _on_user_error(self, user_instance, exception, tb, **_):
        self._note_exception(str(exception), _errors.format_tb(tb), _errors.class_name(exception))

    def _note_exception(self, message, text, name):
        self._raised = name
        self.log_exception(self._node_name, message, text)
        self._raised = ""

    def _on_spawning_complete(self, user_count, **_):
        self.update_state(settings.STATE_RUNNING)
        if self.environment.reset_stats:
            logger.info("Resetting stats\n")
            self.stats.reset_all()

    @property
    def user_classes(self):
        return self.environment.user_classes

    @property
    def user_classes_by_name(self):
        return self.environment.user_classes_by_name

    @property
    def stats(self):
        return self.environment.stats

    @property
    def errors(self):
        return self.stats.errors

    @property
    def user_count(self):
        return len(self.user_greenlets)

    @property
    def user_classes_count(self):
        counts = self.user_greenlets.counts
        return {name: counts[cls] for name, cls in self._classes().items()}

    def _classes(self):
        """By name, with those that are made for scenarios."""
        return {**self.user_classes_by_name, **self._scenarios.classes}

    def update_state(self, new_state):
        self.state = new_state

    def _spawn(self, body, *args):
        """A greenlet of the runner: it lives until quit()."""
        greenlet = self.greenlet.spawn(body, *args)
        greenlet.link_exception(locust_exception_handler(self.environment))
        return greenlet

    def _kill_greenlets(self):
        """The one that called ends as soon as it gives up control."""
        me = gevent.getcurrent()
        others = [greenlet for greenlet in self.greenlet if greenlet is not me]
        gevent.killall(others, timeout=_LAST_WAIT_S)
        if me in self.greenlet:
            me.kill(block=False)

    def cpu_log_warning(self):
        """Called at the end of a test; whether the processor was the limit."""
        if self.cpu_warning_emitted:
            logger.warning("CPU usage was too high at some point during the test! %s", _USE_MORE)
        return self.cpu_warning_emitted

    def _note_usage(self, health, interval_s):
        """Takes one measurement; tells the listeners every settings.CPU_MONITOR_INTERVAL."""
        self.current_cpu_usage = health["cpu_percent"]
        self.current_memory_usage = health["memory_bytes"]
        self._usage.append(health["cpu_percent"])
        if len(self._usage) * interval_s < settings.CPU_MONITOR_INTERVAL:
            return
        cpu_usage = sum(self._usage) / len(self._usage)
        self._usage.clear()
        if cpu_usage > settings.CPU_WARNING_THRESHOLD:
            self._fire("cpu_warning", environment=self.environment, cpu_usage=cpu_usage)
            if not self.cpu_warning_emitted:
                self.cpu_warning_emitted = True
                logging.warning("CPU usage above %d%%! This may constrain your throughput and may "
                                "even give inconsistent response time measurements! %s",
                                settings.CPU_WARNING_THRESHOLD, _USE_MORE)
        self._fire("usage_monitor", environment=self.environment, cpu_usage=cpu_usage,
                   memory_usage=health["memory_bytes"])

    def monitor_cpu_and_memory(self):
        """A greenlet of runners without a node, which measures itself."""
        while True:
            gevent.sleep(settings.HEARTBEAT_INTERVAL)
            self._note_usage(_katydid.health(), settings.HEARTBEAT_INTERVAL)
            if self.stats._is_current_wanted:
                self.stats._pull()  # current percentiles need to know what was 10 seconds ago

    def log_exception(self, node_id, msg, formatted_tb):
        """Counts an exception; called by what listens here, and by user code."""
        if self._core is not None:
            self._core.exception(msg, formatted_tb, self._raised)
        self._add_exception(node_id, msg, formatted_tb)

    def _add_exception(self, node_id, msg, formatted_tb):
        key = hash(formatted_tb)
        if key not in self.exceptions and len(self.exceptions) >= _MAX_EXCEPTIONS:
            return
        row = self.exceptions.setdefault(
            key, {"count": 0, "msg": msg, "traceback": formatted_tb, "nodes": set()}
        )
        row["count"] += 1
        row["nodes"].add(node_id)

    def register_message(self, msg_type, listener, concurrent=False):
        """Calls `listener(environment, msg)` for each message of this type from another node."""
        if msg_type in self.custom_messages:
            raise Exception(f"Tried to register listener method for {msg_type}, but it already "
                            "had a listener!")
        self.custom_messages[msg_type] = (listener, concurrent)

    def _deliver(self, message):
        """Calls the listener of a custom message; False if there is none."""
        listener, concurrent = self.custom_messages.get(message.type, (None, False))
        if listener is None:
            return False
        call = self.greenlet.spawn(self._call_listener, listener, message)
        if not concurrent:
            call.join()
        return True

    def _call_listener(self, listener, message):
        """What goes wrong in it is its own affair: it ends no test, and fails none."""
        try:
            listener(environment=self.environment, msg=message)
        except Exception as error:
            _errors.log_bounded(logging.getLogger(), error,
                                f"Uncaught exception in handler for {message.type}")

    # Users

    def spawn_users(self, user_classes_spawn_count, wait=False):
        """Starts so many users of each class; returns them. The loop runs in between.

        Users live long, and there may be 100,000: a garbage collection that looks at all of them
        stops the loop for a second. They are frozen (gc.freeze) until users are stopped."""
        if self.state in (settings.STATE_INIT, settings.STATE_STOPPED):
            self.update_state(settings.STATE_SPAWNING)
        users = []
        is_debug = logger.isEnabledFor(logging.DEBUG)
        if is_debug:
            logger.debug("Spawning additional %s (%s already running)...",
                         json.dumps(user_classes_spawn_count), json.dumps(self.user_classes_count))
        turn_ends = time.monotonic() + _SPAWN_SLICE_S
        for name, count in user_classes_spawn_count.items():
            user_class = self._classes()[name]
            for number in range(1, count + 1):
                users.append(self._start_user(user_class))
                if is_debug and (number % 10 == 0 or number == count):
                    logger.debug("%i users spawned", self.user_count)
                if time.monotonic() > turn_ends:
                    gc.freeze()
                    gevent.sleep(SHORTEST_S)  # 0 would first let the new users do all they can
                    turn_ends = time.monotonic() + _SPAWN_SLICE_S
            logger.debug("All users of class %s spawned", name)
        gc.freeze()
        if wait:
            self.user_greenlets.join()
            logger.info("All users stopped\n")
        return users

    def start_short(self, class_name):
        """A user that will end by itself soon: it is not frozen, so that its memory comes back."""
        self._start_user(self._classes()[class_name])

    def _start_user(self, user_class):
        user = user_class(self.environment)
        assert hasattr(user, "environment"), (
            f"Attribute 'environment' is missing on user {user_class.__name__}. Perhaps you defined "
            "your own __init__ and forgot to call the base constructor? "
            "(super().__init__(*args, **kwargs))"
        )
        self._scenarios.adopt(user)
        user.start(self.user_greenlets)
        return user

    def stop_users(self, user_classes_stop_count):
        """Ends so many users of each class, waiting ones first. With a stop timeout the others
        may finish their task; whoever is left then is killed. Returns when they are gone."""
        chosen = []
        for name, count in user_classes_stop_count.items():
            chosen += self.user_greenlets.choose(self._classes()[name], count, _is_idle)
        if logger.isEnabledFor(logging.DEBUG):
            for user in chosen:
                logger.debug("Stopping %s", getattr(user.greenlet, "name", user.greenlet))
        if those(chosen, lambda user: user._state is None):
            gevent.sleep(0)  # those started a moment ago begin: an on_stop for every user
        self._ended += len(chosen)
        me = self._calling_user()
        caller = [user for user in chosen if user is me]
        if caller:
            chosen.remove(me)
        try:
            timeout = float(self.environment.stop_timeout or 0)
        except (TypeError, ValueError):  # code may have set anything
            self._kill(chosen)
            raise
        self.end_users(chosen, timeout)
        for user in caller:  # the one that called: ends as soon as it gives up control
            user.greenlet.kill(block=False)
        self._unfreeze()
        logger.debug("%g users have been stopped, %g still running",
                     sum(user_classes_stop_count.values()), self.user_count)

    def _unfreeze(self):
        """What ended users left behind may be collected. That looks at all that are alive: not before as many have ended."""
        if self._ended and self.user_count <= max(self._ended, _FEW):
            gc.unfreeze()
            self._left_behind += self._ended
            is_much = self._left_behind >= max(_COLLECTED_AT_ONCE, self.user_count)
            if is_much and max(10 * self._ended, self.user_count) <= _FEW:
                gc.collect()  # else what nobody has any more would be frozen with the next users that start
                self._left_behind = 0
            self._ended = 0

    def users_of(self, class_name):
        """The oldest first."""
        return self.user_greenlets.of_class(self._classes()[class_name])

    def end_users(self, users, timeout):
        """These: they may finish their task within so many seconds, and are killed then. Empties the list."""
        if timeout:
            users = self._finish(users, timeout)
        self._kill(users, again=timeout > 0)

    @staticmethod
    def _finish(users, timeout):
        """Lets the users end their tasks, `timeout` seconds at most; waiting ones end at once. Returns who is left."""
        left = join_in_pieces(kill_in_slices(users, _ends_at_once), timeout)
        if left:
            logger.info(
                "Not all users finished their tasks & terminated in %s seconds. Stopping them...",
                timeout,
            )
        return left

    @staticmethod
    def _kill(users, again=False):
        """Again: those in on_stop as well, whose time is over."""
        if not users:
            return
        # has_ended_test: it ends itself, and is perhaps in on_stop
        left = kill_in_slices(users, lambda user: not user._has_ended_test and (again or not user._is_ending))
        gevent.sleep(0)  # who links to them hears of it
        while left := join_in_pieces(left, _LAST_WAIT_S):
            logger.warning("%d users hang in on_stop: killing them again", len(left))
            left = kill_in_slices(left, lambda user: True)
            gevent.sleep(0)

    def _apply(self, user_classes_count):
        """Starts and stops users until each class has exactly so many. Starts come first:
        stopping may take the whole stop timeout."""
        self._spread_host()
        running = self.user_classes_count
        more = {n: c - running[n] for n, c in user_classes_count.items() if c > running[n]}
        fewer = {n: running[n] - c for n, c in user_classes_count.items()
                 if c < running[n] and not self._scenarios.keeps(n, c)}  # which makes users as it needs them
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("Ramping to %s", describe_users(user_classes_count))
        self.spawn_users(more)
        self.stop_users(fewer)

    def _spread_host(self):
        give_host(self.environment, self.user_classes)

    # The test as a whole

    def _fire(self, name, **args):
        """Calls the listeners of an event of the test as a whole."""
        getattr(self.environment.events, name).fire(**args)

    def _begin_test(self, is_new=True):
        """What comes before the first user of a test. Not new: its users were ended for a while,
        and what they did still counts."""
        if is_new:
            self._clear_test()
        self.environment._filter_tasks_by_tags()
        self._fire("test_start", environment=self.environment)
        self.environment._filter_by_new_tags()

    def _clear_test(self):
        """What is kept of a test: another one begins."""
        self._forget_stats()
        self.exceptions = {}
        self._usage.clear()
        self.cpu_warning_emitted = False
        self.worker_cpu_warning_emitted = False

    def _forget_stats(self):
        self.stats.clear_all()

    def _end_test(self):
        """Ends every user."""
        if self.state == settings.STATE_STOPPED:
            return
        self._fire("test_stopping", environment=self.environment)
        self.final_user_classes_count = self.user_classes_count
        self.update_state(settings.STATE_CLEANUP)
        if self.spawning_greenlet and self.spawning_greenlet is not gevent.getcurrent():
            self.spawning_greenlet.kill()
        self._end_shape()
        self._scenarios.end()
        self.stop_users(self.user_classes_count)
        self._users_dispatcher = None
        self.update_state(settings.STATE_STOPPED)
        self.cpu_log_warning()
        self._fire("test_stop", environment=self.environment)

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        """Has so many users run, started at so many a second."""
        raise NotImplementedError

    def stop(self):
        """Ends the test: all users."""
        self._end_test()

    def quit(self):
        """Ends the test, and what the runner has running. A user that calls it ends here."""
        self.stop()
        self._is_over = True
        self._kill_greenlets()
        self._leave_as_user()

    def _calling_user(self):
        me = gevent.getcurrent()
        return me.args[0] if me in self.user_greenlets else None

    def _leave_as_user(self):
        """A user ended the test: what follows in its task is not done."""
        user = self._calling_user()
        if user is not None:
            user._has_ended_test = True
            raise gevent.GreenletExit()

    def stop_test(self, reason):
        """StopTest was raised: says why and ends the test (without a page: the runner too)."""
        logger.error("%s", reason)
        logger.warning("Stopping Locust...")
        is_headless = getattr(self.environment.parsed_options, "headless", False)
        gevent.spawn(self.quit if is_headless else self.stop)

    def send_message(self, msg_type, data=None, client_id=None):
        raise NotImplementedError

    # The load shape

    def start_shape(self):
        """Runs the test as environment.shape_class says."""
        if self.shape_greenlet:
            logger.info("There is an ongoing shape test running. Editing is disabled")
            return
        logger.info("Shape test starting.")
        logger.info("Shape worker starting")
        self.update_state(settings.STATE_INIT)
        self.shape_greenlet = self._spawn(self.shape_worker)
        if self.environment.shape_class is not None:
            self.environment.shape_class.reset_time()

    def shape_worker(self):
        """Asks the shape once a second; starts, when it says something else than before."""
        while self.state in (settings.STATE_INIT, settings.STATE_SPAWNING, settings.STATE_RUNNING):
            began = time.monotonic()
            shape = self.environment.shape_class
            tick = shape.tick() if shape is not None else None
            if tick is None:
                logger.info("Shape test stopping")
                self.shape_greenlet = self.shape_last_tick = None
                is_headless = getattr(self.environment.parsed_options, "headless", False)
                self.quit() if is_headless else self.stop()
                return
            if tick != self.shape_last_tick:
                user_count, spawn_rate, *classes = check_tick(tick, self.user_classes)
                logger.info("Shape test updating to %d users at %.2f spawn rate", user_count,
                            spawn_rate)
                self.shape_last_tick = tick
                self.start(user_count=user_count, spawn_rate=spawn_rate,
                           user_classes=classes[0] if classes else None)
            gevent.sleep(max(0.0, _TICK_S - (time.monotonic() - began)))

    def _end_shape(self):
        if self.shape_greenlet is not None and self.shape_greenlet is not gevent.getcurrent():
            self.shape_greenlet.kill()
            self.shape_greenlet = None
        self.shape_last_tick = None


class DistributedRunner(Runner):
    """One side, master or worker, of a test in several processes."""


class WorkerNode:
    """What is known of one worker."""

    def __init__(self, id, state=settings.STATE_INIT, heartbeat_liveness=settings.HEARTBEAT_LIVENESS):
        self.id = id
        self.state = state
        self.heartbeat = heartbeat_liveness
        self.cpu_usage = 0
        self.cpu_warning_emitted = False
        self.memory_usage = 0
        self.user_classes_count = {}

    @property
    def user_count(self):
        return sum(self.user_classes_count.values())


class WorkerNodes(MutableMapping):
    """Workers by id."""

    def __init__(self):
        self._nodes = {}

    def __getitem__(self, key):
        return self._nodes[key]

    def __setitem__(self, key, node):
        self._nodes[key] = node

    def __delitem__(self, key):
        del self._nodes[key]

    def __iter__(self):
        return iter(list(self._nodes))

    def __len__(self):
        return len(self._nodes)

    def get_by_state(self, state):
        return [node for node in self._nodes.values() if node.state == state]

    @property
    def all(self):
        return self._nodes.values()

    @property
    def ready(self):
        return self.get_by_state(settings.STATE_INIT)

    @property
    def spawning(self):
        return self.get_by_state(settings.STATE_SPAWNING)

    @property
    def running(self):
        return self.get_by_state(settings.STATE_RUNNING)

    @property
    def missing(self):
        return self.get_by_state(settings.STATE_MISSING)

