# SPDX-License-Identifier: MIT
"""The master-side duties of a node (docs/wire.md, "Between the master and the node that runs the
user's master-side Python"): it introduces the locustfile to the master, asks the load shape for
the master, and fires the events that in Locust fire on the master.

The script host does nothing else; a local worker does it beside running users.
"""

import logging
import os

import gevent
from gevent.queue import Queue
from katydid import load

from . import _about, _ends, _errors, _once, _reload, _source, _thresholds, log, opentelemetry, runners, stats
from ._needs import has_connection, has_proxies, needs_host, own_host
from ._settings import set_default_load, settings_of
from .exception import StopTest
from .shape import check_tick
from .user.arriving import callables_of
from .user.inspectuser import get_ratio
from .user.users import PytestUser

logger = logging.getLogger("locust.runners")

_LOUD = ("worker_report", "heartbeat_sent")  # events of each worker and second
_REPORTED_AT = ("test_stop", "quitting")  # what the host itself counted comes before the end
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
        self._told = None  # what the master knows of the locustfile
        self._settings = None  # as it knows them
        self.web_ui = None  # of a test with a page
        self._setup = None  # the greenlet in which it runs

    def handlers(self):
        return {
            "katydid_tick": lambda message: gevent.spawn(self._tick),
            "katydid_event": self._on_event,
            "katydid_state": self._on_state,
            "katydid_ask": self._on_ask,
            "locustfile": self._ship,
            "katydid_browse": lambda message: gevent.spawn(_browse, message.data["url"]),
            "katydid_stats": self._on_stats,
            "katydid_report": self._on_report,
            "katydid_options": self._on_options,
            "katydid_host": self._on_host,
            "katydid_shape": self._on_shape,
            "katydid_page": self._on_page,
            "katydid_gone": self._on_gone,
        }

    @property
    def is_introduced(self):
        return self._told is not None

    def introduce(self):
        gevent.spawn(self._fire_events)
        if self.web_ui is not None:
            self.web_ui.begin(self.node.send)
        self.tell_script()

    def tell_script(self):
        """Tells the master what the locustfile holds, if that is news."""
        self._settings = self._describe_settings()
        script = self._describe_script()
        if script != self._told:
            self._told = script
            self.node.send("katydid_script", script)

    def _describe_settings(self):
        """What any code may set at any time."""
        return {
            "constants": _constants(),
            "listens": self._loud_events(),
            "options": _plain(vars(self.environment.parsed_options)),
            "settings": settings_of(self.environment),
        }

    def _has_new_settings(self):
        return self._describe_settings() != self._settings

    def _describe_script(self):
        shape = self.environment.shape_class
        return {
            "role": self.role,
            "user_classes": [self._describe(cls) for cls in self.environment.user_classes],
            "shape": shape and {
                "name": type(shape).__name__,
                "use_common_options": bool(shape.use_common_options),
            },
            "shapes": [
                {"name": name, "use_common_options": bool(each.use_common_options)}
                for name, each in (self.environment.available_shape_classes or {}).items()
            ],
            "locustfile": self.environment.locustfile,
            "has_opentelemetry": opentelemetry.is_enabled,
            **self._settings,
            "custom_options": _plain(self._custom_options),
            "about": _about.describe(self.environment),
            "thresholds": _thresholds.describe(self.environment),
            "metrics": _thresholds.metrics(),
            "scenarios": load.describe(_thresholds.modules_of(self.environment), self.environment.user_classes),
            **_once.describe(self.environment),
        }

    def _loud_events(self):
        """Those that somebody listens to: of the others the master says nothing."""
        events = self.environment.events
        return [name for name in _LOUD if getattr(events, name)._handlers]

    def _describe(self, user_class):
        tree = get_ratio([user_class], {user_class.__name__: 1}, False)
        return {
            "name": user_class.__name__,
            "weight": float(user_class.weight),
            "fixed_count": int(user_class.fixed_count),
            "host": own_host(self.environment, user_class),
            "needs_host": needs_host(self.environment, user_class),
            "has_connection": has_connection(user_class),
            "has_proxies": has_proxies(user_class),
            "tasks": tree[user_class.__name__]["tasks"],
            "callables": callables_of(user_class),
            "has_tests": issubclass(user_class, PytestUser),
        }

    def _ship(self, message):
        """To a worker that asks for the locustfile: as it is now, helper modules beside it."""
        files = self.environment.parsed_locustfiles or []
        self.node.send("locustfile", _source.package(files), message.node_id)

    # Questions of the page

    def _on_ask(self, message):
        gevent.spawn(self._answer, message.data)

    def _answer(self, data):
        from . import _ping, _try  # most tests have nobody who asks

        answer = {"id": data["id"]}
        try:
            if data["what"] == "reload":
                answer.update(self._check_file((data.get("args") or {}).get("file")))
            elif data["what"] == "try":
                answer["result"] = _plain(_try.run(self.environment, data.get("args") or {}))
            elif data["what"] == "ping":
                answer["result"] = _ping.run(data.get("args") or {})
            else:
                answer["error"] = f"{data['what']!r} is nothing that this node can answer."
        except (_try.BadTrial, _ping.BadAddress) as error:
            answer.update(error=str(error), field=error.field)
        except Exception as error:
            logger.exception("A question of the page could not be answered")
            answer["error"] = f"{type(error).__name__}: {error}"
        self.node.send("katydid_answer", answer)

    def _check_file(self, name):
        """Whether the locustfile, or another one of its folder, can be used."""
        if name is None:
            return {"error": _reload.check()}
        files = self.environment.parsed_locustfiles or []
        path = os.path.join(os.path.dirname(files[0]), name) if files else name
        if name not in _source.choices(files, self.environment.parsed_options.locustfile):
            return {"error": f"There is no locustfile {name!r} beside the one that is loaded.", "field": "file"}
        error = _reload.check(path)
        return {"error": error} if error else {"result": {"locustfile": path}}

    # The load shape

    def _tick(self):
        shape = self.environment.shape_class
        try:
            if not self._shape_runs:
                self._shape_runs = True
                shape.reset_time()
            answer = _aim(shape.tick(), self.environment.user_classes)
        except StopTest as error:
            self.environment.runner.stop_test(error)
            answer = None
        except (Exception, KeyboardInterrupt) as error:
            _errors.log_bounded(logger, error, "Unhandled exception in greenlet: tick() of "
                                f"{type(shape).__name__}", logging.CRITICAL)
            answer = {"error": f"{type(error).__name__}: {error}"}
        except BaseException as error:
            self.node.ends.take(error)
            answer = {"error": f"{type(error).__name__}: {error}"}
        if answer is None:
            self._shape_runs = False
        self.node.send("katydid_ticked", answer)

    def shape_ended(self):
        self._shape_runs = False

    # Events

    def _on_event(self, message):
        data = message.data
        if self.role == "local" and data["name"] == "test_start":
            self.node.order(self._begin_test, data)
        elif data["name"] == "setup":
            self._setup = gevent.spawn(self._set_up, data)
        elif data["name"] == "setup_cancelled":
            if self._setup is not None:
                self._setup.kill(block=False)
        elif data["name"] == "teardown":
            gevent.spawn(self._tear_down, data)
        else:
            self._events.put(data)

    def _begin_test(self, data):
        """A local test begins, as for a worker; but users are dealt out when this is done."""
        set_default_load(self.environment.parsed_options)
        try:
            self.node.journals.begin(data["args"]["run"], data["args"])
            self.node.ends.run(self.node.begin_test, data["args"]["run"])
        except StopTest as error:  # of a listener
            self.environment.runner.stop_test(error)
        finally:
            self._done(data)

    # Once a run

    def _set_up(self, data):
        """The requests of it are told with this run's, apart; the load begins when this is done."""
        environment, args = self.environment, data["args"]
        environment.setup_data = None
        if self.role == "local":
            environment.runner._clear_test()
        self.node.begin_counting(args["run"])
        environment.runner._spread_host()
        packed, is_failed = self._once("setup", lambda: _once.set_up(environment, args["timeout"]))
        self._done(data, setup=packed, failed=is_failed)

    def _tear_down(self, data):
        timeout = data["args"]["timeout"]
        _, is_failed = self._once("teardown", lambda: _once.tear_down(self.environment, timeout))
        self.node.report()
        self._done(data, failed=is_failed)

    def _once(self, kind, body):
        """What it gave, and whether it failed."""
        try:
            return body(), False
        except gevent.GreenletExit:
            raise
        except Exception as error:
            _once.tell(kind, error)
        except BaseException as error:
            self.node.ends.take(error)
        return None, True

    def _done(self, data, **more):
        name = data["name"]
        if name == "test_start" or (name not in _LOUD and self._has_new_settings()):
            self.tell_script()
        if name in _REPORTED_AT:
            self.node.report()
        self.node.send("katydid_done", {
            "id": data["id"],
            "process_exit_code": _ends.exit_number(self.environment.process_exit_code),
            "unhandled": log.unhandled_greenlet_exception,
            **more,
        })

    def _fire_events(self):
        """Fires them in the master's order, one after the other; the last one ends the node."""
        while not self.is_over:
            data = self._events.get()
            name, args = data["name"], data.get("args") or {}
            self._fire_safely(name, args)
            self._done(data)
            if name == "quit":
                _ends.tell_words(self.environment.process_exit_code)
                self.exit_code = args.get("exit_code", 0)
                self.is_over = True
        self.node.leave()

    def _fire_safely(self, name, args):
        """The master waits for the answer, whatever a listener does."""
        ends = self.node.ends
        if name in ("quitting", "quit"):
            ends.run_last(self._fire, name, args)
            return
        try:
            ends.run(self._fire_in_greenlet, name, args)
        except StopTest as error:
            self.environment.runner.stop_test(error)
        except Exception as error:
            _errors.log_bounded(logger, error)
            log.unhandled_greenlet_exception = True

    def _fire_in_greenlet(self, name, args):
        """In Locust a greenlet of the master ends with it, which makes an exit code."""
        try:
            self._fire(name, args)
        except KeyboardInterrupt:
            log.unhandled_greenlet_exception = True
            raise

    def _fire(self, name, args):
        self._keep_books(name, args)
        args.pop("run", None)
        if name in _WITH_ENVIRONMENT:
            args = {**args, "environment": self.environment}
        getattr(self.environment.events, name).fire(reverse=name == "quitting", **args)
        if name == "test_start" and self._shape_runs:
            self.environment.shape_class.reset_time()

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
        elif name == "test_stopping":
            runner.final_user_classes_count = runner.user_classes_count
        elif name == "test_start":
            set_default_load(self.environment.parsed_options)
            self.node.begin_counting(args.get("run", ""))
            runner._spread_host()
            self.environment._filter_tasks_by_tags()

    def _on_state(self, message):
        if self._has_new_settings():
            self.tell_script()
        runner = self.environment.runner
        data = message.data
        if data["state"] not in (runners.STATE_SPAWNING, runners.STATE_RUNNING):
            self.shape_ended()
        if self.role == "script-host":
            runner.take_state(data)
        else:
            runner.update_state(data["state"])
            runner.target_user_count = data["target_user_count"]

        if self.web_ui is not None:
            self.web_ui.tell()

    # What people choose in the page

    def _on_options(self, message):
        """The master changed values of options; their types are those of the present ones, but a
        type of the locustfile's own makes its value of the text."""
        environment = self.environment
        own = vars(environment.parsed_options)
        for name, value in message.data.items():
            if name not in own or _plain(own[name]) == value:
                continue
            is_own_type = own[name] is not None and _plain(own[name]) is not own[name]
            is_text = is_own_type and isinstance(value, str)
            own[name] = type(own[name])(value) if is_text else value
            if name == "profile":
                environment.profile = value or None

    def _on_host(self, message):
        self.environment.host = message.data or None

    def _on_shape(self, message):
        shape = (self.environment.available_shape_classes or {}).get(message.data)
        if shape is not None:
            shape.runner = self.environment.runner
        self.environment.shape_class = shape
        self._shape_runs = False

    def _on_gone(self, message):
        for listener in self.environment.runner._gone_listeners:
            listener(message.data)

    def _on_page(self, message):
        if self.web_ui is not None:
            self.web_ui.on_page(message.data)

    def _on_report(self, message):
        self.environment.runner._take_report(message.data["html"])

    def _on_stats(self, message):
        self.environment.runner.take_stats(message.data)


def _browse(url):
    """Somebody pressed Enter on the master's terminal."""
    try:
        import webbrowser

        if not webbrowser.open_new_tab(url):
            logger.warning("No browser could be started; the page is at %s", url)
    except Exception:
        logger.exception("No browser could be started")


_usual_width = stats.STATS_NAME_WIDTH  # of this terminal; the master looks at its own
_CONSTANTS = {
    stats: ("PERCENTILES_TO_REPORT", "PERCENTILES_TO_STATISTICS", "PERCENTILES_TO_CHART",
            "CONSOLE_STATS_INTERVAL_SEC", "CSV_STATS_INTERVAL_SEC", "HISTORY_STATS_INTERVAL_SEC",
            "STATS_NAME_WIDTH"),
    runners: ("CPU_WARNING_THRESHOLD", "HEARTBEAT_INTERVAL", "HEARTBEAT_LIVENESS"),
}


def _constants():
    """What a locustfile may set, and the master works with (docs/wire.md)."""
    found = {name: _plain(getattr(module, name))
             for module, names in _CONSTANTS.items() for name in names}
    if found["STATS_NAME_WIDTH"] == _usual_width:
        del found["STATS_NAME_WIDTH"]
    return found


def _aim(tick, known_classes):
    """The answer to a tick; None ends the test."""
    if tick is None:
        return None
    users, spawn_rate, classes = check_tick(tick, known_classes)
    return {
        "users": users,
        "spawn_rate": spawn_rate,
        "user_classes": None if classes is None else [cls.__name__ for cls in classes],
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
