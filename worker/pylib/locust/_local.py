# SPDX-License-Identifier: MIT
"""The runner of programs that use Locust as a library and run the whole test themselves."""

import logging

import gevent

from . import _runner_settings as settings
from ._control import Controlled
from ._runner import Runner, WorkerNode
from .dispatch import check_aim
from .rpc.protocol import Message, new_node_id

logger = logging.getLogger("locust.runners")

_SELF = "local"  # the only worker, as the machine knows it


class LocalRunner(Controlled, Runner):
    """The whole test in this process."""

    worker_index = 0
    worker_count = 1
    _node_name = "local"

    def __init__(self, environment):
        super().__init__(environment)
        self.client_id = new_node_id()
        self._local_worker_node = WorkerNode(_SELF)
        self._make_machine(is_local=True)
        self._machine.join(_SELF)
        self._spawn(self.monitor_cpu_and_memory)

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        """Ramps in a greenlet of its own; `wait` comes back when all users were started."""
        self.target_user_count = user_count
        if self.spawning_greenlet and self.spawning_greenlet is not gevent.getcurrent():
            self.spawning_greenlet.kill()
        self.spawning_greenlet = self._spawn(self._ramp, user_count, spawn_rate, user_classes)
        if wait:
            self.spawning_greenlet.join()

    def _ramp(self, user_count, spawn_rate, user_classes):
        check_aim(user_count, spawn_rate)
        if not self._begin_or_aim(user_count, spawn_rate):
            return
        if self._users_dispatcher is None:
            self._users_dispatcher = self.environment.dispatcher_class(
                worker_nodes=[self._local_worker_node], user_classes=self.user_classes
            )
        self._users_dispatcher.new_dispatch(user_count, spawn_rate, user_classes)
        for counts in self._users_dispatcher:
            users = counts[self._local_worker_node.id]
            self._apply(users)
            self._local_worker_node.user_classes_count = users
        self.target_user_classes_count = self.user_classes_count
        self._machine.set_users(_SELF, self.target_user_classes_count)
        self._on("dealt", users=sum(self.target_user_classes_count.values()), is_last=True)

    def stop(self):
        """Ends the test: all users."""
        if self._machine.is_active:
            self._on("stop")
        elif not self._has_stopped.is_set():
            self._await_stop()
        else:
            self._end_test()  # users that were started without a test

    def _counts_at_the_end(self):
        return self.user_classes_count

    def _do_stop_worker(self, _):
        self._shown_state = self._machine.state
        self.update_state(settings.STATE_CLEANUP)
        if self.spawning_greenlet and self.spawning_greenlet is not gevent.getcurrent():
            self.spawning_greenlet.kill()
        self._end_shape()
        self.stop_users(self.user_classes_count)
        self._users_dispatcher = None
        for event in ("stopped", "report"):
            self._tell(event, _SELF)
        self._machine.join(_SELF)
        self._tell("came", _SELF)

    def _test_stop(self):
        self._show_state()
        self.cpu_log_warning()
        super()._test_stop()

    def send_message(self, msg_type, data=None, client_id=None):
        """There is no other node: the listener registered here is called at once, and what it
        raises goes to the sender."""
        logger.debug("Running locally: sending %s message to self", msg_type)
        listener, _ = self.custom_messages.get(msg_type, (None, False))
        if listener is None:
            logger.warning("Unknown message type received: %s", msg_type)
        else:
            listener(environment=self.environment, msg=Message(msg_type, data, "local"))
