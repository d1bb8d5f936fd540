# SPDX-License-Identifier: MIT
"""The runners in the processes of the command katydid, where the master is another process.

What the locustfile calls goes to it as a message; what it does arrives through the node (_node.py,
_host.py), and in a script host through HostedFeed.
"""

import logging

import _katydid
import gevent
from gevent.event import AsyncResult, Event

from . import _errors, _hold, log, runners
from ._feeds import CoreFeed
from .event import CONTROL_EXCEPTIONS
from .exception import StopTest
from ._failures import StatsError
from ._written import Written

logger = logging.getLogger("locust.runners")

_REPORT_S = 20.0
_REASON_MAX = 299  # bytes
_ANSWER_S = 2.0  # the most that a first look waits for the master's numbers


def _in_short(reason):
    """One line, for the page."""
    text = " ".join(str(reason).split()).encode("utf-8", "replace")
    return text[:_REASON_MAX].decode("utf-8", "ignore")


class InProcess:
    """Mixed into a runner: what user code does to end the process is the node's business."""

    _node = None  # set by the node

    def _fire(self, name, **args):
        ends = self._node.ends
        if name in ("quitting", "quit"):
            ends.run_last(super()._fire, name, **args)
            return
        try:
            ends.run(super()._fire, name, **args)
        except StopTest as error:
            if name == "test_start":
                raise
            if name not in ("test_stopping", "test_stop"):
                self.stop_test(error)
        except CONTROL_EXCEPTIONS as error:
            _errors.log_bounded(logger, error)
            log.unhandled_greenlet_exception = True


class Hosted(InProcess):
    """Mixed into a runner: the test as a whole is the master's business."""

    _report = None  # that was asked for, to come

    def __init__(self, *args):
        self._exception_rows = []  # what code changed
        self._known_exceptions = self._exceptions = {}
        super().__init__(*args)

    def _look(self):
        """Somebody looks at the exceptions."""

    @property
    def exceptions(self):
        self._look()
        return self._exceptions

    @exceptions.setter
    def exceptions(self, exceptions):
        self._look()
        self._exceptions = exceptions

    def _take_exceptions(self, exceptions):
        """Those that the master has. What code does to them is done to its."""
        self._collect_exceptions()
        self._exceptions = exceptions
        self._known_exceptions = {key: dict(row) for key, row in exceptions.items()}

    def _add_exception(self, node_id, msg, formatted_tb):
        super()._add_exception(node_id, msg, formatted_tb)
        known = self._known_exceptions
        key = hash(formatted_tb)
        row = known.setdefault(key, {"count": 0, "msg": msg, "traceback": formatted_tb})
        row["count"] += 1

    def _written_exceptions(self):
        self._collect_exceptions()
        rows, self._exception_rows = self._exception_rows, []
        return rows

    def _collect_exceptions(self):
        known, now = self._known_exceptions, self._exceptions
        self._known_exceptions = {key: dict(row) for key, row in now.items()}
        counts = [(row, now.get(key, {}).get("count", 0) - row["count"])
                  for key, row in known.items()]
        counts += [(row, row["count"]) for key, row in now.items() if key not in known]
        self._exception_rows += [
            {"msg": row["msg"], "traceback": row["traceback"], "count": more}
            for row, more in counts if more
        ]

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        """Asks for so many users, at so many a second."""
        if self._node.begins_by_itself():  # in Locust it takes the place of what `init` started
            return
        self.target_user_count = user_count
        names = None if user_classes is None else [cls.__name__ for cls in user_classes]
        self._node.call("start", user_count, spawn_rate, names)

    def stop(self):
        """Ends the test; comes back when it has ended, except to a user or listener that the
        end itself has to wait for."""
        if self.state in (runners.STATE_INIT, runners.STATE_STOPPED) and self.user_count == 0:
            return
        self._node.call("stop")
        self._hold_users()
        user, me = self._calling_user(), gevent.getcurrent()
        if user is not None:
            user._has_ended_test = True
            me.kill(block=False)  # at its next wait
        elif not self._node.owns(me) and not self._node.receives(me):
            while self.state != runners.STATE_STOPPED:
                gevent.sleep(0.05)

    def quit(self):
        """Ends the test and the process. A user that calls it ends here."""
        self._node.call("quit")
        self._hold_users()
        self._leave_as_user()

    def _hold_users(self):
        """A limit that code counts is kept: until the order to end comes back nobody begins
        another task."""
        if len(self.user_greenlets):
            _hold.begin_no_task()

    def _on_spawning_complete(self, user_count, **_):
        """--reset-stats is the master's affair: it says when."""
        self.update_state(runners.STATE_RUNNING)

    def start_shape(self):
        """The master runs the shape: with it, a start is all that is needed."""
        self._node.call("start")

    def _take_report(self, html):
        """katydid_report"""
        if self._report is not None:
            self._report.set(html)

    def _masters_report(self):
        """The report of the whole test; None where it cannot be had, and must be made here."""
        node = self._node
        if node is None or node._host is None or node.receives(gevent.getcurrent()):
            return None
        if self._report is None:
            self._report = AsyncResult()
            node.send("katydid_want", {"report": True})
        answer = self._report
        try:
            return answer.get(timeout=_REPORT_S)
        except gevent.Timeout:
            return None
        finally:
            self._report = None

    def stop_test(self, reason):
        logger.error("%s", reason)
        logger.warning("Stopping Locust...")
        is_headless = getattr(self.environment.parsed_options, "headless", False)
        self._node.call("quit" if is_headless else "stop", reason=_in_short(reason))
        self._hold_users()


class HostedLocalRunner(Hosted, runners.LocalRunner):
    """The only worker of a test on one machine; also the script host. It counts itself; the history
    is the master's."""

    def __init__(self, environment):
        self._feed = HostedFeed(self)
        super().__init__(environment)

    def _count_in_core(self):
        stats = self.environment.stats
        if not isinstance(stats._feed, LocalFeed):
            stats._feed = LocalFeed(self)
            stats._written = Written(stats, self, is_masters=True)
        self._core = _katydid.stats
        return self._core

    def _forget_stats(self):
        """The master has done it already, of its own."""
        self.stats._start_over()
        self._core.clear()
        self._take_exceptions({})
        self._exception_rows = []

    def monitor_cpu_and_memory(self):
        """The node measures."""

    def start_worker(self, user_classes_count):
        self.target_user_classes_count = dict(user_classes_count)
        self._apply(user_classes_count)

    def take_stats(self, data):
        """katydid_stats"""
        self._feed._take_history(data.get("history") or {})
        self._feed._answered.set()


class HostedWorkerRunner(InProcess, runners.WorkerRunner):
    """A worker process; ends when its runner does."""

    def _connect(self):
        """The process has a node of its own."""

    def stop(self):
        self._end_test()

    def stop_test(self, reason):
        if self._node.speaks_katydid:
            self._node.call("reason", reason=_in_short(reason))
        super().stop_test(reason)

    def quit(self):
        """Ends the users of this worker and the process. A user that calls it ends here."""
        self._node.leave()
        self._leave_as_user()


class HostedMasterRunner(Hosted, runners.MasterRunner):
    """The master as its locustfile sees it, from the process beside it (script host)."""

    _counts_in_core = True

    def __init__(self, environment, master_bind_host, master_bind_port):
        self._clients = runners.WorkerNodes()
        self._user_count = 0  # as the master last said
        self._user_classes_count = {}
        self._worker_count = 0
        self._gone_listeners = []  # called with the id of each worker that was lost or left
        super().__init__(environment, master_bind_host, master_bind_port)

    def _count_in_core(self):
        """Events that are fired in this process count too, and are reported as a worker's are."""
        stats = self.environment.stats
        self._feed = stats._feed = HostedFeed(self)
        stats._written = Written(stats, self, is_masters=True)
        self._core = _katydid.stats
        return self._core

    def _open(self):
        """The master has the port."""

    def monitor_cpu_and_memory(self):
        """The node measures."""

    def _on_quitting(self, **_):
        """It began it."""

    @property
    def clients(self):
        """The workers. To look at them asks the master to tell more of them from then on."""
        if self._node is not None:
            self._feed.want()
        return self._clients

    def _look(self):
        if self._node is not None:
            self._feed.want()

    @clients.setter
    def clients(self, nodes):
        self._clients = nodes

    @property
    def worker_count(self):
        return self._worker_count

    @property
    def user_count(self):
        return self._user_count

    @property
    def user_classes_count(self):
        return dict(self._user_classes_count)

    reported_user_classes_count = user_classes_count

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        self.spawn_rate = spawn_rate
        super().start(user_count, spawn_rate, wait, user_classes)

    def send_message(self, msg_type, data=None, client_id=None):
        """To one worker, or to all."""
        self._node.send(msg_type, data, client_id)

    def take_stats(self, data):
        """katydid_stats"""
        self._feed.take(data)

    def take_state(self, data):
        """katydid_state"""
        self.update_state(data["state"])
        self.target_user_count = data["target_user_count"]
        self.spawn_rate = data["spawn_rate"]
        self._worker_count = data["worker_count"]
        self._user_count = data["user_count"]
        self._user_classes_count = data["user_classes_count"]
        self._feed.take_counts(data.get("stats") or {})


for _runner in (HostedLocalRunner, HostedMasterRunner, HostedWorkerRunner):  # as user code knows them
    _runner.__name__ = _runner.__qualname__ = _runner.__name__.removeprefix("Hosted")


class LocalFeed(CoreFeed):
    """What the core of a local run counts; its reports are the master's numbers, so that what
    code does to the ones is done to the others."""

    def __init__(self, runner):
        super().__init__(_katydid.stats)
        self._runner = runner

    def pull_history(self, stats):
        self._runner._feed.pull_history(stats)

    def reset(self):
        self._runner._feed.reset()

    def clear(self):
        self._runner._feed.clear()


class HostedFeed:
    """The master's numbers, asked for when somebody first looks (docs/wire.md, katydid_want)."""

    def __init__(self, runner):
        self._runner = runner
        self._is_wanted = False
        self._answered = Event()
        self._latest = None  # katydid_stats that nobody looked at yet
        self._history_count = 0  # rows of the master's history that were taken

    def want(self):
        """Asks, the first time, and waits for the answer."""
        node = self._runner._node
        if self._is_wanted or node is None:
            return
        self._is_wanted = True
        node.send("katydid_want", {"stats": True})
        if not node.receives(gevent.getcurrent()):
            self._answered.wait(timeout=_ANSWER_S)

    def take(self, data):
        """katydid_stats"""
        self._take_history(data.get("history") or {})
        self._take_workers(data.get("workers") or [])
        if data.get("written", 0) >= self._written.number:  # not from before code wrote something
            self._take_exceptions(data.get("exceptions") or [])
        self._latest = data
        self._answered.set()

    def take_counts(self, counts):
        """What katydid_state says of the totals: better than nothing before the first answer."""
        if self._answered.is_set():
            return
        names = {"requests": "num_requests", "failures": "num_failures"}
        names.update((field, field) for field in ("cut", "discarded", "resent"))
        total = self._runner.environment.stats._total.__dict__
        total.update((names[name], count) for name, count in counts.items() if name in names)

    def _take_history(self, history):
        """More of it; code may have changed what is there."""
        first, rows = history.get("from"), history.get("rows") or []
        own = self._runner.environment.stats._history
        if first is None:
            return
        if first == 0 and self._history_count:
            own.clear()
            self._history_count = 0
        own += rows[max(self._history_count - first, 0):]
        self._history_count = first + len(rows)

    def _take_workers(self, workers):
        nodes = self._runner._clients
        for row in workers:
            node = nodes.get(row["id"]) or runners.WorkerNode(row["id"])
            node.state = row["state"]
            node.user_classes_count = row.get("user_classes_count") or {}
            node.cpu_usage = row.get("cpu_usage") or 0
            node.memory_usage = row.get("memory_usage") or 0
            nodes[row["id"]] = node
            self._runner.worker_indexes[row["id"]] = row.get("index", -1)
        for gone in set(nodes) - {row["id"] for row in workers}:
            del nodes[gone]

    def _take_exceptions(self, rows):
        self._runner._take_exceptions({
            hash(row["traceback"]): {**row, "nodes": set(row.get("nodes") or [])} for row in rows
        })

    def pull(self, stats):
        self.want()
        data, self._latest = self._latest, None
        if data is None:
            return
        self._written.collect()
        for row in data["stats"]:
            self._set(stats._entries.of_feed(row), row)
        stats._entries.keep({(row["name"], row["method"]) for row in data["stats"]})
        self._set(stats._total, data["stats_total"])
        stats._errors.clear()
        for key, error in data["errors"].items():
            stats._add_error(**{"first_seen": None, "last_seen": None, **error}, key=key)
        self._written.do_again(data.get("written", 0))
        self._written.changed()

    @property
    def _written(self):
        return self._runner.environment.stats._written

    @staticmethod
    def _set(entry, row):
        """All numbers are absolute. What user code holds on to stays the same object."""
        entry._take(row)
        last = entry.__dict__["last_request_timestamp"]
        if entry.use_response_times_cache and last:
            entry._cache_response_times(int(last))

    def pull_history(self, stats):
        self.want()

    # What user code writes

    def log_request(self, method, name, response_time, content_length):
        self._written.is_behind = True
        self._runner._core.record(method, name, response_time, content_length)

    def log_error(self, method, name, error):
        self._written.is_behind = True
        self._runner._core.failure(method, name, StatsError.parse_error(error))

    def reset(self):
        self._runner._core.reset()
        self._call("reset_stats")

    def clear(self):
        self._runner._core.clear_requests()
        self._call("clear_stats")

    def _call(self, method):
        if self._runner._node is not None:
            self._runner._node.call(method)
