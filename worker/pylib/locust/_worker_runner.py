# SPDX-License-Identifier: MIT
"""The worker of programs that use Locust as a library; the link to its master is _node.py's."""

import logging

import gevent
from gevent.event import Event

from . import _runner_settings as settings
from ._node import Node
from ._runner import DistributedRunner
from ._written import Written
from .rpc import rpc
from .rpc.protocol import new_node_id

logger = logging.getLogger("locust.runners")

_COMPLAIN_AFTER_S = 30  # of knocking: from then on at level INFO


class WorkerRunner(DistributedRunner):
    """The users of one worker of a distributed test."""

    worker_index = -1  # until the master says which
    _node = None  # set by the node

    def __init__(self, environment, master_host, master_port):
        super().__init__(environment)
        self.master_host = master_host
        self.master_port = master_port
        self.client_id = new_node_id()
        self.connection_event = Event()
        self.retry = 0
        self.connected = False
        self._connect()

    def _count_in_core(self):
        stats = self.environment.stats
        if stats._written is None:
            stats._written = Written(stats, self, is_masters=False)
        return super()._count_in_core()

    def _connect(self):
        """Comes back when the master has taken us."""
        endpoint = f"tcp://{self.master_host}:{self.master_port}"
        node = Node(self, endpoint, self.client_id, channel=self._open_channel, spawn=self._spawn)
        self.environment.events.quitting.add_listener(node.say_quit)
        self._spawn(self._end_with, node)
        node.start()
        while not self.connection_event.wait(timeout=settings.CONNECT_TIMEOUT):
            self.retry += 1
            is_long = self.retry * settings.CONNECT_TIMEOUT >= _COMPLAIN_AFTER_S
            logger.log(logging.INFO if is_long else logging.DEBUG,
                       "Failed to connect to master %s:%s, retry %d/%d.", self.master_host,
                       self.master_port, self.retry, settings.CONNECT_RETRY_COUNT)
            if self.retry > settings.CONNECT_RETRY_COUNT:
                self._kill_greenlets()
                raise ConnectionError(f"no master answers at {endpoint}")
            node._say_ready()
        self.connected = True

    def _open_channel(self):
        self.client = rpc.Client(self.master_host, self.master_port, self.client_id)
        return self.client

    def _end_with(self, node):
        """The master, or somebody here, said quit, and the node has seen to it."""
        node.finished.get()
        self._is_over = True
        self._kill_greenlets()

    @property
    def _node_name(self):
        return self.client_id

    @property
    def worker_state(self):
        return self._node.state

    @property
    def last_heartbeat_timestamp(self):
        return self._node.last_heartbeat

    def _note_exception(self, message, text, name):
        """Counted for the master; log_exception() of user code is only for the worker itself."""
        self._core.exception(message, text, name)
        self.log_exception(self._node_name, message, text)
        if self._node is not None:
            self._node.tell_exception(message, text)

    def log_exception(self, node_id, msg, formatted_tb):
        self._add_exception(node_id, msg, formatted_tb)

    def _send_stats(self):
        """A report to the master now. Plug-ins call it, and replace it: each report goes this way."""
        self._node.send_stats()

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        raise NotImplementedError("use start_worker: a worker runs what its master says")

    def start_worker(self, user_classes_count, **kwargs):
        """Starts and stops users until each class has exactly so many."""
        self.target_user_classes_count = dict(user_classes_count)
        self.target_user_count = sum(user_classes_count.values())
        self._apply(user_classes_count)

    def stop_test(self, reason):
        """A worker can ask its master for it only if that is Katydid's; else it ends its own part."""
        logger.error("%s", reason)
        logger.warning("Stopping Locust...")
        is_headless = getattr(self.environment.parsed_options, "headless", False)
        if self._node.speaks_katydid:
            self._node.call("quit" if is_headless else "stop")
        else:
            gevent.spawn(self._end_test)

    def quit(self):
        """Ends the users, tells the master, and ends what the runner has running."""
        self._node.leave()
        self._leave_as_user()
        me = gevent.getcurrent()
        if me not in self.greenlet:
            self._node.finished.wait()
            self.greenlet.join(timeout=1)

    def send_message(self, msg_type, data=None, client_id=None):
        """To the master."""
        self._node.send(msg_type, data)
