# SPDX-License-Identifier: MIT
"""A master in Python, for programs that use Locust as a library (docs/library.md).

It speaks Locust's protocol to any worker. The command katydid has its master in C; there, a
HostedMasterRunner shows it to the locustfile.

What a message means for the test is the run machine's to say (_control.py). Three greenlets:
client_listener takes messages one by one, heartbeat_worker counts down the beats of the workers, and
whoever calls start() carries out the ramp. Users are handed out by environment.dispatcher_class; a worker
that comes or goes makes that spread all users anew.
"""

import logging
import os
import re
import sys
import time
import traceback
from collections import Counter

import gevent
from _katydid import steady
from gevent.pool import Group

from . import _once
from . import _runner_settings as settings
from ._control import Controlled
from ._runner import DistributedRunner, WorkerNode, WorkerNodes
from ._version import __version__
from .dispatch import check_aim
from .exception import RPCError, RPCReceiveError, RPCSendError
from .rpc import Message, rpc
from ._stats import setup_distributed_stats_event_listeners
from .util.directory import get_abspaths_in
from .util.url import is_url

logger = logging.getLogger("locust.runners")

_LAST_REPORTS_S = 0.5  # after `quit`: for the last statistics of the workers
_REPORT_WAIT_S = 1.0  # after a ramp: until the workers have said that their users run


class _Node(WorkerNode):
    """A worker, as the machine knows it."""

    def __init__(self, machine, client_id):
        self._machine = machine
        self.knows = None  # what setup gave and it was told; the very object
        self.is_katydid = False
        super().__init__(client_id, heartbeat_liveness=settings.HEARTBEAT_LIVENESS)

    @property
    def state(self):
        return self._machine.state_of(self.id)

    @state.setter
    def state(self, state):
        """It follows from what the worker does."""

    @property
    def user_classes_count(self):
        return self._user_classes_count

    @user_classes_count.setter
    def user_classes_count(self, counts):
        self._machine.set_users(self.id, counts)
        self._user_classes_count = counts


class MasterRunner(Controlled, DistributedRunner):
    """Runs a test on the workers that connect to it."""

    _counts_in_core = False
    _node_name = "local"

    def __init__(self, environment, master_bind_host, master_bind_port):
        super().__init__(environment)
        self.master_bind_host = master_bind_host
        self.master_bind_port = master_bind_port
        self.spawn_rate = 0.0
        self.spawning_completed = False
        self.worker_indexes = {}
        self.worker_index_max = 0
        self.clients = WorkerNodes()
        self._sends_stop = True  # to the workers, when the test stops
        self._is_spreading = False  # start() was called because the workers changed
        self._must_spread = False
        self._open()
        environment.events.quitting.add_listener(self._on_quitting)

    def _open(self):
        self._make_machine(is_local=False)
        setup_distributed_stats_event_listeners(self.environment.events, self.stats)
        self.environment.events.worker_report.add_listener(self._on_worker_report)
        try:
            self.server = rpc.Server(self.master_bind_host, self.master_bind_port)
        except RPCError as error:
            if "Address already in use" not in str(error):
                raise
            where = f"{self.master_bind_host}:{self.master_bind_port}".removeprefix("*:")
            logger.error(
                "The Locust master port (%s) was busy. Close any applications using that port - "
                "perhaps an old instance of Locust master is still running? (%s)", where, error)
            sys.exit(1)
        for body in (self.monitor_cpu_and_memory, self.heartbeat_worker, self.client_listener):
            self._spawn(body)

    def _on_worker_report(self, client_id, data, **_):
        if client_id not in self.clients:
            logger.info("Discarded report from unrecognized worker %s", client_id)
            return
        self.clients[client_id].user_classes_count = data["user_classes_count"]
        self._tell("users", client_id)

    def _on_quitting(self, **_):
        self.quit()

    # What is known

    def rebalancing_enabled(self):
        return bool(getattr(self.environment.parsed_options, "enable_rebalancing", False))

    def get_worker_index(self, client_id):
        """The same as long as this master lives; no number is given twice."""
        if client_id not in self.worker_indexes:
            self.worker_indexes[client_id] = self.worker_index_max
            self.worker_index_max += 1
        return self.worker_indexes[client_id]

    def _active(self):
        return self.clients.ready + self.clients.spawning + self.clients.running

    @property
    def worker_count(self):
        return len(self._active())

    @property
    def user_count(self):
        return sum(client.user_count for client in self.clients.values())

    @property
    def reported_user_classes_count(self):
        counts = Counter()
        for client in self._active():
            counts.update(client.user_classes_count)
        return dict(counts)

    def cpu_log_warning(self):
        is_warned = super().cpu_log_warning()
        if self.worker_cpu_warning_emitted:
            logger.warning("CPU usage threshold was exceeded on workers during the test!")
        return is_warned or self.worker_cpu_warning_emitted

    # Start

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        """Has the workers run so many users; comes back when they do."""
        self.spawning_completed = False
        self.target_user_count = user_count
        check_aim(user_count, spawn_rate)
        workers = self._active()
        if not workers:
            logger.warning("You can't start a distributed test before at least one worker processes "
                           "has connected")
            return
        self._spread_host()
        self.spawn_rate = spawn_rate
        is_new = not self._machine.is_active
        if not self._begin_or_aim(user_count, spawn_rate):
            return
        if is_new and self.environment.shape_class:
            self.environment.shape_class.reset_time()
        if self._users_dispatcher is None:
            self._users_dispatcher = self.environment.dispatcher_class(
                worker_nodes=self._active(), user_classes=self.user_classes
            )
        self._users_dispatcher.new_dispatch(
            target_user_count=user_count, spawn_rate=spawn_rate, user_classes=user_classes
        )
        try:
            self._ramp(self._users_dispatcher)
        except KeyboardInterrupt:
            self.quit()

    def _ramp(self, dispatcher):
        counts = {}
        for counts in dispatcher:
            if self._users_dispatcher is not dispatcher:  # stopped meanwhile
                return
            sending = Group()
            for node_id, users in counts.items():
                sending.spawn(self._send_spawn, node_id, users)
            sending.join()
            self._on("dealt", users=sum(sum(users.values()) for users in counts.values()))
        total = Counter()
        for users in counts.values():
            total.update(users)
        self.target_user_classes_count = dict(total)
        self._settle_s = self._wait_for_workers_report_after_ramp_up()
        self._on("dealt", users=sum(total.values()), is_last=True)
        while self._machine.is_active and not self.spawning_completed:
            gevent.sleep(0.01)
            self._on("time")

    def _send_setup(self, node_id):
        """What the run's setup gave, before the first of its users. Stock workers cannot have it."""
        node = self.clients.get(node_id)
        if self._packed is None or node is None or not node.is_katydid or node.knows is self._packed:
            return
        node.knows = self._packed
        self.server.send_to_client(Message("katydid_setup", _once.unpack(self._packed), node_id))

    def _send_spawn(self, node_id, user_classes_count):
        self._send_setup(node_id)
        options = self.environment.parsed_options
        self.server.send_to_client(Message("spawn", {
            "timestamp": steady(),
            "user_classes_count": user_classes_count,
            "host": self.environment.host,
            "stop_timeout": self.environment.stop_timeout,
            "parsed_options": vars(options) if options else {},
        }, node_id))

    def _do_tell_spawned(self, users):
        self.send_message("spawning_complete", data={"user_count": users})
        self.spawning_completed = True

    @staticmethod
    def _wait_for_workers_report_after_ramp_up():
        """Seconds, or "<n> * WORKER_REPORT_INTERVAL", from the environment."""
        given = os.getenv("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP")
        if given is None:
            return _REPORT_WAIT_S
        intervals = re.fullmatch(r"\s*([0-9.]+)\s*\*\s*WORKER_REPORT_INTERVAL\s*", given)
        return (float(intervals[1]) * settings.WORKER_REPORT_INTERVAL) if intervals else float(given)

    def _spread(self):
        """The workers changed: gives each of them its share of the users. One at a time, and in a
        greenlet of its own, so that messages and heartbeats are heard meanwhile."""
        self._must_spread = True
        if not self._is_spreading:
            self._is_spreading = True
            self._spawn(self._spread_all)

    def _spread_all(self):
        try:
            while self._must_spread and self.state == settings.STATE_RUNNING:
                self._must_spread = False
                self.start(self.target_user_count, self.spawn_rate)
        finally:
            self._is_spreading = self._must_spread = False

    def _worker_came(self, node):
        if self._users_dispatcher is not None:
            self._users_dispatcher.add_worker(worker_node=node)
            self._spread_if_steady()

    def _worker_went(self, node):
        if self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(node)
            if self.worker_count:
                self._spread_if_steady()

    def _spread_if_steady(self):
        """During a ramp its next step sees to it."""
        is_ramping = self._users_dispatcher.dispatch_in_progress
        if self.state == settings.STATE_RUNNING and (self._is_spreading or not is_ramping):
            self._spread()

    # Stop

    def stop(self, send_stop_to_client=True):
        """Ends the test; comes back when no user runs any more, but not to those who hear the workers."""
        if self._machine.is_active:
            self._sends_stop = send_stop_to_client
            self._on("stop")
        if send_stop_to_client and gevent.getcurrent() not in self.greenlet:
            self._await_stop()

    def quit(self):
        """Ends the test, the workers' processes and this runner."""
        self.stop(send_stop_to_client=False)
        if self._is_over:
            return
        self._is_over = True
        self.send_message("quit")
        self._release_workers()
        gevent.sleep(_LAST_REPORTS_S)
        self._kill_greenlets()
        self.server.close(linger=0)

    def _release_workers(self):
        """A stop that somebody else carries out waits for them no longer."""
        if self._machine.state == settings.STATE_STOPPING:
            for node_id in self.clients:
                self._release(node_id)
            self._perform()

    def _release(self, node_id):
        self._tell("stopped", node_id)
        self._tell("report", node_id)

    def _counts_at_the_end(self):
        return self.reported_user_classes_count

    def _test_stopping(self):
        super()._test_stopping()
        self._end_shape()
        self._users_dispatcher = None

    def _do_stop_worker(self, node_id):
        self._show_state()
        if self._sends_stop:
            self.send_message("stop", client_id=node_id)
        else:  # it hears `quit` in a moment
            self._release(node_id)

    def check_stopped(self):
        """Shows the state of the test; whether it is over is decided elsewhere."""
        self._show_state()

    # Heartbeats

    def heartbeat_worker(self):
        while True:
            gevent.sleep(settings.HEARTBEAT_INTERVAL)
            if self.connection_broken:
                self.reset_connection()
                continue
            self._forget_dead()
            for client in list(self.clients.all):
                client.heartbeat -= 1
            for node_id in self._machine.tick():
                self._lose(node_id)
            self._tell("second")
            self._perform_aside()

    def _lose(self, node_id):
        logger.info("Worker %s failed to send heartbeat, setting state to missing.", node_id)
        client = self.clients.get(node_id)
        if client is not None:
            client.user_classes_count = {}
        if client is not None and self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(client)
            is_steady = self._machine.state == settings.STATE_RUNNING
            if self.rebalancing_enabled() and is_steady and self.worker_count:
                self._spread()
        self._tell("lost", node_id)

    def _forget_dead(self):
        dead = [
            client.id
            for client in self.clients.missing
            if client.heartbeat <= settings.HEARTBEAT_DEAD_INTERNAL
        ]
        for client_id in dead:
            del self.clients[client_id]
        if dead and self.worker_count and self.state in (settings.STATE_RUNNING,
                                                         settings.STATE_SPAWNING):
            self._users_dispatcher = None  # made anew, without them
            self._spread()

    def reset_connection(self):
        logger.info("Resetting RPC server and all worker connections.")
        try:
            self.server.close(linger=0)
            self.server = rpc.Server(self.master_bind_host, self.master_bind_port)
            self.connection_broken = False
        except RPCError as error:
            logger.error("Temporary failure when resetting connection: %s, will retry later.", error)

    # Messages

    def client_listener(self):
        while True:
            try:
                client_id, message = self.server.recv_from_client()
            except RPCReceiveError as error:
                self._answer_garbage(error)
            except (RPCError, RPCSendError) as error:
                level = logging.ERROR if self.worker_count else logging.DEBUG
                logger.log(level, "RPCError: %s. Will reset RPC server.", error)
                self.connection_broken = True
                gevent.sleep(settings.FALLBACK_INTERVAL)
            else:
                self._handle_safely(client_id, message)

    def _handle_safely(self, client_id, message):
        """What a worker sent may be anything: it costs that message."""
        try:
            self.handle_message(client_id, message)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            logger.error("Message %s of %s cannot be understood: %s: %s\n%s", message.type, client_id,
                         type(error).__name__, error, traceback.format_exc())

    def _answer_garbage(self, error):
        if error.addr not in self.clients:
            sender = f" from {error.addr}" if error.addr else ""
            logger.error("Unrecognized message detected: %s%s", error, sender)
            return
        logger.error("RPCError when receiving from client: %s. Will reset client %s.", error,
                     error.addr)
        try:
            self.server.send_to_client(Message("reconnect", None, error.addr))
        except Exception as failure:
            logger.error("Error sending reconnect message to worker: %s. Will reset RPC server.",
                         failure)
            self.connection_broken = True
            gevent.sleep(settings.FALLBACK_INTERVAL)

    def handle_message(self, client_id, msg):
        handler = getattr(self, f"_got_{msg.type}", None)
        if handler is not None:
            handler(client_id, msg)
        elif msg.type in self.custom_messages:
            self._deliver_custom(msg)
        else:
            logger.warning("Unknown message type received from worker %s (index %d): %.100s",
                           msg.node_id, self.get_worker_index(msg.node_id), msg.type)
        self._perform_aside()

    def _deliver_custom(self, msg):
        listener, concurrent = self.custom_messages[msg.type]
        if concurrent:
            gevent.spawn(listener, environment=self.environment, msg=msg)
            return
        try:
            listener(environment=self.environment, msg=msg)
        except Exception:
            logger.error("Uncaught exception in handler for %s\n%s", msg.type, traceback.format_exc())

    def _got_client_ready(self, client_id, msg):
        if not msg.data:
            logger.error("An old (pre 2.0) worker tried to connect (%s). That's not going to work.",
                         client_id)
            return
        self._compare_version(client_id, msg.data)
        index = self.get_worker_index(client_id)
        self.send_message("ack", client_id=client_id, data={"index": index})
        self.environment.events.worker_connect.fire(client_id=msg.node_id)
        was_known = self.clients.get(client_id)
        if was_known is not None and self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(was_known)
        self._machine.join(client_id)
        node = self.clients[client_id] = _Node(self._machine, client_id)
        node.is_katydid = "+katydid" in str(msg.data)
        self._tell("came", client_id)
        self._worker_came(node)
        level, again = (logging.DEBUG, " (duplicate message)") if was_known else (logging.INFO, "")
        logger.log(level, "%s (index %d) reported as ready%s. %d workers connected.", client_id,
                   index, again, self.worker_count)

    @staticmethod
    def _compare_version(client_id, version):
        if version in (__version__, -1):
            return
        is_near = str(version)[:4] == __version__[:4]
        logger.log(
            logging.DEBUG if is_near else logging.WARNING,
            "A worker (%s) running a different %sversion (%s) connected, master version is %s",
            client_id, "patch " if is_near else "", version, __version__)

    def _got_locustfile(self, client_id, msg):
        try:
            answer = {"locustfiles": self._locustfiles()}
        except (OSError, UnicodeDecodeError) as error:
            text = ("locustfile must be a full path to a single locustfile, a comma-separated list "
                    f"of .py files, or a URL for file distribution to work: {error}")
            logger.error(text)
            answer = {"error": text}
        self.send_message("locustfile", client_id=client_id, data=answer)

    def _locustfiles(self):
        names = []
        for name in self.environment.parsed_locustfiles or []:
            is_folder = os.path.isdir(name)
            names += sorted(get_abspaths_in(name, extension=".py")) if is_folder else [name.strip()]
        if not names:
            raise FileNotFoundError("this master has no locustfile (Environment(parsed_locustfiles))")
        files = []
        for name in names:
            if is_url(name):
                files.append(name)
                continue
            with open(name, encoding="utf-8") as file:
                files.append({"filename": os.path.basename(name), "contents": file.read()})
        return files

    def _got_client_stopped(self, client_id, msg):
        client = self.clients.pop(msg.node_id, None)
        if client is None:
            logger.warning("Received %s message from an unknown worker: %s.", msg.type, msg.node_id)
            return
        self._worker_went(client)
        logger.info("%s (index %d) reported that it has stopped", msg.node_id,
                    self.get_worker_index(client_id))
        self._release(client.id)  # its last report may still come, and counts

    def _got_heartbeat(self, client_id, msg):
        client = self.clients.get(msg.node_id)
        if client is None:
            logger.debug("Got heartbeat message from unknown worker %s", msg.node_id)
            return
        client.heartbeat = settings.HEARTBEAT_LIVENESS
        was_missing = client.state == settings.STATE_MISSING
        self._machine.heard(client.id)
        self._tell("back" if was_missing else "beat", client.id, beat=str(msg.data["state"]))
        if was_missing:
            logger.info("Worker %s self-healed with heartbeat, setting state to %s.", client.id,
                        client.state)
            self._worker_came(client)
        client.cpu_usage = msg.data["current_cpu_usage"]
        client.memory_usage = msg.data.get("current_memory_usage", client.memory_usage)
        if client.cpu_usage > settings.CPU_WARNING_THRESHOLD and not client.cpu_warning_emitted:
            self.worker_cpu_warning_emitted = client.cpu_warning_emitted = True
            self._tell("busy", client.id)
        self.environment.events.heartbeat_sent.fire(client_id=msg.node_id, timestamp=time.time())
        self.server.send_to_client(Message("heartbeat", None, msg.node_id))

    def _got_stats(self, client_id, msg):
        """Of anyone who was ever a worker of ours: the last ones come when it has stopped."""
        if msg.node_id not in self.worker_indexes:
            logger.info("Discarded report from unrecognized worker %s", msg.node_id)
            return
        self.environment.events.worker_report.fire(client_id=msg.node_id, data=msg.data)

    def _got_spawning(self, client_id, msg):
        if self._known_or_quit(msg):
            self._tell("spawns", msg.node_id)

    def _got_spawning_complete(self, client_id, msg):
        if self._known_or_quit(msg):
            self.clients[msg.node_id].user_classes_count = msg.data["user_classes_count"]
            self._tell("users", msg.node_id, is_last=True)

    def _known_or_quit(self, msg):
        if msg.node_id in self.clients:
            return True
        logger.warning("Got %s message from unknown worker %s. Asking worker to quit.", msg.type,
                       msg.node_id)
        self.server.send_to_client(Message("quit", None, msg.node_id))
        return False

    def _got_logs(self, client_id, msg):
        self.environment.update_worker_logs(msg.data)

    def _got_quit(self, client_id, msg):
        client = self.clients.pop(msg.node_id, None)
        if client is None:
            return
        self._worker_went(client)
        self._tell("quit", client.id)
        if self.worker_count <= 0 and getattr(self.environment.parsed_options, "headless", False):
            self._spawn(self.quit)

    def _got_exception(self, client_id, msg):
        self.log_exception(msg.node_id, msg.data["msg"], msg.data["traceback"])

    def send_message(self, msg_type, data=None, client_id=None):
        """To one worker, or to all that are known."""
        ids = [client_id] if client_id else [client.id for client in self.clients.all]
        for node_id in ids:
            logger.debug("Sending %s message to worker %s", msg_type, node_id)
            self.server.send_to_client(Message(msg_type, data, node_id))
