# SPDX-License-Identifier: MIT
"""Runners: what `environment.runner` is, and what starts and ends users.

The master decides how many users run where; it is another process. A runner does the part of this
process: it keeps its users at the numbers it is told (`_node.py` talks to the master) and hands
calls of the locustfile (start, stop, quit) on to the master.
"""

import gc
import logging
import socket
import time
from collections.abc import MutableMapping
from uuid import uuid4

import _katydid
import gevent
from gevent.pool import Group

from . import _errors, log
from ._group import UserGroup, kill_in_slices
from .exception import LocustError, StopTest
from .rpc import Message
from .user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

logger = logging.getLogger(__name__)

STATE_INIT = "ready"
STATE_SPAWNING = "spawning"
STATE_RUNNING = "running"
STATE_CLEANUP = "cleanup"
STATE_STOPPING = "stopping"
STATE_STOPPED = "stopped"
STATE_MISSING = "missing"

# A locustfile may set these at run time; they are read where they are used.
WORKER_REPORT_INTERVAL = 3.0  # to a Locust master; a Katydid master says how often
WORKER_LOG_REPORT_INTERVAL = 10  # negative: never
CPU_MONITOR_INTERVAL = 10.0
CPU_WARNING_THRESHOLD = 90
HEARTBEAT_INTERVAL = 1
HEARTBEAT_LIVENESS = 3
HEARTBEAT_DEAD_INTERNAL = -60
MASTER_HEARTBEAT_TIMEOUT = 60
FALLBACK_INTERVAL = 5
CONNECT_TIMEOUT = 5
CONNECT_RETRY_COUNT = 60

_SPAWN_SLICE_S = 0.01  # users are created this long, then the loop gets its turn
_LAST_WAIT_S = 60.0  # for on_stop of killed users; then they are killed once more
_MAX_EXCEPTIONS = 500


def locust_exception_handler(environment):
    """A callback for Greenlet.link_exception: StopTest ends the test, the rest is logged."""
    log_end = log.greenlet_exception_logger(logger)

    def handle(greenlet):
        if greenlet.exc_info[0] is StopTest:
            environment.runner.stop_test(greenlet.exc_info[1])
        else:
            log_end(greenlet)

    return handle


class Runner:
    """The users of this process, and the state of the test."""

    def __init__(self, environment):
        self.environment = environment
        self.user_greenlets = UserGroup()
        self.greenlet = Group()
        self.state = STATE_INIT
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
        self._node = None  # the link to the master; none in the library
        self._usage = []  # of the processor, since usage_monitor was fired
        self._spread_host()
        environment.events.request.add_listener(_katydid.record_request)
        environment.events.user_error.add_listener(self._on_user_error)
        environment.events.spawning_complete.add_listener(self._on_spawning_complete)

    def _on_user_error(self, user_instance, exception, tb, **_):
        text = _errors.format_tb(tb)
        message = str(exception)
        _katydid.stats_exception(message, text)
        self.log_exception(getattr(self, "client_id", "local"), message, text)
        if self._node is not None:
            self._node.tell_exception(message, text)

    def _on_spawning_complete(self, user_count, **_):
        self.update_state(STATE_RUNNING)
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
        return {cls.__name__: counts[cls] for cls in self.user_classes}

    def update_state(self, new_state):
        self.state = new_state

    def cpu_log_warning(self):
        """Called at the end of a test; whether the processor was the limit."""
        if self.cpu_warning_emitted:
            logger.warning("CPU usage was too high at some point during the test!")
        return self.cpu_warning_emitted

    def _note_usage(self, health, interval_s):
        """Takes one measurement; tells the listeners every CPU_MONITOR_INTERVAL."""
        self.current_cpu_usage = health["cpu_percent"]
        self.current_memory_usage = health["memory_bytes"]
        self._usage.append(health["cpu_percent"])
        if len(self._usage) * interval_s < CPU_MONITOR_INTERVAL:
            return
        cpu_usage = sum(self._usage) / len(self._usage)
        self._usage.clear()
        events = self.environment.events
        if cpu_usage > CPU_WARNING_THRESHOLD:
            events.cpu_warning.fire(environment=self.environment, cpu_usage=cpu_usage)
            if not self.cpu_warning_emitted:
                self.cpu_warning_emitted = True
                logger.warning("CPU usage above %d%%! This limits the load and spoils the "
                               "response times: use more workers.", CPU_WARNING_THRESHOLD)
        events.usage_monitor.fire(environment=self.environment, cpu_usage=cpu_usage,
                                  memory_usage=health["memory_bytes"])

    def log_exception(self, node_id, msg, formatted_tb):
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
        call = self.greenlet.spawn(listener, environment=self.environment, msg=message)
        call.link_exception(locust_exception_handler(self.environment))
        if not concurrent:
            call.join()
        return True

    # Users

    def spawn_users(self, user_classes_spawn_count, wait=False):
        """Starts so many users of each class; returns them. The loop runs in between.

        Users live long, and there may be 100,000: a garbage collection that looks at all of them
        stops the loop for a second. They are frozen (gc.freeze) until users are stopped."""
        if self.state in (STATE_INIT, STATE_STOPPED):
            self.update_state(STATE_SPAWNING)
        users = []
        turn_ends = time.monotonic() + _SPAWN_SLICE_S
        for name, count in user_classes_spawn_count.items():
            user_class = self.user_classes_by_name[name]
            for _ in range(count):
                users.append(self._start_user(user_class))
                if time.monotonic() > turn_ends:
                    gc.freeze()
                    gevent.sleep(0)
                    turn_ends = time.monotonic() + _SPAWN_SLICE_S
        gc.freeze()
        if wait:
            self.user_greenlets.join()
            logger.info("All users stopped\n")
        return users

    def _start_user(self, user_class):
        user = user_class(self.environment)
        assert hasattr(user, "environment"), (
            f"Attribute 'environment' is missing on user {user_class.__name__}: its __init__ "
            "must call super().__init__(*args, **kwargs)"
        )
        user.start(self.user_greenlets)
        return user

    def stop_users(self, user_classes_stop_count):
        """Ends so many users of each class, waiting ones first. With a stop timeout the others
        may finish their task; whoever is left then is killed. Returns when they are gone."""
        chosen = []
        for name, count in user_classes_stop_count.items():
            users = self.user_greenlets.of_class(self.user_classes_by_name[name])
            if count < len(users):
                users.sort(key=lambda user: user._state not in (None, LOCUST_STATE_WAITING))
            chosen += users[:count]
        me = gevent.getcurrent()
        caller = [user for user in chosen if user.greenlet is me]
        others = [user for user in chosen if user.greenlet is not me]
        timeout = self.environment.stop_timeout
        if timeout:
            self._finish(others, timeout)
        self._kill(others)
        for user in caller:  # the one that called: ends as soon as it gives up control
            user.greenlet.kill(block=False)
        if chosen:
            gc.unfreeze()

    def _finish(self, users, timeout):
        """Lets the users end their tasks, `timeout` seconds at most; waiting ones end at once."""
        kill_in_slices(
            user.greenlet for user in users if user._state in (None, LOCUST_STATE_WAITING)
        )
        for user in users:
            if user._state == LOCUST_STATE_RUNNING:
                user._state = LOCUST_STATE_STOPPING
        gevent.joinall([user.greenlet for user in users], timeout=timeout)
        if any(not user.greenlet.dead for user in users):
            logger.info(
                "Not all users finished their tasks & terminated in %s seconds. Stopping them...",
                timeout,
            )

    def _kill(self, users):
        left = [user.greenlet for user in users if not user.greenlet.dead]
        while left:
            kill_in_slices(left)
            gevent.joinall(left, timeout=_LAST_WAIT_S)
            left = [greenlet for greenlet in left if not greenlet.dead]
            if left:
                logger.warning("%d users hang in on_stop: killing them again", len(left))

    def _apply(self, user_classes_count):
        """Starts and stops users until each class has exactly so many. Starts come first:
        stopping may take the whole stop timeout."""
        self.target_user_classes_count = dict(user_classes_count)
        self.target_user_count = sum(user_classes_count.values())
        self._spread_host()
        running = self.user_classes_count
        more = {n: c - running[n] for n, c in user_classes_count.items() if c > running[n]}
        fewer = {n: running[n] - c for n, c in user_classes_count.items() if c < running[n]}
        self.spawn_users(more)
        self.stop_users(fewer)

    def _spread_host(self):
        if self.environment.host:
            for user_class in self.user_classes:
                user_class.host = self.environment.host

    # The test as a whole

    def _begin_test(self):
        """What comes before the first user of a test."""
        self.stats.clear_all()
        self.exceptions = {}
        self.cpu_warning_emitted = False
        self.worker_cpu_warning_emitted = False
        self.environment._filter_tasks_by_tags()
        self.environment.events.test_start.fire(environment=self.environment)

    def _end_test(self):
        """Ends every user."""
        if self.state == STATE_STOPPED:
            return
        events = self.environment.events
        events.test_stopping.fire(environment=self.environment)
        self.final_user_classes_count = self.user_classes_count
        self.update_state(STATE_CLEANUP)
        if self.spawning_greenlet and self.spawning_greenlet is not gevent.getcurrent():
            self.spawning_greenlet.kill()
        self.stop_users(self.user_classes_count)
        self._users_dispatcher = None
        self.update_state(STATE_STOPPED)
        self.cpu_log_warning()
        events.test_stop.fire(environment=self.environment)

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        """Asks for so many users, at so many a second."""
        names = None if user_classes is None else [cls.__name__ for cls in user_classes]
        self._call("start", user_count=user_count, spawn_rate=spawn_rate, user_classes=names)

    def stop(self):
        """Ends the test; comes back when it has ended, except to a user or listener that the
        end itself has to wait for."""
        if self.state in (STATE_INIT, STATE_STOPPED) and self.user_count == 0:
            return
        self._call("stop")
        me = gevent.getcurrent()
        if me not in self.user_greenlets and not self._node.owns(me):
            while self.state != STATE_STOPPED:
                gevent.sleep(0.05)

    def quit(self):
        """Ends the test and the process."""
        self._call("quit")

    def stop_test(self, reason):
        """StopTest was raised: says why and ends the test (without a page: the process too)."""
        logger.error("%s", reason)
        logger.warning("Stopping Locust...")
        options = self.environment.parsed_options
        self._call("quit" if getattr(options, "headless", False) else "stop")

    def _call(self, method, user_count=None, spawn_rate=None, user_classes=None):
        if self._node is None:
            raise LocustError(f"a {type(self).__name__} takes its orders from a master, and there "
                              "is none: start the test with the command katydid")
        self._node.call(method, user_count, spawn_rate, user_classes)

    def send_message(self, msg_type, data=None, client_id=None):
        raise NotImplementedError


class LocalRunner(Runner):
    """The whole test in this process. Without a master (the library) it ramps up by itself."""

    worker_index = 0
    worker_count = 1
    _monitor = None  # in the library: keeps runner.greenlet.join() waiting until quit()

    def __init__(self, environment):
        super().__init__(environment)
        self.client_id = f"{socket.gethostname()}_{uuid4().hex}"

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        self.target_user_count = user_count
        if self._node is not None:
            super().start(user_count, spawn_rate, wait, user_classes)
            return
        if self._monitor is None:
            self._monitor = self.greenlet.spawn(self._monitor_usage)
        if self.spawning_greenlet:
            self.spawning_greenlet.kill()
        self.spawning_greenlet = self.greenlet.spawn(
            self._ramp, user_count, spawn_rate, user_classes
        )
        self.spawning_greenlet.link_exception(locust_exception_handler(self.environment))
        if wait:
            self.spawning_greenlet.join()

    def _monitor_usage(self):
        while True:
            gevent.sleep(HEARTBEAT_INTERVAL)
            self._note_usage(_katydid.health(), HEARTBEAT_INTERVAL)

    def _ramp(self, user_count, spawn_rate, user_classes):
        if self.state not in (STATE_RUNNING, STATE_SPAWNING):
            self._begin_test()
        self.update_state(STATE_SPAWNING)
        if self._users_dispatcher is None:
            self._users_dispatcher = self.environment.dispatcher_class(
                worker_nodes=[WorkerNode("local")], user_classes=self.user_classes
            )
        logger.info("Ramping to %d users at a rate of %.2f per second", user_count, spawn_rate)
        self._users_dispatcher.new_dispatch(user_count, spawn_rate, user_classes)
        for counts in self._users_dispatcher:
            self._apply(counts["local"])
        self.environment.events.spawning_complete.fire(user_count=self.user_count)

    def stop(self):
        if self._node is not None:
            super().stop()
        else:
            self._end_test()

    def quit(self):
        if self._node is not None:
            super().quit()
            return
        self._end_test()
        self._monitor = None
        self.greenlet.kill(block=False)

    def stop_test(self, reason):
        if self._node is not None:
            super().stop_test(reason)
            return
        logger.error("%s", reason)
        logger.warning("Stopping Locust...")
        gevent.spawn(self.quit)

    def send_message(self, msg_type, data=None, client_id=None):
        """There is no other node: the message goes to the listener registered here."""
        if not self._deliver(Message(msg_type, data, "local")):
            logger.warning("Unknown message type received: %s", msg_type)


class WorkerNode:
    """What is known of one worker."""

    def __init__(self, id, state=STATE_INIT, heartbeat_liveness=HEARTBEAT_LIVENESS):
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
        return self.get_by_state(STATE_INIT)

    @property
    def spawning(self):
        return self.get_by_state(STATE_SPAWNING)

    @property
    def running(self):
        return self.get_by_state(STATE_RUNNING)

    @property
    def missing(self):
        return self.get_by_state(STATE_MISSING)


class MasterRunner(Runner):
    """The master as its locustfile sees it, from the process beside the master (script host)."""

    def __init__(self, environment, master_bind_host, master_bind_port):
        super().__init__(environment)
        self.master_bind_host = master_bind_host
        self.master_bind_port = master_bind_port
        self.spawn_rate = 0.0
        self.clients = WorkerNodes()
        self.worker_count = 0
        self._worker_indexes = {}
        self._user_count = 0  # as the master last said
        self._user_classes_count = {}

    @property
    def user_count(self):
        return self._user_count

    @property
    def user_classes_count(self):
        return dict(self._user_classes_count)

    @property
    def reported_user_classes_count(self):
        return self.user_classes_count

    def get_worker_index(self, client_id):
        return self._worker_indexes.setdefault(client_id, len(self._worker_indexes))

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        self.spawn_rate = spawn_rate
        super().start(user_count, spawn_rate, wait, user_classes)

    def send_message(self, msg_type, data=None, client_id=None):
        """To one worker, or to all."""
        self._node.send(msg_type, data, client_id)


class WorkerRunner(Runner):
    """The users of one worker of a distributed test."""

    worker_index = -1  # until the master says which

    def __init__(self, environment, master_host, master_port):
        super().__init__(environment)
        self.master_host = master_host
        self.master_port = master_port
        self.client_id = f"{socket.gethostname()}_{uuid4().hex}"

    @property
    def worker_state(self):
        return self._node.state

    @property
    def last_heartbeat_timestamp(self):
        return self._node.last_heartbeat

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        raise NotImplementedError("a worker runs what its master says: see start_worker")

    def start_worker(self, user_classes_count, **kwargs):
        """Starts and stops users until each class has exactly so many."""
        self._apply(user_classes_count)

    def stop(self):
        """Ends the users of this worker."""
        self._end_test()

    def stop_test(self, reason):
        if self._node.speaks_katydid:
            super().stop_test(reason)
            return
        # Locust's master cannot be asked to stop: end at least what runs here.
        logger.error("%s", reason)
        logger.warning("Stopping Locust...")
        gevent.spawn(self._end_test)

    def quit(self):
        """Ends the users of this worker and the process."""
        self._node.leave()

    def send_message(self, msg_type, data=None, client_id=None):
        """To the master."""
        self._node.send(msg_type, data)
