# SPDX-License-Identifier: MIT
"""However user code ends the process, and wherever: the run ends, nobody has to be killed, and the exit code is Locust's."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import SANITIZED, free_port, katydid, locustfile, signal, target

SCRIPT = '''
import os, signal, sys
import locust.runners
from locust import LoadTestShape, User, constant, events, task
from locust.exception import StopTest
from locust.runners import WorkerRunner

where, what, on = os.environ["WHERE"], os.environ["WHAT"], os.environ.get("ON")
known = []
locust.runners.CPU_MONITOR_INTERVAL = 0.5  # seconds between two of usage_monitor

def raise_(error):
    raise error

WAYS = {
    "exit": lambda: sys.exit(int(os.environ.get("CODE", "42"))),
    "exit text": lambda: sys.exit("the reason"),
    "exit none": lambda: sys.exit(),
    "code and exit": lambda: (setattr(known[0], "process_exit_code", 7), sys.exit(42)),
    "interrupt": lambda: raise_(KeyboardInterrupt()),
    "base": lambda: raise_(BaseException("of its own")),
    "error": lambda: raise_(ValueError("of its own")),
    "stop test": lambda: raise_(StopTest("enough")),
    "quit": lambda: known[0].runner.quit(),
    "stop": lambda: known[0].runner.stop(),
    "stop timeout": lambda: setattr(known[0], "stop_timeout", os.environ["CODE"]),
    "_exit": lambda: os._exit(int(os.environ.get("CODE", "42"))),
    "kill": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "ctrl-c": lambda: os.kill(os.getpid(), signal.SIGINT),
}

def act(name):
    if name != where or len(known) != 1 or (name == "usage_monitor" and known[0].runner.state != "running"):
        return
    if on is None or (on == "worker") == isinstance(known[0].runner, WorkerRunner):
        known.append("acted")
        WAYS[what]()

@events.init.add_listener
def _(environment, **_):
    known.append(environment)
    act("init")

def on_message(*_, **__):
    act("message")

@events.init.add_listener
def _(environment, **_):
    if where == "message":
        environment.runner.register_message("do", on_message)

@events.test_start.add_listener
def _(environment, **_):
    if where == "message":
        environment.runner.send_message("do", "it")

for name in ("test_start", "spawning_complete", "test_stopping", "test_stop", "quitting", "quit", "request",
             "report_to_master", "worker_report", "worker_connect", "heartbeat_received", "usage_monitor"):
    getattr(events, name).add_listener(lambda place=name, **_: act(place))

class One(User):
    wait_time = constant(0.1)

    def __init__(self, environment):
        super().__init__(environment)
        act("user")

    @task
    def work(self):
        act("task")
        error = ValueError("no") if os.environ.get("FAIL") else None
        self.environment.events.request.fire(request_type="X", name="x", response_time=1, response_length=1,
                                             exception=error, context={})

    def on_stop(self):
        act("on_stop")

if where == "tick":
    class Shape(LoadTestShape):
        def tick(self):
            act("tick")
            return (1, 1) if self.get_run_time() < 20 else None
'''


def length(where, what):
    """The run time, at the most."""
    return "60s" if what == "exit" and where in ("spawning_complete", "usage_monitor") else "1s"


def outcome(script, where, what, *options, **env):
    """(exit code, output) of a run in which user code does that."""
    arguments = ["-f", script, "--headless", "--only-summary", *([] if where == "tick" else ["-u", "1", "-t", length(where, what)])]
    with katydid(*arguments, *options, env={"WHERE": where, "WHAT": what, **env}) as run:
        code = run.wait()
        return code, run.describe()


def check(cases, *options):
    """Runs them, several at a time."""
    with locustfile(SCRIPT) as path, ThreadPoolExecutor(2 if SANITIZED else 4) as pool:
        found = list(pool.map(lambda case: outcome(path, *case[:2], *options, **case[3]), cases))
    for (where, what, wanted, env), (code, output) in zip(cases, found, strict=True):
        assert code == wanted, f"{what} in {where} {env}: {code} instead of {wanted}\n{output}"
        assert "Internal error" not in output and "_node.py" not in output, output
        assert "hang in on_stop" not in output, output


def test_in_one_process():
    check([
        *((where, "exit", 42, {}) for where in ("init", "test_start", "spawning_complete", "usage_monitor", "test_stopping", "test_stop",
                                                "quitting", "quit", "request", "on_stop", "tick")),
        ("task", "exit none", 0, {"FAIL": "1"}),
        ("task", "exit", 255, {"CODE": "-1"}),
        ("quitting", "exit text", 1, {}),
        ("quitting", "code and exit", 42, {}),
        ("init", "quit", 0, {}),
        *((where, "stop", 0, {}) for where in ("test_start", "spawning_complete", "task")),  # its time limit is yet to come
        ("test_start", "stop timeout", 0, {"CODE": "1"}),
        ("test_start", "stop timeout", 2, {"CODE": "one"}),
        ("tick", "error", 2, {}),
        ("tick", "interrupt", 2, {}),
        ("user", "error", 2, {}),
        ("user", "stop test", 0, {}),
        ("test_stop", "base", 2, {}),
        ("test_stop", "stop test", 0, {}),
        ("on_stop", "error", 0, {}),
        ("quitting", "interrupt", 130, {}),
        ("task", "interrupt", 0, {}),
        ("message", "exit", 42, {}),
        ("message", "quit", 0, {}),
        ("message", "interrupt", 0, {}),
        ("message", "error", 2, {}),  # it was called by a listener of test_start
        ("quit", "_exit", 42, {}),
        ("task", "_exit", 0, {"CODE": "0"}),
        ("task", "kill", 0, {}),
        ("task", "ctrl-c", 1, {"FAIL": "1"}),
    ])


def test_in_several_processes():
    check([
        *((where, "exit", 42, {"ON": "master"}) for where in ("test_start", "spawning_complete", "usage_monitor", "test_stopping", "worker_report",
                                                              "worker_connect", "quitting", "quit")),
        *((where, "interrupt", 2, {"ON": "master"}) for where in ("test_start", "test_stopping", "test_stop")),
        *(("message", what, code, {"ON": "master"}) for what, code in (("exit", 42), ("quit", 0), ("error", 0))),
        *(("message", what, 0, {"ON": "worker"}) for what in ("exit", "quit", "error")),
        ("on_stop", "error", 0, {}),
        ("init", "exit", 72, {"ON": "worker"}),
        ("test_start", "exit", 0, {"ON": "worker"}),
        ("quitting", "exit", 0, {"ON": "worker"}),
        ("report_to_master", "exit", 0, {"ON": "worker"}),
    ], "--processes", "2")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_at_a_signal(number):
    with locustfile(SCRIPT) as path:
        for where in ("quitting", "test_stop", "quit"):
            with katydid("-f", path, "--headless", "--only-summary", "-u", "1",
                         env={"WHERE": where, "WHAT": "exit"}) as run:
                run.wait_line("All users spawned")
                run.signal(number)
                assert run.wait() == 42, run.describe()


@pytest.mark.parametrize("what", ["exit", "error"])
def test_a_worker_that_ends_before_it_joins_is_told_of_by_its_master(what):
    port = str(free_port())
    with locustfile(SCRIPT) as path:
        env = {"WHERE": "init", "WHAT": what, "ON": "worker"}
        with katydid("-f", path, "--master", "--master-bind-port", port, "--headless", "-u", "1", env=env) as master:
            master.wait_line("Starting Locust")
            with katydid("-f", path, "--worker", "--master-port", port, env=env) as worker:
                code = worker.wait()
                assert code == (42 if what == "exit" else 1), worker.describe()
            master.wait_line(rf"ERROR/locust.runners: Worker \S+ ended before it could join \(exit code {code}\)")
            time.sleep(1.1)  # there is a line a second about nodes that never joined
            with katydid("-f", f"{path}.none", "--worker", "--master-port", port) as worker:
                assert worker.wait() == 64, worker.describe()
            master.wait_line(r"ended before it could join \(exit code 64\)")


def test_a_process_that_ends_while_the_master_is_still_loading_is_told_of(tmp_path):
    """And the other one does the work."""
    script = """
        import os, sys, time
        from locust import User, events, task
        from locust.runners import MasterRunner

        def alive(pid):
            try:
                return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
            except OSError:
                return False

        @events.init.add_listener
        def _(environment, **_):
            if isinstance(environment.runner, MasterRunner):
                while not os.path.exists("gone") or alive(int(open("gone").read())):
                    time.sleep(0.02)
                return
            try:
                os.close(os.open("first", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            open("gone.new", "w").write(str(os.getpid()))
            os.rename("gone.new", "gone")
            os._exit(9)

        class One(User):
            @task
            def work(self):
                time.sleep(0.1)
    """
    with locustfile(script) as path, katydid("-f", path, "--headless", "--processes", "2", "-u", "1", "-t", "1", cwd=tmp_path) as run:
        assert run.wait() == 0, run.describe()
        assert run.stderr.count("A worker process ended (exit code 9) before it could join") == 1, run.describe()


@pytest.mark.parametrize("where", ["test_start", "spawning_complete", "heartbeat_received", "usage_monitor"])
def test_the_exit_code_of_a_worker_is_its_own(where):
    port = str(free_port())
    with locustfile(SCRIPT) as path:
        env = {"WHERE": where, "WHAT": "exit", "ON": "worker"}
        with katydid("-f", path, "--worker", "--master-port", port, env=env) as worker, \
                katydid("-f", path, "--master", "--master-bind-port", port, "--headless", "-u", "1", "-t", "60s", env=env):
            assert worker.wait() == 42, worker.describe()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_at_a_signal_with_the_page_open(number):
    with locustfile(SCRIPT) as path:
        for where in ("quitting", "test_stop", "quit"):
            with katydid("-f", path, "--autostart", "-u", "1", "--web-port", free_port(), env={"WHERE": where, "WHAT": "exit"}) as run:
                run.wait_line("All users spawned")
                run.signal(number)
                assert run.wait() == 42, run.describe()


@pytest.mark.parametrize("where, what, code", [
    *((where, "exit", 42) for where in ("spawning_complete", "usage_monitor", "test_stopping", "test_stop", "quitting", "message")),
    ("message", "quit", 0), ("quit", "interrupt", 130),
])
def test_on_a_master_with_a_worker_elsewhere(where, what, code):
    port = str(free_port())
    env = {"WHERE": where, "WHAT": what, "ON": "master"}
    with locustfile(SCRIPT) as path:
        with katydid("-f", path, "--worker", "--master-port", port, env=env) as worker, \
                katydid("-f", path, "--master", "--master-bind-port", port, "--headless", "--only-summary", "--expect-workers", "1",
                        "-u", "1", "-t", length(where, what), env=env) as master:
            assert master.wait() == code, master.describe()
            assert worker.wait() == 0, worker.describe()


LIMITED = '''
import os
from locust import TaskSet, User, constant, events, task
call, calls, seen = os.environ["CALL"], [], {"tasks": 0, "after": 0, "on_stop": 0}

def work(user):
    user.environment.events.request.fire(request_type="X", name="x", response_time=1, response_length=1, exception=None, context={})
    seen["tasks"] += 1
    if seen["tasks"] == 20:
        getattr(user.environment.runner, call)()
        seen["after"] += 1

@events.test_stop.add_listener
def _(environment, **_):
    if call == "stop":
        environment.runner.quit()

@events.quitting.add_listener
def _(environment, **_):
    print("SEEN", seen, environment.stats.total.num_requests, flush=True)

class One(User):
    wait_time = constant(0)

    def on_stop(self):
        seen["on_stop"] += 1

    if "NESTED" in os.environ:
        @task
        class Inner(TaskSet):
            @task
            def work(self):
                work(self.user)
                self.interrupt()
    else:
        @task
        def work(self):
            work(self)
'''


@pytest.mark.parametrize("call, after, env", [("quit", 0, {}), ("stop", 1, {}), ("quit", 0, {"NESTED": "1"}), ("stop", 1, {"NESTED": "1"})])
def test_a_limit_that_a_user_counts_is_kept(call, after, env):
    """Users that never wait, several of them: nobody begins another task once one has ended the test."""
    with locustfile(LIMITED) as path, \
            katydid("-f", path, "--headless", "--only-summary", "-u", "5", "-r", "100", "-t", "30s", env={"CALL": call, **env}) as run:
        assert run.wait() == 0, run.describe()
        seen = {"tasks": 20, "after": after, "on_stop": 5}
        assert f"SEEN {seen} 20" in run.stdout, run.describe()


def test_what_follows_quit_in_a_user_is_not_done():
    script = """
from locust import User, constant, task
class One(User):
    wait_time = constant(1)
    def on_start(self):
        self.environment.runner.quit()
        raise ValueError("no token")
    @task
    def work(self):
        raise ValueError("no token either")
"""
    with locustfile(script) as path:
        for more in ((), ("--processes", "2")):
            with katydid("-f", path, "--headless", "-u", "4", "-r", "100", "-t", "10s", *more) as run:
                assert run.wait() == 0 and "no token" not in run.stderr, run.describe()


def test_others_may_finish_their_task_when_a_user_ends_the_test():
    script = """
import gevent
from gevent.event import Event
from locust import HttpUser, User, constant, task
begun = Event()
class Long(HttpUser):
    fixed_count = 1
    wait_time = constant(0)
    @task
    def work(self):
        begun.set()
        for n in range(3):
            self.client.get("/delay/300")
        print("FINISHED", flush=True)
class Ending(User):
    fixed_count = 1
    wait_time = constant(0)
    @task
    def work(self):
        begun.wait()
        self.environment.runner.quit()
"""
    with locustfile(script) as path, target() as server, \
            katydid("-f", path, "-H", server.url, "--headless", "-u", "2", "-r", "100", "-t", "30s", "--stop-timeout", "20") as run:
        assert run.wait() == 0 and run.stdout.count("FINISHED") == 1, run.describe()
