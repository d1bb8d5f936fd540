# SPDX-License-Identifier: MIT
"""Which events fire where, and in which order: alone, with processes, and across --master."""

import re

import pytest

from harness import free_port, katydid, locustfile, run_katydid, signal

SCRIPT = '''
import os, time
from locust import User, constant, events, task
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

role = ["?"]

def tell(name):
    os.write(1, f"EV {{role[0]}} {{name}}\\n".encode())

@events.init_command_line_parser.add_listener
def _(parser):
    tell("init_command_line_parser")

@events.init.add_listener
def _(environment, runner, web_ui):
    role[0] = next(name for cls, name in ((LocalRunner, "local"), (MasterRunner, "master"),
                                          (WorkerRunner, "worker")) if isinstance(runner, cls))
    tell("init")

def follow(name):
    @getattr(events, name).add_listener
    def _(**kwargs):
        tell(name + (" " + str(kwargs["user_count"]) if name == "spawning_complete" else ""))

for name in ("test_start", "spawning_complete", "test_stopping", "test_stop", "quitting", "quit",
             "worker_connect", "report_to_master", "worker_report", "heartbeat_sent", "heartbeat_received",
             "usage_monitor", "cpu_warning"):
    follow(name)

class One(User):
    wait_time = constant(0.1)

    def on_start(self):
        tell("on_start")

    @task
    def work(self):
        time.sleep(0.01)

    def on_stop(self):
        tell("on_stop")
'''


def told(process, role=r"\S+"):
    """Names of the events that processes of a role told, in order; repeated ones once."""
    found = [m.group(1) for line in process.out if (m := re.match(rf"EV (?:{role}) (.*)", line))]
    return [name for at, name in enumerate(found) if at == 0 or found[at - 1] != name]


def assert_order(events, *wanted):
    """The wanted ones come in that order; others may stand between."""
    rest = iter(events)
    for name in wanted:
        assert name in rest, f"{name} does not come where it should: {events}"


@pytest.fixture(scope="module")
def script():
    with locustfile(SCRIPT.format()) as path:
        yield path


def test_alone(script):
    run = run_katydid("-f", script, "--headless", "-u", "1", "-t", "3s")
    assert run.code == 0, run.describe()
    events = [e for e in told(run) if e not in ("usage_monitor", "cpu_warning")]
    assert events[0] == "init_command_line_parser"
    events = [e for e in events if e != "init_command_line_parser"]
    start = [e for e in events if e in ("spawning_complete 1", "on_start")]
    assert sorted(start) == ["on_start", "spawning_complete 1"], run.describe()
    rest = [e for e in events if e not in start]
    assert rest == ["init", "test_start", "test_stopping", "on_stop", "test_stop", "quitting", "quit"]
    assert_order(events, "test_start", "on_start", "test_stopping")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_as_quitting_first(script, number):
    with katydid("-f", script, "--headless", "-u", "1") as run:
        run.wait_line("EV local on_start")
        run.signal(number)
        run.wait()
    assert_order(told(run), "quitting", "test_stopping", "on_stop", "test_stop", "quit")


@pytest.fixture(scope="module")
def distributed(script):
    """(the master, a worker) of a finished run."""
    port = str(free_port())
    with katydid("-f", script, "--master", "--headless", "-u", "2", "-t", "4s", "--expect-workers", "1",
                 "--master-bind-port", port, "--master-bind-host", "127.0.0.1") as master:
        with katydid("-f", script, "--worker", "--master-port", port) as worker:
            assert master.wait() == 0, master.describe() + worker.describe()
            assert worker.wait() == 0, worker.describe()
            yield master, worker


def test_the_master_hears_of_its_workers(distributed):
    master, worker = distributed
    events = told(master, "master")
    assert_order(events, "init", "worker_connect", "test_start", "spawning_complete 2", "test_stopping",
                 "quitting", "quit")
    assert {"worker_report", "heartbeat_sent", "test_stop"} <= set(events)
    assert events.index("worker_connect") < events.index("test_start")
    assert not {"report_to_master", "heartbeat_received", "on_start"} & set(events)


def test_a_worker_runs_the_users(distributed):
    master, worker = distributed
    events = told(worker, "worker")
    assert_order(events, "init", "test_start", "on_start", "test_stopping", "on_stop", "test_stop", "quitting", "quit")
    assert_order(events, "test_start", "spawning_complete 2", "test_stopping")
    assert {"report_to_master", "heartbeat_received"} <= set(events)
    assert not {"worker_report", "heartbeat_sent", "worker_connect"} & set(events)


def test_processes_are_workers_of_a_master(script):
    run = run_katydid("-f", script, "--headless", "-u", "2", "-t", "4s", "--processes", "2")
    assert run.code == 0, run.describe()
    assert_order(told(run, "master"), "init", "test_start", "spawning_complete 2", "test_stopping", "quitting", "quit")
    assert sum("EV master worker_connect" in line for line in run.out) == 2, "once for each"
    for name in ("test_start", "on_start", "test_stopping", "on_stop", "test_stop", "quitting", "quit"):
        count = sum(line.strip() == f"EV worker {name}" for line in run.out)
        assert count == 2, f"{count} × {name}\n{run.describe()}"
