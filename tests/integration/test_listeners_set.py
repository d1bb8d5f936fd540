"""Whatever a listener of `init` or `test_start` sets of the test counts, in every mode, and what listeners see when nothing
was given. The numbers are those that stock Locust 2.47 gave for the same file."""

import json
import signal
import urllib.request
from contextlib import ExitStack

import pytest

from harness import free_port, get_json, katydid, locustfile, target, wait_for

SETS = '''
import json, os
from locust import HttpUser, task, tag, constant, events
WHERE, HOST = os.environ["SET_IN"], os.environ["SET_HOST"]

def say(environment, what, **seen):
    print("OBS", json.dumps([type(environment.runner).__name__.removesuffix("Runner"), what, seen]), flush=True)

@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--own", default="usual")
    parser.set_defaults(spawn_rate=5)

class Base(HttpUser):
    abstract = True
    wait_time = constant(0.2)
    told = False
    def on_start(self):
        if not Base.told:
            Base.told = True
            e = self.environment
            say(e, "user", host=[self.host == HOST, e.host == HOST], stop=e.stop_timeout, own=e.parsed_options.own,
                tags=e.parsed_options.tags)
    @tag("in")
    @task
    def wanted(self): self.client.get("/in")
    @tag("out")
    @task
    def unwanted(self): self.client.get("/out")

def chosen_late(user):
    user.client.get("/late")

class Common(Base): pass
class Rare(Base): pass
class Fixed(Base): pass
class Dropped(Base): pass

def set_all(environment):
    o = environment.parsed_options
    o.num_users, o.spawn_rate, o.run_time = 7, 7, 1
    environment.host, environment.stop_timeout, environment.reset_stats = HOST, 2.5, True
    environment.user_classes = [Common, Rare, Fixed]
    Common.weight, Rare.weight, Fixed.fixed_count = 4, 1, 1
    Rare.tasks = [tag("in")(chosen_late)]
    o.tags, o.own, o.exit_code_on_error = ["in"], "set", 9
    o.json_file, o.html_file = "late", "late.html"

@events.init.add_listener
def _(environment, **_):
    if WHERE == "init":
        set_all(environment)
    def failed(user_count, **_):
        environment.stats.log_error("GET", "/in", "for the exit code")
    if not type(environment.runner).__name__.startswith("Worker"):
        events.test_stopping.add_listener(lambda **_: failed(0))

@events.test_start.add_listener
def _(environment, **_):
    o = environment.parsed_options
    say(environment, "test_start", n=o.num_users, r=o.spawn_rate, t=o.run_time)
    if WHERE == "test_start":
        set_all(environment)

@events.quitting.add_listener
def _(environment, **_):
    r = environment.runner
    say(environment, "quitting", final=r.final_user_classes_count, target=r.target_user_count)
'''
MODES = {
    "headless": ["--headless"],
    "processes": ["--headless", "--processes", "1"],
    "autostart": ["--autostart", "--autoquit", "0"],
    "page": [],
    "master": ["--headless", "--master", "--expect-workers", "1"],
}


@pytest.fixture(scope="module")
def servers():
    with target() as given, target() as chosen:
        yield given, chosen


def swarm(port):
    form = b"user_count=7&spawn_rate=7&run_time=1"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/swarm", data=form, timeout=20) as answer:
        assert json.load(answer)["success"]


def run(mode, where, servers, *arguments):
    given, chosen = servers
    port = free_port()
    env = {"SET_IN": where, "SET_HOST": chosen.url}
    bind = free_port()
    with locustfile(SETS) as path, ExitStack() as more:
        worker = None
        if mode == "master":
            worker = more.enter_context(katydid("-f", path, "--worker", "--master-port", bind, cwd=path.parent, env=env))
            arguments = [*arguments, "--master-bind-port", bind]
        with katydid("-f", path, "-H", given.url, *arguments, *MODES[mode], "--web-port", port, cwd=path.parent,
                     env=env) as process:
            if mode == "page":
                process.wait_line("Starting web interface")
                swarm(port)
                process.wait_line("stopping test")
                process.signal(signal.SIGINT)
            process.code = process.wait()
            process.said = process.stdout
            if worker is not None:
                assert worker.wait() == 0, worker.describe()
                process.said += worker.stdout
            process.rows = [row["name"] for file in path.parent.glob("late.json") for row in json.loads(file.read_text())]
            process.files = sorted(p.name for p in path.parent.iterdir() if p.name.startswith("late"))
    process.seen = {}
    for line in process.said.splitlines():
        if line.startswith("OBS "):
            runner, what, seen = json.loads(line[4:])
            process.seen[runner, what] = seen
    return process


@pytest.mark.parametrize("where", ["init", "test_start"])
@pytest.mark.parametrize("mode", MODES)
def test_what_listeners_set_counts(mode, where, servers):
    for server in servers:
        server.reset()
    load = [] if where == "init" else ["-u", "7", "-r", "7", "-t", "1s"]
    process = run(mode, where, servers, *load)
    is_spread = mode in ("processes", "master")
    master = "Master" if is_spread else "Local"
    user = process.seen["Worker" if is_spread else "Local", "user"]
    assert user == {"host": [True, True], "stop": 2.5, "own": "set", "tags": ["in"]}, process.describe()
    assert process.seen[master, "quitting"] == {"final": {"Common": 5, "Rare": 1, "Fixed": 1}, "target": 7}, process.describe()
    assert process.seen[master, "test_start"] == {"n": 7, "r": 7, "t": 1}
    assert process.code == 9 and process.files == ["late.html", "late.json"], process.describe()
    assert "Resetting stats" in process.stderr
    given, chosen = servers
    assert given.log()["requests"] == 0 and chosen.log()["requests"] > 0, process.describe()
    assert "/out" not in process.rows and "/late" in process.rows, process.describe()  # tags, tasks


def test_listeners_see_a_load_that_nobody_gave(servers):
    process = run("headless", "nowhere", servers, "-t", "1s")
    assert process.seen["Local", "test_start"] == {"n": 1, "r": 5, "t": 1}, "the locustfile's default is one"
    assert process.seen["Local", "user"] == {"host": [False, False], "stop": 0.0, "own": "usual", "tags": None}
    assert sum(process.seen["Local", "quitting"]["final"].values()) == 1


STARTS = '''
from locust import User, constant, events, task

@events.init.add_listener
def _(environment, runner, **_):
    if type(runner).__name__ != "WorkerRunner":
        runner.start(3, spawn_rate=3)

class Idle(User):
    wait_time = constant(1)

    @task
    def rest(self):
        pass
'''


@pytest.mark.parametrize("mode", ["headless", "processes", "page"])
def test_the_command_line_has_the_last_word_on_a_start_in_init(mode):
    options = ["--web-port", free_port()] if mode == "page" else ["--headless", "-u", "5", "-r", "5"]
    with locustfile(STARTS) as path, katydid("-f", path, *options, *(["--processes", "2"] if mode == "processes" else [])) as process:
        line = process.wait_line("All users spawned.*").group()
        assert ("(3 total users)" if mode == "page" else "(5 total users)") in line, process.describe()
        process.signal(signal.SIGINT)
        assert process.wait() == 0, process.describe()


def test_a_spawn_rate_of_nothing_is_refused():
    text = STARTS.replace("runner.start(3, spawn_rate=3)", "environment.parsed_options.spawn_rate = 0")
    with locustfile(text) as path, katydid("-f", path, "--headless", "-u", "2", "-t", "1s") as process:
        assert process.wait() == 2, process.describe()
        assert "ERROR/locust.main: spawn_rate must be > 0, got 0" in process.stderr, process.describe()


SHAPED = '''
import os
from locust import LoadTestShape, User, constant, events, task

class Late(LoadTestShape):
    abstract = True  # only the listener's choice
    use_common_options = False

    def tick(self):
        return (2, 2) if self.get_run_time() < 1 else None

def choose(environment, **_):
    environment.shape_class = Late()
    environment.shape_class.runner = environment.runner

getattr(events, os.environ["SET_IN"]).add_listener(choose)

class Idle(User):
    wait_time = constant(1)

    @task
    def rest(self):
        pass
'''


@pytest.mark.parametrize("mode", ["headless", "processes", "page", "master"])
def test_a_shape_that_a_listener_sets(mode):
    port, bind = free_port(), free_port()
    with locustfile(SHAPED) as path, ExitStack() as more:
        options = ["--master-bind-port", bind] if mode == "master" else ["--web-port", port] if mode == "page" else []
        worker = mode == "master" and more.enter_context(katydid("-f", path, "--worker", "--master-port", bind, env={"SET_IN": "init"}))
        with katydid("-f", path, *MODES[mode], *options, "-u", "5", env={"SET_IN": "init"}) as process:
            if mode == "page":
                process.wait_line("Starting web interface")
                swarm(port)
                process.wait_line("Shape test stopping")
                process.signal(signal.SIGINT)
            assert process.wait() == 0, process.describe()
            assert "Shape test updating to 2 users" in process.stderr and "(2 total users)" in process.stderr, process.describe()
        assert not worker or worker.wait() == 0, worker.describe()


def test_a_shape_that_a_listener_of_test_start_sets_is_that_of_the_next_test():
    """The one that begins has been decided: as in Locust."""
    port = free_port()
    with locustfile(SHAPED) as path, katydid("-f", path, "--web-port", port, env={"SET_IN": "test_start"}) as process:
        process.wait_line("Starting web interface")
        swarm(port)
        process.wait_line(r"\(7 total users\)")
        wait_for(lambda: get_json(f"http://127.0.0.1:{port}/stats/requests")["state"] == "stopped", "the end by its run time")
        assert "Shape test" not in process.stderr, process.describe()
        swarm(port)
        process.wait_line("Shape test stopping")
        assert "Shape test updating to 2 users" in process.stderr and "(2 total users)" in process.stderr, process.describe()
        process.signal(signal.SIGINT)
        assert process.wait() == 0, process.describe()


CLOCK = '''
from locust import LoadTestShape, User, constant, task

class Short(LoadTestShape):
    def tick(self):
        return (1, 10) if self.get_run_time() < 1.5 else None

class Idle(User):
    wait_time = constant(1)

    @task
    def rest(self):
        pass
'''


def test_the_clock_of_a_shape_begins_anew_with_each_start():
    port = free_port()
    with locustfile(CLOCK) as path, katydid("-f", path, "--web-port", port) as process:
        process.wait_line("Starting web interface")
        for count in (1, 2):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/swarm", data=b"user_count=1&spawn_rate=1", timeout=20) as answer:
                assert json.load(answer)["success"]
            wait_for(lambda: process.stderr.count("Shape test stopping") == count, "the end by the shape")  # noqa: B023
            assert process.stderr.count("Shape test updating to 1 users") == count, process.describe()
            wait_for(lambda: get_json(f"http://127.0.0.1:{port}/stats/requests")["state"] == "stopped", "the end")
        process.signal(signal.SIGINT)
        assert process.wait() == 0, process.describe()
