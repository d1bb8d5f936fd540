# SPDX-License-Identifier: MIT
"""What runs once a run, before and after its load: setup and teardown."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from harness import BUILD, STOCK_LOCUST, VENV, Process, free_port, get_json, katydid, locustfile, run_katydid, target, wait_for

FILE = '''
import os, time
import katydid
from locust import HttpUser, constant, events, task

def note(*words):
    with open("notes.txt", "a") as file:
        print(*words, file=file)

@katydid.setup
def prepare(environment):
    note("setup", Shopper(environment).client.get("/login").status_code)
    SETUP
    return {"token": "t", "steps": (1, 2)}

@katydid.teardown
def clean(environment, data):
    note("teardown", Shopper(environment).client.get("/logout").status_code, data["token"])
    TEARDOWN

@events.test_start.add_listener
def start(environment, **_):
    note("test_start", environment.setup_data)

class Shopper(HttpUser):
    wait_time = constant(0.05)
    def on_start(self):
        note("user", os.getpid(), self.environment.setup_data)
    @task
    def t(self):
        self.client.get("/cart")
'''
DATA = "{'token': 't', 'steps': [1, 2]}"


def file_of(setup="pass", teardown="pass"):
    return locustfile(FILE.replace("SETUP", setup).replace("TEARDOWN", teardown))


def notes(tmp_path):
    path = tmp_path / "notes.txt"
    return path.read_text().splitlines() if path.exists() else []


def run(tmp_path, file, url, *arguments):
    return run_katydid("-f", file, "-H", url, "--headless", "-u", 2, "-r", 10, "-t", "2s", "--csv", tmp_path / "out",
                       *arguments, cwd=tmp_path)


def told(process):
    return process.stdout + process.stderr


@pytest.mark.parametrize("arguments", [[], ["--processes", 2]])
def test_they_run_once_and_every_user_has_the_result(tmp_path, arguments):
    with target() as server, file_of() as file:
        ended = run(tmp_path, file, server.url, *arguments, "--threshold", "p95 < 10s")
    said = notes(tmp_path)
    assert ended.code == 0, ended.describe()
    assert said[0] == "setup 200" and said[-1] == "teardown 200 t"
    assert [line for line in said if line.startswith(("setup", "teardown"))] == [said[0], said[-1]]
    users = [line for line in said if line.startswith("user")]
    assert len(users) == 2 and all(line.endswith(DATA) for line in users)
    assert len({line.split()[1] for line in users}) == len(arguments) or 1  # processes
    assert f"test_start {DATA}" in said
    rows = (tmp_path / "out_stats.csv").read_text()
    assert "/cart" in rows and "/login" not in rows and "/logout" not in rows
    metrics = (tmp_path / "out_metrics.csv").read_text()
    assert "http_req_duration" in metrics and "setup" in metrics and "teardown" in metrics


@pytest.mark.parametrize("setup, words", [
    ('raise RuntimeError("no shop")', "no shop"),
    ("time.sleep(60)", "has not ended after 1 s"),
    ("return object()", "cannot be given to the users"),
])
def test_a_setup_that_fails_is_76_and_nothing_is_loaded(tmp_path, setup, words):
    with target() as server, file_of(setup) as file:
        ended = run(tmp_path, file, server.url, "--setup-timeout", 1)
    assert ended.code == 76 and words in told(ended) and "Exit code 76: setup failed" in told(ended), ended.describe()
    assert not [line for line in notes(tmp_path) if line.startswith(("user", "test_start", "teardown"))]


def test_a_teardown_that_fails_is_77_but_a_threshold_counts_more(tmp_path):
    with target() as server, file_of(teardown='raise RuntimeError("dirt")') as file:
        ended = run(tmp_path, file, server.url)
        assert ended.code == 77 and "dirt" in told(ended) and "teardown failed" in told(ended), ended.describe()
        ended = run(tmp_path, file, server.url, "--threshold", "p95 < 1us")
        assert ended.code == 99 and "teardown failed" in told(ended), ended.describe()


def test_the_load_begins_when_setup_is_over(tmp_path):
    with target() as server, file_of("time.sleep(2)") as file:
        ended = run(tmp_path, file, server.url, "--no-teardown", "--summary", tmp_path / "s.json")
    assert ended.code == 0, ended.describe()
    assert "setup 200" in notes(tmp_path) and not [line for line in notes(tmp_path) if line.startswith("teardown")]
    summary = json.loads((tmp_path / "s.json").read_text())
    assert 1.9 <= summary["run"]["duration"] and summary["rows"]  # the time limit is the load's


def test_names_alone_count_when_it_is_asked_for(tmp_path):
    text = """
from locust import User, task, constant
def setup():
    return [1]
def teardown(data):
    print("data:", data)
class U(User):
    wait_time = constant(1)
    @task
    def t(self):
        print("has:", self.environment.setup_data)
"""
    with locustfile(text) as file:
        ended = run(tmp_path, file, "http://127.0.0.1:9", "--k6-names")
        assert ended.code == 0 and "data: [1]" in ended.stdout and "has: [1]" in ended.stdout, ended.describe()
        ended = run(tmp_path, file, "http://127.0.0.1:9")
        assert ended.code == 0 and "data:" not in ended.stdout and "has: None" in ended.stdout, ended.describe()


def test_a_signal_ends_setup_and_a_running_test_is_torn_down(tmp_path):
    with target() as server, file_of("time.sleep(60)") as file:
        with katydid("-f", file, "-H", server.url, "--headless", "-u", 1, cwd=tmp_path) as process:
            wait_for(lambda: notes(tmp_path), "setup")
            process.signal(signal.SIGTERM)
            process.wait()
    assert not [line for line in notes(tmp_path) if line.startswith(("user", "teardown"))]
    (tmp_path / "notes.txt").unlink()
    with target() as server, file_of() as file:
        with katydid("-f", file, "-H", server.url, "--headless", "-u", 1, cwd=tmp_path) as process:
            wait_for(lambda: [line for line in notes(tmp_path) if line.startswith("user")], "a user")
            process.signal(signal.SIGTERM)
            process.wait()
    assert notes(tmp_path)[-1].startswith("teardown")


def test_each_test_of_the_page_has_its_own(tmp_path):
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    with target() as server, file_of() as file, katydid("-f", file, "-H", server.url, "--web-port", port, cwd=tmp_path) as process:
        process.wait_line("page is at|web interface")
        for n in (1, 2):
            wait_for(lambda: start(page), "a start")
            wait_for(lambda n=n: len([line for line in notes(tmp_path) if line.startswith("user")]) == n, "users")
            command(page, "stop")
            wait_for(lambda n=n: len([line for line in notes(tmp_path) if line.startswith("teardown")]) == n, "teardown")
    assert len([line for line in notes(tmp_path) if line.startswith("setup")]) == 2


def test_the_state_says_that_setup_or_teardown_is_on(tmp_path):
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    wait = "\n    while not os.path.exists('{0}'): time.sleep(0.02)"
    state = lambda: [get_json(f"{page}/api/v1/state")[name] for name in ("setup", "teardown")]  # noqa: E731
    with target() as server, file_of(wait.format("set"), wait.format("torn")) as file:
        with katydid("-f", file, "-H", server.url, "--web-port", port, cwd=tmp_path) as process:
            process.wait_line("Starting web interface")
            assert state() == [False, False]
            wait_for(lambda: start(page), "a start")
            wait_for(lambda: state() == [True, False], "setup in the state")
            (tmp_path / "set").touch()
            wait_for(lambda: state() == [False, False], "the end of setup in the state")
            command(page, "stop")
            wait_for(lambda: state() == [False, True], "teardown in the state")
            (tmp_path / "torn").touch()
            wait_for(lambda: state() == [False, False], "the end of teardown in the state")


def test_a_stop_on_the_page_ends_setup(tmp_path):
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    setup = "\n    try: time.sleep(600)\n    finally: note('cancelled')"
    with target() as server, file_of(setup) as file, katydid("-f", file, "-H", server.url, "--web-port", port, cwd=tmp_path) as process:
        process.wait_line("Starting web interface")
        for n in (1, 2):
            wait_for(lambda: start(page), "a start")
            wait_for(lambda n=n: len([line for line in notes(tmp_path) if line == "setup 200"]) == n, "setup")
            command(page, "stop")
            wait_for(lambda n=n: notes(tmp_path).count("cancelled") == n, "the end of setup")
    assert not [line for line in notes(tmp_path) if line.startswith(("user", "teardown", "test_start"))]
    assert "TypeError" not in process.stderr, process.describe()


def command(page, name, **fields):
    request = urllib.request.Request(f"{page}/api/v1/{name}", json.dumps(fields).encode(),
                                     {"X-Katydid": "1", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


def start(page):
    return command(page, "start", users=1, spawn_rate=1)


def test_under_stock_locust_they_run_too(tmp_path):
    (wheel,) = (BUILD / "dist").glob("katydid_for_locust-*.whl")
    subprocess.run([VENV / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--no-index", "--no-deps", "--target", tmp_path / "site",
                    wheel], check=True, timeout=100)
    with target() as server, file_of() as file:
        options = ["-f", file, "-H", server.url, "--headless", "-u", "2", "-r", "2"]
        for more in ([], ["--processes", "2"]):
            with Process([STOCK_LOCUST, *options, *more], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")}) as stock:
                # Not -t: its time would begin before stock has loaded.
                wait_for(lambda: len([line for line in notes(tmp_path) if line.startswith("user")]) == 2, "both users")
                wait_for(lambda stock=stock: "/cart" in stock.stderr, "a table with requests")
                stock.signal(signal.SIGTERM)
                assert stock.wait() == 0 and "Traceback" not in stock.stderr, stock.describe()
            said = notes(tmp_path)
            (tmp_path / "notes.txt").unlink()
            assert "setup 200" in said and "teardown 200 t" in said, said
            users = [line for line in said if line.startswith("user")]
            assert len(users) == 2 and all("'token': 't'" in line for line in users)
            assert "/cart" in stock.stderr and "/login" not in stock.stderr and "/logout" not in stock.stderr, stock.stderr


def is_noted(folder, word):
    return any(line.startswith(word) for line in notes(folder))


def test_workers_started_by_hand_have_the_result_late_ones_too(tmp_path):
    """Setup and teardown are on the master's side alone, once."""
    link, folders = free_port(), [tmp_path / name for name in ("master", "first", "late")]
    for folder in folders:
        folder.mkdir()
    with target() as server, file_of() as file:
        worker = ["-f", file, "--worker", "--master-port", link]
        with katydid("-f", file, "-H", server.url, "--master", "--master-bind-port", link, "--headless", "--expect-workers", 1, "-u", 4, "-r", 10,
                     cwd=folders[0]) as master, katydid(*worker, cwd=folders[1]):
            wait_for(lambda: is_noted(folders[1], "user"), "a user of the first worker")
            with katydid(*worker, cwd=folders[2]):
                wait_for(lambda: is_noted(folders[2], "user"), "a user of the late worker")
                master.signal(signal.SIGTERM)
                assert master.wait() == 0, master.describe()
    said = [notes(folder) for folder in folders]
    assert [line for line in said[0] if "test_start" not in line] == ["setup 200", "teardown 200 t"]
    assert said[1] and said[2] and all(line.endswith(DATA) for line in said[1] + said[2]), said
    assert not [line for line in said[1] + said[2] if line.startswith(("setup", "teardown"))], said


def test_what_was_set_up_is_torn_down_also_when_there_is_nobody_left_to_start(tmp_path):
    """The last worker leaves while listeners of test_start are on: setup is over, and no user has begun."""
    link, folder = free_port(), tmp_path / "worker"
    folder.mkdir()
    text = FILE.replace("SETUP", "pass").replace("TEARDOWN", "pass")
    with target() as server, locustfile(text.replace('note("test_start"', 'note("test_start"); time.sleep(2); note("begun"')) as file:
        with katydid("-f", file, "-H", server.url, "--master", "--master-bind-port", link, "--headless", "--expect-workers", 1, "-u", 4, "-r", 10,
                     "-t", "3s", cwd=tmp_path) as master, katydid("-f", file, "--worker", "--master-port", link, cwd=folder) as worker:
            wait_for(lambda: is_noted(tmp_path, "test_start"), "test_start")
            worker.signal(signal.SIGTERM)
            worker.wait()
            master.wait()
    assert notes(tmp_path)[0] == "setup 200" and notes(tmp_path)[-1] == "teardown 200 t", (notes(tmp_path), master.describe())
