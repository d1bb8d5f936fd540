# SPDX-License-Identifier: MIT
"""The master-side duties of a node (docs/wire.md, "Between the master and the node that runs the
user's master-side Python"): it introduces the locustfile to the master, asks the load shape for
the master, and fires the events that in Locust fire on the master.

The script host does nothing else; a local worker does it beside running users.
"""

import logging

import gevent
from gevent.queue import Queue

from . import log, runners
from .contrib.fasthttp import FastHttpUser
from .user.inspectuser import get_ratio
from .user.users import HttpUser

logger = logging.getLogger(__name__)

_WITH_ENVIRONMENT = ("test_start", "test_stopping", "test_stop", "quitting")


class Host:
    def __init__(self, environment, role, custom_options):
        self.environment = environment
        self.role = role
        self.node = None  # set by the node
        self.is_quitting = False  # the event was fired
        self.is_over = False  # `quit` was fired: the process ends
        self.exit_code = 0
        self._custom_options = custom_options
        self._shape_runs = False
        self._events = Queue()

    def handlers(self):
        return {
            "katydid_tick": lambda message: gevent.spawn(self._tick),
            "katydid_event": self._on_event,
            "katydid_state": self._on_state,
            "katydid_stats": self._on_stats,
        }

    def introduce(self):
        """Tells the master what the locustfile holds."""
        gevent.spawn(self._fire_events)
        shape = self.environment.shape_class
        self.node.send("katydid_script", {
            "role": self.role,
            "user_classes": [self._describe(cls) for cls in self.environment.user_classes],
            "shape": shape and {
                "name": type(shape).__name__,
                "use_common_options": bool(shape.use_common_options),
            },
            "locustfile": self.environment.locustfile,
            "options": _plain(vars(self.environment.parsed_options)),
            "custom_options": _plain(self._custom_options),
        })

    @staticmethod
    def _describe(user_class):
        tree = get_ratio([user_class], {user_class.__name__: 1}, False)
        return {
            "name": user_class.__name__,
            "weight": user_class.weight,
            "fixed_count": user_class.fixed_count,
            "host": user_class.host,
            "has_connection": _has_connection(user_class),
            "tasks": tree[user_class.__name__]["tasks"],
        }

    # The load shape

    def _tick(self):
        shape = self.environment.shape_class
        try:
            if not self._shape_runs:
                self._shape_runs = True
                shape.reset_time()
            answer = _aim(shape.tick())
        except Exception as error:
            logger.exception("tick() of %s failed", type(shape).__name__)
            answer = {"error": f"{type(error).__name__}: {error}"}
        if answer is None:
            self._shape_runs = False
        self.node.send("katydid_ticked", answer)

    def shape_ended(self):
        self._shape_runs = False

    # Events

    def _on_event(self, message):
        self._events.put(message.data)

    def _fire_events(self):
        """Fires them in the master's order, one after the other; the last one ends the node."""
        while not self.is_over:
            data = self._events.get()
            name, args = data["name"], data.get("args") or {}
            self._fire(name, args)
            self.node.send("katydid_done", {
                "id": data["id"],
                "process_exit_code": self.environment.process_exit_code,
                "unhandled": log.unhandled_greenlet_exception,
            })
            if name == "quit":
                self.exit_code = args.get("exit_code", 0)
                self.is_over = True
        self.node.leave()

    def _fire(self, name, args):
        self._keep_books(name, args)
        if name in _WITH_ENVIRONMENT:
            args = {**args, "environment": self.environment}
        getattr(self.environment.events, name).fire(reverse=name == "quitting", **args)

    def _keep_books(self, name, args):
        """What the runner of a script host knows by the events it fires."""
        if name == "quitting":
            self.is_quitting = True
        elif name in ("test_stopping", "test_stop"):
            self.shape_ended()
        elif name == "reset_stats":
            self.environment.stats.reset_all()
        if self.role != "script-host":
            return
        runner = self.environment.runner
        if name == "worker_connect":
            runner._clients[args["client_id"]] = runners.WorkerNode(args["client_id"])
            runner.get_worker_index(args["client_id"])
        elif name == "worker_report" and args["client_id"] in runner._clients:
            counts = (args.get("data") or {}).get("user_classes_count") or {}
            runner._clients[args["client_id"]].user_classes_count = counts
        elif name == "test_start":
            self.environment._filter_tasks_by_tags()

    def _on_state(self, message):
        runner = self.environment.runner
        data = message.data
        if self.role == "script-host":
            runner.take_state(data)
        else:
            runner.update_state(data["state"])
            runner.target_user_count = data["target_user_count"]

    def _on_stats(self, message):
        self.environment.runner.take_stats(message.data)


def _has_connection(user_class):
    """Whether each user of the class is expected to hold a connection, and so a descriptor."""
    shares = getattr(user_class, "pool_manager", None) or getattr(user_class, "client_pool", None)
    return issubclass(user_class, (HttpUser, FastHttpUser)) and shares is None


def _aim(tick):
    """The answer to a tick; None ends the test."""
    if tick is None:
        return None
    users, spawn_rate, *rest = tick
    classes = rest[0] if rest and rest[0] is not None else None
    return {
        "users": users,
        "spawn_rate": spawn_rate,
        "user_classes": classes and [cls.__name__ for cls in classes],
    }


def _plain(value):
    """The value with everything in it that msgpack cannot carry as text."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return str(value)
