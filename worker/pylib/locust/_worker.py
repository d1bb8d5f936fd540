# SPDX-License-Identifier: MIT
"""A worker process from start to end: reads what the master (or the command line) wants of it,
imports the locustfile, and hands over to the node.

Whatever is wrong with the locustfile is said here, once, in the words of its author's trade: a
message with cause and mend, or the author's own traceback; the exit codes are those of
docs/exit-codes.md.
"""

import fcntl
import gc
import hashlib
import inspect
import json
import logging
import os
import signal
import sys
import traceback

import _katydid
import gevent

import locust

from . import _along, _errors, _lines, _reload, _source, argument_parser, log, opentelemetry, runners, stats
from ._channel import Channel
from ._host import Host
from ._needs import mentions, needs_host
from ._ends import exit_code
from ._hosted import HostedLocalRunner, HostedMasterRunner, HostedWorkerRunner
from ._node import Node
from ._source import EXIT_IMPORT, Refusal
from .dispatch import UsersDispatcher
from .env import Environment
from .exception import StopTest
from .rpc.protocol import Message, new_node_id
from ._stats_settings import validate_stats_configuration
from ._version import __version__
from .user.inspectuser import print_task_ratio, print_task_ratio_json
from .user.users import MISSING_HOST, PytestUser
from .util.load_locustfile import has_test_functions, load_locustfile, load_locustfile_pytest

logger = logging.getLogger(__name__)
main_logger = logging.getLogger("locust.main")

EXIT_USAGE = 2
EXIT_NO_USERS = 66
EXIT_NO_TASKS = 67
EXIT_NO_HOST = 69
EXIT_CONFIG_USERS = 255
_LOOK_S = 0.1
_GOODBYE_MS = 1000  # for a master that is not there
_WHY_MAX = 2000
_OF_OURS = range(64, 80)  # called by the name locust, we end with 1 as Locust does


class UnhandledError(Exception):
    """A listener of `init` failed: the traceback, which is logged already."""


def main(config_path):
    """The process. Returns its exit code."""
    _lines.install()
    config = _read_config(config_path)
    name = config.get("name") or "katydid"
    try:
        return _run(config)
    except Refusal as refusal:
        _reload.leave_refusal(config, refusal.text, str(refusal))
        if _is_to_be_said(config, str(refusal)):
            _say(name, refusal)
        code = 1 if name == "locust" and refusal.code in _OF_OURS else refusal.code
        return _ends_early(config, code, refusal.text)
    except SystemExit as end:  # of the locustfile, or argparse
        if _is_far(config):
            logger.warning("This worker ends before it has joined its master, which goes on without it")
        is_text = end.code is not None and not isinstance(end.code, int)
        if config.get("refusal"):
            _reload.leave_refusal(config, *_why_ended(end))
        is_said = is_text and not _is_to_be_said(config, str(end.code))
        return _ends_early(config, 1 if is_said else exit_code(end), _why_ended(end)[0])
    except Exception as error:
        text = _errors.format_exception(error)
        _reload.leave_refusal(config, text, text)
        _ends_early(config, 1, text)
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _is_far(config):
    return config["role"] == "worker" and config["endpoint"].startswith("tcp:")


def _ends_early(config, code, why):
    """The code, once the master on another machine knows that this worker will not join it. One that
    started us sees it."""
    if not _is_far(config) or config.get("list"):
        return code
    node_id = config.get("node_id") or new_node_id()
    link = Channel(config["endpoint"], node_id)
    link.send(Message("exception", {
        "msg": f"Worker {node_id} ended before it could join (exit code {code})",
        "traceback": why[:_WHY_MAX],
        "exit_code": code,
    }, node_id))
    link.close(_GOODBYE_MS)
    return code


def _why_ended(end):
    """In short, and with what led to it."""
    if isinstance(end.__cause__, UnhandledError):
        return str(end.__cause__), str(end.__cause__)
    text = f"sys.exit({end.code if end.code is not None else ''}) was called"
    return text, _errors.format_exception(end)


def _say(name, refusal):
    if name != "locust":
        print(f"{name}: {refusal}", file=sys.stderr)
    elif refusal.is_logged:
        main_logger.error(refusal.text)
    else:
        print(refusal.text, file=sys.stderr)


def _is_to_be_said(config, text):
    """What is wrong with a locustfile is wrong in all processes that a master starts, and is said by
    one. The master's host says it, whereupon the master ends the others. If the host is well the
    master makes the file `said`, and the first of the workers speaks."""
    path = config.get("said")
    if not path:
        return True
    while not os.path.exists(path):
        gevent.sleep(_LOOK_S)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    try:
        with open(path, "r+", encoding="ascii") as said:
            fcntl.flock(said, fcntl.LOCK_EX)
            if digest in said.read():
                return False
            said.write(digest + "\n")
    except OSError:  # the master is just gone, or reads the file anew
        pass
    return True


def _read_config(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    os.unlink(path)
    config["folder"] = os.path.dirname(path)
    return config


def _run(config):
    options = config["options"]
    if not options.get("skip_log_setup"):
        log.setup_logging(options.get("loglevel") or "INFO", options.get("logfile"))
    if not config.get("said"):  # of the workers beside a master, it speaks
        _along.tell_of_playwright()
    is_locust = config.get("name") == "locust"
    files = _source.find(options.get("locustfile") or "locustfile.py", config["endpoint"], is_locust)
    sys.argv[:] = config.get("argv") or sys.argv
    gc.freeze()  # our own modules
    gc.enable()
    users, shapes = import_locustfiles(files)
    validate_stats_configuration()
    if is_locust:  # which fails here on what is no float
        _ = [(share * 100).is_integer() for share in stats.PERCENTILES_TO_REPORT]
    if config.get("list") == "options":
        return _answer_options(config["answer"])
    parsed, custom = argument_parser.parse_custom(
        options, config.get("extra_args") or [], config.get("settings") or [],
        config.get("name") or "katydid", config.get("own_args") or [])
    if config.get("source_addresses"):
        _katydid.source_addresses(config["source_addresses"], int.from_bytes(os.urandom(4), "big"))
    if parsed.otel:
        opentelemetry.setup_opentelemetry(parsed.locustfile, parsed.profile)
    if config.get("list") == "users":
        print("\n    ".join(["Available Users:", *users]))
        return 0
    environment = make_environment(parsed, files, users, shapes)
    if config.get("list") == "check":
        return 0
    if config.get("list"):
        _print_ratio(environment, config["list"])
        return 0
    _reload.remember(config)
    if is_locust and _is_far(config):
        main_logger.info("Starting Locust %s%s", __version__,
                         ", OpenTelemetry enabled" if opentelemetry.is_enabled else "")
    if parsed.processes:
        parsed.processes = os.cpu_count() if parsed.processes < 0 else parsed.processes
    if config["role"] == "script-host" and parsed.processes:
        parsed.expect_workers = parsed.processes  # by which scripts deal out what they have
    if config["role"] == "worker" and parsed.processes:
        _drop_masters_options(parsed)
    node = _make_node(config, environment, custom)
    if config["role"] != "worker" and not parsed.headless:
        from ._web_host import HostWebUI

        node._host.web_ui = HostWebUI(environment, config["folder"])
    _fire_init(environment)
    starts_at_once = parsed.headless or parsed.autostart
    if config["role"] != "worker" and starts_at_once and not is_locust:  # it learns it of its users
        check_hosts(environment)
    _handle_signals(node, _is_far(config))
    gc.collect()
    gc.freeze()  # modules and classes stay: later collections need not look at them
    node.start()
    return _await_end(node)


def _drop_masters_options(options):
    """The workers that --processes starts know nothing of what is only the master's, as in
    Locust."""
    options.worker = True
    options.run_time = options.autostart = options.csv_prefix = options.html_file = None
    options.print_stats = None
    options.stats_history_enabled = False


def _answer_options(path):
    """Tells the master which options the locustfile adds, before it reads the command line."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(argument_parser.custom_options(), file)
    return 0


def _await_end(node):
    """The exit code, once the node has finished. sys.exit() in a user or any other greenlet ends up
    here: that is gevent's way."""
    while True:
        try:
            return node.finished.get()
        except (SystemExit, KeyboardInterrupt) as end:
            node.ends.take(end)


# Locustfiles


def import_locustfiles(paths):
    """({name: User class}, {name: shape instance}) of all files."""
    users, shapes, origins = {}, {}, {}
    for path in paths:
        found, found_shapes = _import(path)
        for shape in found_shapes:
            name = type(shape).__name__
            if _origin(type(shapes.setdefault(name, shape))) != _origin(type(shape)):
                raise Refusal(1, f"Duplicate shape classes: {name}")
        for name, cls in found.items():
            users.setdefault(name, cls)
            _check_origin(name, origins.setdefault(name, _origin(cls)), _origin(cls))
    if not users:
        for path in filter(has_test_functions, paths):
            users.update(_import(path, load_locustfile_pytest))
    return users, shapes


def _origin(cls):
    """The file that defines a class that has just been imported."""
    try:
        return inspect.getfile(cls)
    except (OSError, TypeError):
        return cls.__module__


def _check_origin(name, known, new):
    """One file may import another's class, but two files may not define the same name."""
    if known != new:
        raise Refusal(1, f"Duplicate user class names: {name} is defined in both {known} and {new}",
                      ": rename one")


def _import(path, load=load_locustfile):
    try:
        return load(path)
    except SystemExit:
        raise
    except BaseException as error:
        text = "".join(traceback.format_exception(type(error), error, _user_traceback(error)))
        hint = ""
        if isinstance(error, ModuleNotFoundError):
            hint = (f"\n{error.name} is not installed: install it "
                    "into the virtual environment that is active when katydid starts")
        raise Refusal(EXIT_IMPORT, text.rstrip(), hint,
                      lead=f"{os.path.relpath(path)} could not be imported\n") from None


def _user_traceback(error):
    """From the locustfile on: neither our frames nor those of the import system."""
    tb = error.__traceback__
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if not (name.startswith("<frozen importlib") or _errors.is_ours(name)):
            break
        tb = tb.tb_next
    return tb


# What is in them


def make_environment(parsed, files, users, shapes):
    """The Environment of the classes that were asked for, checked."""
    if not users:
        raise Refusal(EXIT_NO_USERS, "No User class found!",
                      f" {os.path.relpath(files[0])} needs a class derived from HttpUser, "
                      "FastHttpUser or User", is_logged=True)
    shape = next(iter(shapes.values()), None)
    try:
        environment = Environment(
            user_classes=choose_users(users, parsed.user_classes),
            shape_class=shape,
            events=locust.events,
            locustfile=os.path.basename(files[0]),
            host=parsed.host,
            reset_stats=parsed.reset_stats,
            parsed_options=parsed,
            parsed_locustfiles=files,
            available_user_classes=users,
            available_shape_classes=shapes,
            available_user_tasks={name: list(cls.tasks) for name, cls in users.items()},
            profile=parsed.profile,
        )
    except ValueError as error:
        raise Refusal(1, str(error)) from None
    _configure_users(environment, parsed.config_users or [])
    check_tasks(environment.user_classes)
    if parsed.equal_weights:
        environment.events.init.add_listener(lambda **_: environment.assign_equal_weights())
    return environment


def choose_users(users, names):
    unknown = [name for name in names or [] if name not in users]
    if unknown:
        raise Refusal(EXIT_NO_USERS, f"Unknown User(s): {', '.join(unknown)}",
                      f". There are: {', '.join(users)}", is_logged=True)
    return [cls for name, cls in users.items() if not names or name in names]


def _configure_users(environment, configs):
    for config in configs:
        try:
            entries = (argument_parser.json_user_config(config) if isinstance(config, str)
                       else config if isinstance(config, list) else [config])
        except argument_parser.argparse.ArgumentTypeError as error:
            raise Refusal(EXIT_USAGE, f"--config-users: {error}") from None
        for entry in entries:
            try:
                environment.update_user_class(entry)
            except KeyError as error:
                raise Refusal(EXIT_CONFIG_USERS, "Error applying user config, probably you tried to "
                              "specify config for a User not present in your locustfile: "
                              f"{error}", is_logged=True) from None


def check_tasks(user_classes):
    for cls in user_classes:
        makes_them = (  # or does without: an on_start may go on as long as the test
            cls.run is not locust.User.run
            or cls.on_start is not locust.User.on_start
            or mentions(cls.__init__, "tasks")
        )
        if not cls.tasks and not makes_them and not issubclass(cls, PytestUser):
            raise Refusal(
                EXIT_NO_TASKS,
                f"{cls.__name__} has no tasks: decorate a method with @task, or write "
                "abstract = True in the class if it is only there to be subclassed",
            )


def check_hosts(environment):
    """Before a start without a page, where a host could still be typed in."""
    if environment.host:
        return
    for cls in environment.user_classes:
        if needs_host(environment, cls):
            raise Refusal(EXIT_NO_HOST, MISSING_HOST, f" {cls.__name__} needs one")


def _print_ratio(environment, how):
    classes = environment.user_classes
    users = environment.parsed_options.num_users
    if how == "ratio-json":
        print_task_ratio_json(classes, users)
        return
    for title, total in (("Task ratio per User class", False), ("Total task ratio", True)):
        print(f"\n {title}\n{'-' * 80}")
        print_task_ratio(classes, users, total)


# The node


def _make_node(config, environment, custom):
    role = config["role"]
    endpoint = config["endpoint"]
    host = None if role == "worker" else Host(environment, role, custom)
    if role == "local":
        runner = environment._create_runner(HostedLocalRunner)
    elif role == "script-host":
        options = environment.parsed_options
        runner = environment._create_runner(
            HostedMasterRunner, options.master_bind_host, options.master_bind_port
        )
    else:
        address, _, port = endpoint.partition("#")[0].removeprefix("tcp://").rpartition(":")
        runner = environment._create_runner(
            HostedWorkerRunner, address or endpoint, int(port) if port.isdigit() else 0
        )
    node = Node(runner, endpoint, config.get("node_id") or new_node_id(), host)
    if role == "worker":
        if config.get("name") == "locust":
            node.no_master_code = 255
            node.is_locust = True
        node.max_wait_s = lambda: _max_wait_s(config, node)
    return node


def _max_wait_s(config, node):
    """How long a worker waits for its master; 0 is for ever. By the name locust, as Locust does."""
    given = config.get("master_max_wait")
    if given is not None or config.get("name") != "locust":
        return given or 0.0
    if node.last_heartbeat is None:
        return runners.CONNECT_TIMEOUT * runners.CONNECT_RETRY_COUNT
    return runners.MASTER_HEARTBEAT_TIMEOUT


def _fire_init(environment):
    try:
        environment.events.init.fire(
            environment=environment, runner=environment.runner, web_ui=environment.web_ui
        )
    except StopTest as error:
        raise Refusal(1, str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    if log.unhandled_greenlet_exception:  # and logged
        raise SystemExit(1) from UnhandledError(log.unhandled_error or "A greenlet failed")
    is_worker = isinstance(environment.runner, HostedWorkerRunner)
    if environment.dispatcher_class is not UsersDispatcher and not is_worker:
        logger.warning("dispatcher_class: %s is not asked, users are dealt out in C. It serves "
                       "programs that use locust as a library", environment.dispatcher_class)


def _handle_signals(node, is_far):
    """SIGTERM, and SIGINT to one process alone: ends with everything reported. A second one ends at
    once. Ctrl+C on a terminal goes to the master, whose children are no part of its group."""
    asked = []

    def leave(number):
        if asked:
            os._exit(128 + number)
        asked.append(number)
        if is_far and number == signal.SIGTERM:
            main_logger.info("Got SIGTERM signal")
        node.interrupt()

    gevent.signal_handler(signal.SIGTERM, leave, signal.SIGTERM)
    gevent.signal_handler(signal.SIGINT, leave, signal.SIGINT)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        gevent.signal_handler(signal.SIGHUP, node.interrupt)  # once or twice
