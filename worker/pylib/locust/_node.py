# SPDX-License-Identifier: MIT
"""A worker's side of the link to its master (docs/wire.md).

Three greenlets: `_receive` reads messages and answers what is quick; `_control` carries out spawn,
stop and quit one after the other, however long they take; `_pulse` sends, once a second, the
heartbeat, the statistics and whatever was not acknowledged. So a master always hears from us, even
while users take their time to stop.

Two dialects. To a Katydid master (its `ack` says so) statistics go as numbered reports that are
sent again until acknowledged; to a Locust master as Locust's `stats` messages.
"""

import argparse
import logging
import os
import time

import _katydid
import gevent
import msgpack
from gevent.event import AsyncResult, Event
from gevent.queue import Queue

from . import _chances, _errors, _hold, _reload, log
from . import _runner_settings as settings
from ._channel import Channel
from ._dealt import Dealt
from ._ends import Ends, exit_number
from ._health import Health
from ._journals import Journals
from ._order import take_order
from ._reports import Reports
from ._runner import locust_exception_handler
from ._silence import Silence, clock, patience_s
from ._version import __version__
from .argument_parser import default_args_dict
from .exception import RPCReceiveError, StopTest
from .rpc import Message

logger = logging.getLogger("locust.runners")
main_logger = logging.getLogger("locust.main")

NODE_VERSION = f"{__version__}+katydid.1"

_COMPLAIN_FIRST_S = 3.0  # until the first message about a master that does not answer
_LAST_ACK_S = 3.0  # at the end: how long to wait for acknowledgements
_LINGER_MS = 1000
_MAX_EXCEPTIONS_PER_BEAT = 100  # to a Locust master, each a message of its own

_REPORT_KEYS = {"katydid", "stats", "stats_total", "errors", "user_count", "user_classes_count"}

# Options of the master that matter here; of the others only the locustfile's own are taken over.
_SHARED_OPTIONS = ("expect_workers", "tags", "exclude_tags")


def _beat_interval_s():
    """Reports and logs do not wait for heartbeats that a locustfile wants rarely."""
    return min(settings.HEARTBEAT_INTERVAL, 1.0)


class Node(Silence):
    """The link, and the life of the test as the master dictates it. `finished` gets the exit
    code of the process."""

    def __init__(self, runner, endpoint, node_id, host=None, channel=None, spawn=gevent.spawn):
        """channel: makes what has send, recv and close, if not one of our own. A node of the
        library has one, and leaves the last events of the process to the program."""
        self.runner = runner
        self.environment = runner.environment
        self.endpoint = endpoint.partition("#")[0]  # without the key of --join
        self.id = node_id
        self.finished = AsyncResult()
        self.ends = Ends(None if channel is not None else self._end_process)
        self.state = settings.STATE_INIT
        self.speaks_katydid = False
        self.last_heartbeat = None  # unix time of the master's last one
        self._host = host
        self._parent = os.getppid()
        self._boot_id = None
        self._report_interval = 1.0
        self._link = None
        self._unsent = []  # what a listener of init said: nobody is there to hear it yet
        self._open_channel = channel or (lambda: Channel(endpoint, node_id))
        self._is_library = channel is not None
        self._has_said_quit = False
        self._is_delivering = False  # the receiver waits for a listener
        self._spawn_greenlet = spawn
        self._core = runner._core or _katydid.stats
        self._greenlets = []
        self._orders = Queue()
        self._delivered = Event()
        self._reports = Reports(self._core)
        self.journals = Journals(runner, self._core, node_id, self.send)
        self._health = Health()
        self._heard_at = None  # monotonic time of the master's last message
        self._ready_at = 0.0
        self._next_report = 0.0
        self._next_heartbeat = 0.0
        self._is_last_report = False
        self._dealt = Dealt(runner, self.send)
        self._logs_sent = 0
        self._logs_at = 0.0
        self._exceptions_told = 0
        self._last_spawn = 0.0  # the timestamp of a Locust master's last order
        self._last_order = 0  # the number of a Katydid master's
        self._is_known = False  # the master answered once
        self._is_orphan = False  # it is silent since so long that the users were ended
        self._answered_at = 0.0  # monotonic time when it last answered a message of ours
        self._held_at = None  # when the users were held back; None: they are not
        self._is_told_to_stop = False  # and did not since, nor was told to start again
        self._is_leaving = False
        self._token = None
        self._exit_code = 0  # unless listeners set another
        self._began_at = time.monotonic()
        self.is_locust = False  # called by that name
        self.no_master_code = 72  # of the process, when no master ever answered
        self.max_wait_s = lambda: 0.0  # for the master; then the process ends. 0: never
        runner._node = self
        runner.client_id = node_id
        if host is not None:
            host.node = self
        self._handlers = {**self._own_handlers(), **(host.handlers() if host else {})}

    def _own_handlers(self):
        return {
            "ack": self._on_ack,
            "spawn": self._on_spawn,
            "stop": self._on_stop,
            "quit": self._on_quit,
            "reconnect": lambda message: self._reconnect(),
            "heartbeat": self._on_heartbeat,
            "update_user_class": self._on_update_user_class,
            "spawning_complete": lambda message: self._orders.put((self._spawning_complete, message.data["user_count"])),
            "katydid_ack": self._on_katydid_ack,
            "katydid_setup": lambda message: self._orders.put((self._take_setup, message.data)),
            "katydid_scenarios": lambda message: self._dealt.hears(message.data) and self._orders.put((self._dealt.follow, message.data, clock())),
            "katydid_spans_heard": lambda message: self.journals.spans.heard(message.data),
            "katydid_grant": lambda message: self._dealt.grant(message.data),
            "katydid_reload": lambda message: self._orders.put((self._restart, message.data)),
        }

    def start(self):
        self._health.begin()
        self._connect()
        if self._host is not None:
            self._host.introduce()
        self._say_ready()
        unsent, self._unsent = self._unsent, None
        for message in unsent:
            self._link.send(message)
        for body in (self._receive, self._control, self._pulse):
            greenlet = self._spawn_greenlet(body)
            greenlet.link_exception(self._broken)
            self._greenlets.append(greenlet)

    def _broken(self, greenlet):
        """One of our own greenlets failed: that is a bug, and no process to go on with."""
        logger.critical("Internal error in %s", greenlet, exc_info=greenlet.exc_info)
        self.finished.set(1)

    def owns(self, greenlet):
        return greenlet in self._greenlets

    def receives(self, greenlet):
        """Whether no answer can arrive while this greenlet waits for one."""
        return self._is_delivering or greenlet is self._greenlets[0]

    # Sending

    def _connect(self):
        self._link = self._open_channel()

    def _reconnect(self):
        logger.warning("Received reconnect message from master. Resetting RPC connection.")
        self._renew_link()

    def _renew_link(self):
        old = self._link
        self._connect()
        old.close(0)
        self._say_ready()

    def send(self, kind, data=None, node_id=None):
        if kind == "stats" and "katydid" in data and self._proof():
            data = {**data, "katydid": {**data["katydid"], **self._proof()}}
        message = Message(kind, data, node_id or self.id)
        if self._link is None and self._unsent is not None:
            self._unsent.append(message)
        else:
            self._link.send(message)

    def _proof(self):
        """That it is really us who end: what the master told nobody else."""
        return {"token": self._token} if self._token and self.speaks_katydid else None

    def begins_by_itself(self):
        """The master is still to start the test that the command line asks for."""
        options = self.environment.parsed_options
        return (self._host is not None and not self._host.is_introduced
                and bool(options.headless or options.autostart))

    def call(self, method, user_count=None, spawn_rate=None, user_classes=None, exit_code=None,
             reason=None):
        """User code wants the test started, changed or stopped."""
        self.send("katydid_call", {
            "method": method,
            "user_count": user_count,
            "spawn_rate": spawn_rate,
            "user_classes": user_classes,
            "exit_code": exit_code,
            **({"reason": reason} if reason else {}),
            **(self._proof() or {}),
        })

    def interrupt(self):
        """A signal: to the host it means the whole test, unless its master is no more."""
        is_orphan = os.getppid() != self._parent
        if self._host is None or self._host.is_quitting or is_orphan:
            self.leave()
        else:
            self.call("quit")

    def _end_process(self, code):
        """User code called sys.exit(code), or raised KeyboardInterrupt (None)."""
        if self._host is None:
            self.leave()
        else:
            self.call("quit", exit_code=code)

    def _say_ready(self):
        self._ready_at = time.monotonic()
        self.send("client_ready", NODE_VERSION)

    # Once a second

    def _pulse(self):
        began = time.monotonic()
        complain_at = began + _COMPLAIN_FIRST_S
        next_at = began - _katydid.steady() % 1  # a report is about one second of the clock, not two halves
        while True:
            interval, now = _beat_interval_s(), time.monotonic()
            next_at = max(next_at + interval, now - (now - next_at) % interval)
            self._sleep(max(0, next_at - now))
            try:
                self.ends.run(self._beat)
            except Exception as error:  # of a listener, or its data that cannot be packed
                _errors.log_bounded(logger, error)
            if time.monotonic() - self._answered_at > patience_s():
                self._hold_users("Didn't get heartbeat from master in over %.0fs", patience_s())
            if self._silent_for() > patience_s() and not self._is_leaving:
                complain_at = self._knock(complain_at)
            else:
                complain_at = time.monotonic() + _COMPLAIN_FIRST_S

    def _beat(self):
        self._exceptions_told = 0
        self.runner._note_usage(self._health.measure(), _beat_interval_s())
        if self._heard_at is not None:
            self._heartbeat()
            self._report_when_due()
            self._send_logs()
            if self.speaks_katydid:
                self._send_fresh_lines()

    def _heartbeat(self):
        now = time.monotonic()
        if now < self._next_heartbeat:
            return
        self._next_heartbeat = now + settings.HEARTBEAT_INTERVAL * 0.95
        is_stopping = self._is_told_to_stop and self.speaks_katydid  # who does not say so is told again
        self.send("heartbeat", {
            "state": settings.STATE_STOPPING if is_stopping else self.state,
            "current_cpu_usage": self._health.latest["cpu"],
            "current_memory_usage": self._health.latest["memory"],
            **(self._proof() or {}), **(self._dealt.beat() if self.speaks_katydid else {}),
        })

    def _report_when_due(self):
        now = time.monotonic()
        if self.speaks_katydid and self._silent_for() <= patience_s():
            for data in self._reports.due():
                self.send("stats", data)
        if now < self._next_report or self._silent_for() > patience_s():
            return
        interval = self._report_interval
        if not self.speaks_katydid:
            interval = settings.WORKER_REPORT_INTERVAL
        self._next_report = now + interval - 0.05
        self.report()

    def report(self, is_last=False):
        """Sends the statistics since the last report, the way that a plug-in may have replaced."""
        self._is_last_report = is_last
        getattr(self.runner, "_send_stats", self.send_stats)()

    def send_stats(self):
        written = self.environment.stats._written
        self.runner._scenarios.note()
        if self.speaks_katydid:
            data = self._reports.next(self._health.of_report, self._is_last_report, written,
                                      self.runner._scenarios.numbers(), self.journals.numbers())
            if data is None:
                return
        else:
            data = {}
        if self._host is None:
            self.environment.events.report_to_master.fire(client_id=self.id, data=data)
        if not self.speaks_katydid:
            data.update(msgpack.unpackb(self._core.report_locust(), strict_map_key=False))
            if written is not None:
                written.add_to_locusts(data)
        data["user_classes_count"] = self.runner.user_classes_count
        data["user_count"] = self.runner.user_count
        self._send_report(data)
        if self.speaks_katydid:
            self._send_samples()

    def _send_report(self, data):
        try:
            self.send("stats", data)
        except (TypeError, ValueError, OverflowError) as error:
            if not data.keys() - _REPORT_KEYS:
                raise
            _errors.log_bounded(logger, error, "What a listener of report_to_master added to the "
                                               "report cannot be sent: it is left out")
            for key in data.keys() - _REPORT_KEYS:
                del data[key]
            self.send("stats", data)

    def _send_samples(self):
        """Single requests worth looking at. Lost ones are not missed: more come."""
        samples = _katydid.samples()
        if samples is not None:
            self.send("katydid_samples", {"run": self._reports.run, "samples": samples})

    def tell_exception(self, message, traceback):
        """To a Locust master, which gets them one by one; a Katydid master's are in the report."""
        if self.speaks_katydid or self._heard_at is None:
            return
        if self._exceptions_told < _MAX_EXCEPTIONS_PER_BEAT:
            self._exceptions_told += 1
            self.send("exception", {"msg": message, "traceback": traceback})

    def _send_fresh_lines(self):
        """Log lines for the page, at most so many a second."""
        lines, dropped = log.take_fresh()
        if lines or dropped:
            self.send("katydid_logs", {"lines": lines, "dropped": dropped})

    def _send_logs(self):
        interval = settings.WORKER_LOG_REPORT_INTERVAL
        now = time.monotonic()
        if interval < 0 or now - self._logs_at < interval:
            return
        self._logs_at = now
        count = log.logged_count()
        if count > self._logs_sent:
            self._logs_sent = count
            times = {} if self._host is None else {"mono": log.get_times()}
            self.send("logs", {"worker_id": self.id, "logs": log.get_logs(), **times})

    # Receiving

    def _receive(self):
        while True:
            link = self._link
            try:
                message = link.recv()
            except OSError:
                if link is self._link:
                    raise
                continue  # there is another one now
            except (ValueError, TypeError, msgpack.UnpackException, RPCReceiveError) as error:
                logger.error("A message of the master cannot be understood: %s", error)
                continue
            self._note_heard(message)
            try:
                self.ends.run(self._handle, message)
            except Exception as error:
                _errors.log_bounded(logger, error)

    def _handle(self, message):
        handler = self._handlers.get(message.type)
        if handler is not None and not self._is_workers(message):
            handler(message)
            return
        self._is_delivering = True
        try:
            is_known = self.runner._deliver(message)
        finally:
            self._is_delivering = False
        if not is_known:
            logger.warning("Unknown message type received: %.100s", message.type)

    def _is_workers(self, message):
        """Whether the master passed on what a worker's code sent, which bears the worker's name:
        a message of the user's own, whatever it is called."""
        is_passed_on = self._host is not None and message.node_id != self.id
        return is_passed_on and message.type != "locustfile"  # which bears the name of who wants it

    def _on_ack(self, message):
        data = message.data or {}
        self.runner.worker_index = data.get("index", -1)
        katydid = data.get("katydid")
        self.speaks_katydid = katydid is not None
        if not self._is_known and self.endpoint.startswith("tcp:"):
            main_logger.debug("Connected to locust master: %s", self.endpoint.partition("://")[2])
            self._tell("connected to the master at %s as worker %d", self.endpoint,
                       self.runner.worker_index)
        self._is_known = True
        if self._is_library:
            self.runner.connection_event.set()
        if not self.speaks_katydid:
            return
        self._report_interval = katydid.get("report_interval", 1.0)
        self._reports.is_numbered = katydid.get("protocol", 1) >= 2
        self._reports.has_series = katydid.get("protocol", 1) >= 3
        self._reports.has_types = katydid.get("protocol", 1) >= 4
        self._reports.forget_names()
        self._token = katydid.get("token", self._token)
        boot_id = katydid.get("boot_id")
        if self._boot_id not in (None, boot_id):
            logger.warning("The master was restarted")
            self._orders.put((self._start_over,))
        else:
            for data in self._reports.due(all_of_them=True):
                self.send("stats", data)
        self._boot_id = boot_id

    def _on_heartbeat(self, message):
        self.last_heartbeat = time.time()
        self._dealt.clock.hear(message.data)
        if self._host is None:
            self.environment.events.heartbeat_received.fire(
                client_id=message.node_id, timestamp=self.last_heartbeat
            )

    def _on_katydid_ack(self, message):
        number = message.data["epoch"], message.data["seq"]
        if message.data.get("names"):
            data = self._reports.named(*number)
            if data is not None:
                self.send("stats", data)
            return
        self._reports.acknowledged(*number)
        self._report_interval = message.data.get("report_interval", self._report_interval)
        if self._reports.is_delivered():
            self._delivered.set()

    def _on_spawn(self, message):
        if self._is_leaving:
            return
        self._is_told_to_stop = False
        self.send("spawning")
        self._orders.put((self._spawn, self._dealt.came(message.data)))

    def _on_stop(self, message):
        if not self._is_told_to_stop:
            self._is_told_to_stop = True
            self._orders.put((self._stop,))

    def _on_update_user_class(self, message):
        self.environment.update_user_class(message.data)
        if self._host is not None:
            self._host.tell_script()

    def _on_quit(self, message):
        self._tell("Got quit message from master, shutting down...")
        self.leave()

    def _tell(self, line, *args, log=logger):
        """How a worker of its own fares; of those beside their master, its own lines tell (but
        by the name locust, where each says it)."""
        if self._host is None:
            is_beside = self.endpoint.startswith("ipc:") and not self.is_locust
            log.log(logging.DEBUG if is_beside else logging.INFO, line, *args)

    # Orders

    def _control(self):
        while not self.finished.ready():
            order, *arguments = self._orders.get()
            try:
                self.ends.run(order, *arguments)
            except StopTest as error:  # of a test_start listener
                self.runner.stop_test(error)
            except Exception as error:
                _errors.log_bounded(logger, error)

    def _spawn(self, job):
        if not self._is_newer(job):
            logger.info("Discard spawn message with older or equal timestamp than timestamp of "
                        "previous spawn message")
            return
        if self._host is None:  # else the master has them from here
            self.environment.host = job["host"]
            self.environment.stop_timeout = job["stop_timeout"] or 0.0
        self._take_options(job.get("parsed_options") or {})
        take_order(job)
        run = job.get("run") or ""
        if self.state != settings.STATE_INIT and run != self._reports.run:
            self._end_users()  # of a test whose end we missed
            self.state = settings.STATE_INIT
        self.journals.begin(run, job)
        if self.state == settings.STATE_INIT:
            self.begin_test(run)
            if self.ends.is_asked or self._is_leaving:
                return
        _chances.follow(run, job.get("seed"), self.runner.worker_index)
        self._dealt.take(run, job.get("scenarios") or [])
        self.state = settings.STATE_SPAWNING
        if self.runner.state != settings.STATE_RUNNING:
            self.runner.update_state(settings.STATE_SPAWNING)
        if self.runner.spawning_greenlet:
            self.runner.spawning_greenlet.kill()
        spawning = gevent.spawn(self._reach, job["user_classes_count"])
        spawning.link_exception(locust_exception_handler(self.environment))
        self.runner.spawning_greenlet = spawning

    def _is_newer(self, job):
        """A Katydid master counts its orders; a Locust master has only its clock for them."""
        number = job.get("sequence") if self.speaks_katydid else None
        if number is None:
            if job["timestamp"] <= self._last_spawn:
                return False
            self._last_spawn = job["timestamp"]
            return True
        if number <= self._last_order:
            return False
        self._last_order = number
        return True

    def order(self, body, *arguments):
        """Has it done between the orders of the master."""
        self._orders.put((body, *arguments))

    def begin_test(self, run):
        """What comes before the first user; a local test's master asks for it by an event."""
        self._end_users()
        is_new = not run or run != self._reports.run
        self._reports.begin(run)
        self.runner._begin_test(is_new)
        self._health.begin()
        self.state = settings.STATE_SPAWNING

    def begin_counting(self, run):
        """A test begins of which this node runs no users, or none yet, but may count."""
        if not run or run != self._reports.run:
            self._core.clear()
            self._reports.begin(run)

    def _take_setup(self, data):
        """What the run's setup gave, before the first of its users."""
        self.environment.setup_data = data

    def _take_options(self, options):
        if self.environment.parsed_options is None:
            self.environment.parsed_options = argparse.Namespace(**default_args_dict())
        if self._host is not None:
            return  # the master has them from here
        own = vars(self.environment.parsed_options)
        for name, value in options.items():
            if name in _SHARED_OPTIONS or self._is_custom(name):
                own[name] = value

    def _is_custom(self, name):
        if not hasattr(self, "_built_in_options"):
            self._built_in_options = default_args_dict().keys()
        return name not in self._built_in_options

    def _reach(self, user_classes_count):
        try:
            self.runner.start_worker(user_classes_count)
            self.journals.count_users()
        except StopTest as error:
            self.runner.stop_test(error)
            return
        except Exception as error:  # of a user's __init__
            _errors.log_bounded(logger, error, "Unhandled exception in greenlet: users are started",
                                logging.CRITICAL)
            log.unhandled_greenlet_exception = True
            return
        self.state = settings.STATE_RUNNING
        self.runner.update_state(settings.STATE_RUNNING)
        self.send("spawning_complete", {
            "user_classes_count": self.runner.user_classes_count,
            "user_count": self.runner.user_count,
        })

    def _spawning_complete(self, user_count):
        self.runner._fire("spawning_complete", user_count=user_count)

    def _end_users(self):
        if self.state != settings.STATE_INIT:
            _hold.let_requests_go()
            self.runner._end_test()
        self._held_at = None
        _hold.end()

    def _stop(self):
        self._try(self._end_users)  # the master waits for our word, whatever came of it
        self.state = settings.STATE_STOPPING
        self._try(self._flush)  # first: at this word the master's tables are final
        self._is_told_to_stop = False
        self.send("client_stopped", self._proof())
        self.state = settings.STATE_INIT
        if not self.speaks_katydid:
            gevent.sleep(int(os.getenv("LOCUST_WORKER_ADDITIONAL_WAIT_BEFORE_READY_AFTER_STOP",
                                       "0")))
        self._say_ready()

    def _end_orphans(self):
        """The master is silent for too long: nobody could stop the load any more. The figures
        are kept for it."""
        if self._held_at is not None:  # since long: what they are at, they need not finish
            self.environment.stop_timeout = 0.0
        self._end_users()
        self.state = settings.STATE_INIT

    def _start_over(self):
        """There is a new master, which knows nothing of the old one's test."""
        self._end_orphans()
        self._reports.forget()
        self._last_spawn = 0.0  # of another clock
        self._last_order = self._dealt.heard = 0
        self._core.clear()

    def _restart(self, locustfile):
        """There is a new locustfile (its path, if it is another one): this process begins again, under
        the same name."""
        self._end_users()
        self._flush()
        self._close()
        _reload.restart(self.id, locustfile if isinstance(locustfile, str) else None)

    def leave(self):
        """Ends the users and the process, with everything reported."""
        if not self._is_leaving:
            self._is_leaving = True
            self._orders.put((self._quit,))

    def _quit(self):
        self._try(self.runner._scenarios.hand_back)
        self._try(self._end_users)
        self.state = settings.STATE_INIT
        if self._heard_at is not None:
            self._try(self._flush)
        code = 0 if self._is_library else self._fire_last_events()
        self._try(self.say_quit)
        self._try(self._close)
        if not self._is_library:
            self._tell("Shutting down (exit code %d)", code, log=main_logger)
        self.finished.set(code)

    def _try(self, step):
        """One that fails (the link is broken …) keeps no other from being done."""
        try:
            self.ends.run(step)
        except Exception as error:
            _errors.log_bounded(logger, error)

    def say_quit(self, **_):
        if not self._has_said_quit:
            self._has_said_quit = True
            self.send("quit", self._proof())

    def _flush(self):
        self._try(self.journals.end)
        self.report(is_last=True)
        if not self.speaks_katydid:
            return
        began = time.monotonic()
        self._delivered.clear()
        while not self._reports.is_delivered() and self._may_answer(time.monotonic() - began):
            self._delivered.wait(timeout=0.2)

    def _may_answer(self, waited):
        """A master that is heard, and yet does not acknowledge, is busy with other reports."""
        is_heard = self._silent_for() <= patience_s()
        return waited < (settings.MASTER_HEARTBEAT_TIMEOUT if is_heard else _LAST_ACK_S)

    def _fire_last_events(self):
        """What listeners hear at the end of a process, and the exit code they may set."""
        environment = self.environment
        if self._host is not None and self._host.is_over:
            return self._host.exit_code
        if self._host is None or not self._host.is_quitting:
            self.runner._fire("quitting", environment=environment, reverse=True)
        code = self.ends.code if self.ends.code is not None else exit_number(environment.process_exit_code)
        if code is None:
            code = 2 if log.unhandled_greenlet_exception else self._exit_code
        self.runner._fire("quit", exit_code=code)
        return code if self.ends.code is None else self.ends.code

    def _close(self):
        self.ends.is_closed = True
        for greenlet in self._greenlets:
            if greenlet is not gevent.getcurrent():
                greenlet.kill()
        self._link.close(_LINGER_MS)
