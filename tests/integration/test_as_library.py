"""Locust as a library, in plain Python processes: which loop it runs on, a test in one process, master and worker
in every pairing with stock Locust and with the command katydid, run_single_user, the pytest plug-in, make install."""

import os
import re
import subprocess
import sys
import textwrap
from contextlib import contextmanager

import pytest
from harness import BUILD, KATYDID, ROOT, STOCK_LOCUST, VENV, Process, free_port, get_json, locustfile, run_katydid, sanitizer_env, target, wait_for

LIBRARY = BUILD / "python"

USER = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.02)

        @task(3)
        def page(self):
            self.client.get("/page")

        @task
        def mistake(self):
            self.client.get("/status/500", name="mistake")
"""


def script(text, *args, python=sys.executable, env=None):
    """A started plain Python process that runs the text."""
    code = textwrap.dedent(text)
    full = {"PYTHONPATH": "" if str(VENV) in str(python) else str(LIBRARY), **(env or {})}
    return Process([python, "-c", code, *map(str, args)], env=full)


def result(text, *args, **kwargs):
    """What the text prints, once it has ended well."""
    process = script(text, *args, **kwargs)
    code = process.wait()
    assert code == 0, process.stderr
    return process.stdout.strip()


LOCAL = textwrap.dedent(USER) + textwrap.dedent("""
    import sys, gevent
    from locust.env import Environment
    import locust.stats
    from locust.stats import stats_history

    locust.stats.HISTORY_STATS_INTERVAL_SEC = 0.5
    heard = []
    environment = Environment(user_classes=[Visitor], host=sys.argv[1])
    for name in ("test_start", "spawning_complete", "test_stopping", "test_stop"):
        getattr(environment.events, name).add_listener(lambda name=name, **_: heard.append(name))
    runner = environment.create_local_runner()
    gevent.spawn(stats_history, runner)
    runner.start(5, spawn_rate=10)
    def end():
        while "spawning_complete" not in heard or not environment.stats.history or not environment.stats.total.num_failures:
            gevent.sleep(0.1)
        runner.quit()

    gevent.spawn(end)
    runner.greenlet.join()
    total, page = environment.stats.total, environment.stats.entries[("/page", "GET")]
    mistake = environment.stats.get("mistake", "GET")
    assert heard == ["test_start", "spawning_complete", "test_stopping", "test_stop"], heard
    assert total.num_requests == page.num_requests + mistake.num_requests
    assert total.num_failures == mistake.num_requests > 0 and page.num_failures == 0
    assert sum(page.response_times.values()) == page.num_requests and page.max_response_time > 0
    (error,) = environment.stats.errors.values()
    assert error.occurrences == mistake.num_requests and "500" in error.to_name()
    assert environment.stats.history and runner.user_count == 0 and runner.state == "stopped"
    print(total.num_requests)
""")

ROADS = {
    "first": ("own", ""),
    "patched before": ("own", "import gevent.monkey; gevent.monkey.patch_all(); import requests"),
    "loop runs already": ("guest", "import gevent; gevent.sleep(0.01)"),
}


@pytest.mark.parametrize("road, before", ROADS.values(), ids=ROADS)
def test_a_test_in_one_process(road, before):
    with target() as served:
        code = before + "\n" + LOCAL + "\nfrom katydid_boot import library; print(library.road)"
        count, taken = result(code, served.url).split()
        log = get_json(f"{served.url}/__log")
    assert taken == road
    assert 0 <= log["requests"] - int(count) <= 5, "but for what the end cut off"


MASTER = """
    import sys, gevent
    from locust import HttpUser, User, constant, events, task
    from locust.env import Environment

    class Visitor(User):
        pass

    environment = Environment(user_classes=[Visitor], events=events, host=sys.argv[2])
    runner = environment.create_master_runner("127.0.0.1", int(sys.argv[1]))
    answers = []
    runner.register_message("pong", lambda environment, msg, **_: answers.append(msg.data))
    while len(runner.clients.ready) < 2:
        gevent.sleep(0.05)
    runner.start(5, spawn_rate=50)
    while runner.user_count < 5 or runner.state != "running":
        gevent.sleep(0.05)
    shares = sorted(client.user_count for client in runner.clients.running)
    assert shares == [2, 3], shares
    runner.send_message("ping", {"n": 1})
    while len(answers) < 2 or not environment.stats.total.num_failures:
        gevent.sleep(0.05)
    assert answers == [{"n": 2}] * 2, answers
    runner.stop()
    while len(runner.clients.ready) < 2:
        gevent.sleep(0.05)
    gevent.sleep(3.2)  # stock workers report their last figures late
    assert runner.state == "stopped", runner.state
    total, mistakes = environment.stats.total, environment.stats.entries[("mistake", "GET")]
    assert total.num_failures == mistakes.num_requests > 0
    assert sum(e.occurrences for e in environment.stats.errors.values()) == total.num_failures
    print("total", total.num_requests, flush=True)
    runner.quit()
"""

WORKER = USER + """
    import sys
    from locust import events
    from locust.env import Environment

    environment = Environment(user_classes=[Visitor], events=events)
    runner = environment.create_worker_runner("127.0.0.1", int(sys.argv[1]))
    runner.register_message(
        "ping", lambda environment, msg, **_: runner.send_message("pong", {"n": msg.data["n"] + 1})
    )
    assert runner.worker_index in (0, 1)
    runner.greenlet.join()
"""

PINGING = USER + """
    from locust import events

    @events.init.add_listener
    def _(environment, **_):
        environment.runner.register_message(
            "ping", lambda environment, msg, **_: environment.runner.send_message("pong", {"n": msg.data["n"] + 1})
        )
"""


@contextmanager
def workers(kind, port):
    """Two of them."""
    with locustfile(PINGING) as path:
        def start():
            if kind == "library":
                return script(WORKER, port)
            if kind == "stock library":
                return script(WORKER, port, python=VENV / "bin" / "python")
            command = KATYDID if kind == "katydid" else STOCK_LOCUST
            return Process([command, "--worker", "-f", path, "--master-host", "127.0.0.1", "--master-port", port])

        both = [start(), start()]
        try:
            yield both
        finally:
            for process in both:
                process.stop()


def total_of(master):
    line = wait_for(lambda: [text for text in master.out if text.startswith("total")] or master.popen.poll() is not None, "the total")
    assert line is not True, master.stderr
    return int(line[0].split()[1])


@pytest.mark.parametrize("master, worker", [
    ("library", "library"), ("library", "stock"), ("library", "katydid"), ("stock", "library"),
])
def test_master_and_workers(master, worker):
    port = free_port()
    python = sys.executable if master == "library" else VENV / "bin" / "python"
    with target() as served, workers(worker, port) as both:
        process = script(MASTER, port, served.url, python=python)
        try:
            counted = total_of(process)
            assert process.wait() == 0, process.stderr
            log = get_json(f"{served.url}/__log")
            assert 0 <= log["requests"] - counted <= 5, "but for what the end cut off"
            for each in both:
                assert each.wait() == 0, each.stderr
        finally:
            process.stop()


def test_library_worker_under_katydid():
    port, web = free_port(), free_port()
    with target() as served, locustfile(PINGING) as path:
        master = Process([KATYDID, "--master", "-f", path, "--headless", "-H", served.url, "-u", 4, "-r", 50, "-t", "3s",
                          "--expect-workers", 1, "--master-bind-port", port, "--web-port", web, "--json"])
        worker = script(WORKER, port)
        try:
            assert master.wait() == 0 or "mistake" in master.stderr, master.stderr
            assert worker.wait() == 0, worker.stderr
        finally:
            master.stop()
            worker.stop()
        counted = sum(int(n) for n in re.findall(r'"num_requests": (\d+)', master.stdout))
        assert 0 <= get_json(f"{served.url}/__log")["requests"] - counted <= 4


def test_two_environments_have_numbers_of_their_own():
    print(result("""
        import gevent
        from locust import User, constant, task
        from locust.env import Environment

        class Firing(User):
            wait_time = constant(100)

            @task
            def fire(self):
                self.environment.events.request.fire(
                    request_type="X", name=self.environment.host, response_time=1234.5, response_length=3
                )

        first, second = Environment(user_classes=[Firing], host="one"), Environment(user_classes=[Firing], host="two")
        for environment, users in ((first, 2), (second, 5)):
            environment.create_local_runner().start(users, spawn_rate=100)
        with gevent.Timeout(60):
            while first.stats.total.num_requests < 2 or second.stats.total.num_requests < 5:
                gevent.sleep(0.01)
        assert first.stats.total.num_requests == 2 and list(first.stats.entries) == [("one", "X")]
        entry = second.stats.entries[("two", "X")]
        assert entry.num_requests == 5 and entry.response_times == {1200: 5} and entry.total_content_length == 15
        entry.reset()
        assert entry.num_requests == 0 and second.stats.total.num_requests == 5
        second.stats.log_request("X", "two", 7, 0)
        second.stats.log_error("X", "two", ValueError("no"))
        assert (entry.num_requests, entry.num_failures, entry.max_response_time) == (1, 1, 7)
        second.stats.reset_all()
        assert second.stats.total.num_requests == 0 and ("two", "X") in second.stats.entries
        second.stats.clear_all()
        assert not second.stats.entries and first.stats.total.num_requests == 2

        import locust.stats
        locust.stats.bucket_response_time = lambda milliseconds: int(milliseconds) // 500 * 500
        locust.stats.PERCENTILES_TO_REPORT = [0.5, 0.75]
        second.stats.log_request("X", "three", 1234, 0)
        assert second.stats.total.response_times == {1000: 1}
        assert [line.split() for line in locust.stats.get_percentile_stats_summary(second.stats)][1][2:4] == ["50%", "75%"]
    """))


SHAPE = """
    import gevent
    from locust import LoadTestShape, User, constant, task
    from locust.env import Environment

    class Idle(User):
        wait_time = constant(100)

        @task
        def nothing(self):
            pass

    class Steps(LoadTestShape):
        def tick(self):
            return (2, 100) if 2 not in seen else (5, 100, [Idle]) if 5 not in seen else None

    seen = []
    environment = Environment(user_classes=[Idle], shape_class=Steps())
    runner = environment.create_local_runner()
    runner.start_shape()
    while runner.state != "stopped":
        seen.append(runner.user_count)
        gevent.sleep(0.1)
    assert {2, 5} <= set(seen) and runner.user_count == 0, seen
    print("good")
"""


def test_shape():
    assert result(SHAPE) == "good"


def test_single_user():
    with target() as served:
        text = result(USER + """
    import sys
    from locust import run_single_user
    from locust.exception import StopUser

    class Once(Visitor):
        host = sys.argv.pop()
        tasks = []

        @task
        def only(self):
            self.client.get("/page")
            raise StopUser()

    Once.tasks = [Once.only]
    run_single_user(Once)
""", served.url)
    assert re.search(r"^GET\t/page +\t\d+", text, re.M), text


def test_pytest_fixtures(tmp_path):
    (tmp_path / "test_shop.py").write_text(textwrap.dedent("""
        def test_page(session, fastsession):
            assert session.get("/page").status_code == fastsession.get("/page").status_code == 200
    """))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_locust.plugin"]
    env = {**os.environ, **sanitizer_env(), "PYTHONPATH": str(LIBRARY)}
    with target() as served:
        for args, good in ((["--host", served.url], True), ([], False)):
            done = subprocess.run([*command, *args, str(tmp_path)], env=env, capture_output=True, text=True, timeout=120)
            assert (done.returncode == 0) is good, done.stdout
        (tmp_path / "test_shop.py").write_text(  # without an address whole ones are asked for
            "def test_page(session, fastsession):\n    for http in (session, fastsession):\n"
            f"        assert http.get('{served.url}/page').status_code == 200\n")
        done = subprocess.run([*command, str(tmp_path)], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout


def test_a_master_port_in_use_is_named():
    process = script("""
        import sys
        from locust.env import Environment
        Environment().create_master_runner("127.0.0.1", int(sys.argv[1]))
        Environment().create_master_runner("127.0.0.1", int(sys.argv[1]))
    """, port := free_port())
    assert process.wait() == 1
    assert f"master port (127.0.0.1:{port}) was busy" in process.stderr


def test_no_master_is_an_error_in_the_end():
    process = script("""
        import locust.runners, sys
        from locust.env import Environment
        locust.runners.CONNECT_TIMEOUT, locust.runners.CONNECT_RETRY_COUNT = 0.05, 3
        Environment().create_worker_runner("127.0.0.1", int(sys.argv[1]))
    """, free_port())
    assert process.wait() == 1
    assert "ConnectionError: no master answers" in process.stderr


def test_the_distribution_is_that_of_the_module_everywhere():
    text = """
import importlib.metadata, locust
assert importlib.metadata.version("locust") == locust.__version__, importlib.metadata.version("locust")
import logging  # what comes along with locust, as in Locust
assert logging.config and logging.handlers and locust.main.version
"""
    process = script(text)
    assert process.wait() == 0, process.describe()
    with locustfile(text + "raise SystemExit(42)") as file:
        run = run_katydid("-f", file, "--list")
    assert run.code == 42, run.describe()


def test_a_start_reads_only_what_the_test_needs():
    with locustfile("""
        import logging, sys
        from locust import User, task
        UNREAD = {"logging.config": "dictConfig", "http.server": "HTTPServer", "chardet": "detect", "charset_normalizer": "detect", "idna": "encode"}
        class Idle(User):
            def on_start(self):
                read = [name for name, word in UNREAD.items() if name in sys.modules and word in vars(sys.modules[name])]
                absent = ("locust.web", "locust._web_host", "locust._try", "flask", "pytest", "pkg_resources", "webbrowser", "tomllib", "gevent.libev.corecext")
                print("read:", read + [name for name in absent if name in sys.modules])
                import http.server, idna
                from requests.compat import chardet as detector
                print("works:", logging.config.dictConfig.__name__, http.server.HTTPServer.__name__, idna.encode("a\u00e9.test"), detector.detect(b"abc")["encoding"].lower())
            @task
            def end(self):
                self.environment.runner.quit()
    """) as file:
        run = run_katydid("-f", file, "--headless", "-u", 1)
    assert "read: []\n" in run.stdout, run.describe()
    assert "works: dictConfig HTTPServer b'xn--a-bga.test' ascii" in run.stdout, run.describe()


def test_install_and_uninstall(tmp_path):
    command = [sys.executable, str(ROOT / "worker" / "install.py")]
    so = next(LIBRARY.glob("_katydid*.so"))
    args = ["/opt/somewhere", str(tmp_path), "1.2.3"]
    subprocess.run([*command, "install", *args, str(so)], check=True, capture_output=True)
    (site,) = tmp_path.glob("opt/somewhere/lib/python3*/site-packages")
    env = {**os.environ, **sanitizer_env(), "PYTHONPATH": str(site)}
    done = subprocess.run([sys.executable, "-c", "import locust; print(locust.__file__)"], env=env, capture_output=True, text=True, cwd="/")
    assert done.stdout.strip() == str(site / "locust" / "__init__.py"), done.stderr
    # As a plug-in requires it. The system's Python has no pip of its own on a bare machine.
    pip = [VENV / "bin" / "python", "-m", "pip", "--python", sys.executable, "install", "--no-index", "--dry-run", "locust>=2.40"]
    done = subprocess.run(pip, env={**env, "PIP_BREAK_SYSTEM_PACKAGES": "1"}, capture_output=True, text=True, cwd="/")
    assert "already satisfied: locust" in done.stdout, done.stdout + done.stderr
    subprocess.run([*command, "uninstall", *args], check=True)
    assert [path for path in site.rglob("*") if path.is_file()] == []
    (site / "locust").mkdir()
    done = subprocess.run([*command, "install", *args, str(so)], capture_output=True, text=True)
    assert done.returncode == 1 and "is not Katydid's" in done.stderr


def test_install_says_what_it_needs_before_and_leaves_nothing_after(tmp_path):
    def install(*words):
        return subprocess.run([sys.executable, str(ROOT / "worker" / "install.py"), *map(str, words)], capture_output=True, text=True)

    so = next(LIBRARY.glob("_katydid*.so"))
    (tmp_path / "file").write_text("")
    refused = install("check", tmp_path / "file" / "below", "", 1)
    assert refused.returncode == 1 and "nothing was installed" in refused.stderr and "PREFIX=" in refused.stderr
    own = tmp_path / "own"
    assert install("check", own, "", 1).returncode == 0
    done = install("install", own, "", "1.2.3", so)
    (site,) = own.glob("lib/python3*/site-packages")
    assert f"export PYTHONPATH={site}" in done.stdout, done.stdout
    install("uninstall", own, "", "1.2.3")
    install("tidy", own, "")
    assert not own.exists(), list(own.rglob("*"))
