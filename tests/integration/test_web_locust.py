"""Locust's web routes beside those of a running stock Locust, key by key, and what they do to a real run."""

import json
import signal
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from harness import STOCK_LOCUST, Process, free_port, get, get_json, katydid, locustfile, target, wait_for
from test_web import ask

FILE = """
    from locust import HttpUser, constant, events, task

    @events.init_command_line_parser.add_listener
    def options(parser):
        parser.add_argument("--number", type=int, default=5)
        parser.add_argument("--names", default=["a"], is_multiple=True)
        parser.add_argument("--flag", action="store_true")

    @events.test_start.add_listener
    def start(environment, **_):
        given = environment.parsed_options
        print("OPTIONS", repr(given.number), given.names, given.flag, environment.host, flush=True)

    class One(HttpUser):
        wait_time = constant(0.1)

        @task(3)
        def good(self):
            self.client.get("/")

        @task
        def bad(self):
            self.client.get("/status/500")

        @task
        def broken(self):
            raise RuntimeError("on purpose")

    class Two(HttpUser):
        weight = 2
        wait_time = constant(0.1)

        @task
        def other(self):
            self.client.get("/other")
"""


def post(url, body, **headers):
    data = body if isinstance(body, bytes) else urllib.parse.urlencode(body, doseq=True).encode()
    return ask(url, "POST", data, headers)


def start(url, **fields):
    status, text, _ = post(f"{url}/swarm", fields)
    assert status == 200
    return json.loads(text)


@contextmanager
def serve(process, port):
    with process:
        url = f"http://127.0.0.1:{port}"

        def is_up():
            try:
                return get(url + "/worker-count")
            except OSError:
                assert process.popen.poll() is None, process.describe()
                return False

        wait_for(is_up, "the page")
        process.url = url
        yield process


@pytest.fixture(scope="module")
def both():
    """(ours, stock Locust's), each running the file."""
    with target() as server, locustfile(FILE) as path:
        ports = free_port(), free_port()
        stock = Process([STOCK_LOCUST, "-f", path, "-P", ports[1], "--web-host", "127.0.0.1"], cwd=path.parent)
        with serve(katydid("-f", path, "-P", ports[0]), ports[0]) as ours, serve(stock, ports[1]) as theirs:
            for process in (ours, theirs):
                process.host = server.url
                assert start(process.url, user_count=4, spawn_rate=4, host=server.url)["success"]
                wait_for(lambda p=process: get_json(p.url + "/exceptions")["exceptions"], "an exception")
                wait_for(lambda p=process: len(get_json(p.url + "/stats/requests")["stats"]) == 4, "every row")
                wait_for(lambda p=process: None not in get_json(p.url + "/stats/requests")["current_response_time_percentiles"].values(), "percentiles")
            yield ours, theirs


def shape(value):
    """The keys and types of a JSON value; of a list, those of its first element. Numbers are one type."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def without(value, *keys):
    """The same without what only Katydid tells."""
    if isinstance(value, dict):
        return {name: without(item, *keys) for name, item in value.items() if name not in keys}
    return [without(item, *keys) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", ["/stats/requests", "/exceptions", "/tasks", "/worker-count"])
def test_keys_and_types_are_locusts(both, path):
    ours, theirs = (get(process.url + path).decode() for process in both)
    assert without(shape(json.loads(ours)), "cut", "discarded", "resent") == shape(json.loads(theirs))
    assert ours == json.dumps(json.loads(ours), indent=2, sort_keys=True) + "\n"


def test_exceptions_come_with_their_class(both):
    """Their texts do not tell it; Locust's own table, held above, has no place for it."""
    (row,) = get_json(both[0].url + "/api/v1/exceptions")["exceptions"]
    assert (row["type"], row["message"]) == ("RuntimeError", "on purpose")


def test_page_and_report_have_what_scripts_look_for(both):
    for process in both:
        state = get_json(process.url + "/stats/requests")["state"]
        page, report = get(process.url + "/").decode(), get(process.url + "/stats/report").decode()
        assert f'"state": "{state}"' in page and '"is_distributed": false' in page
        for text in ("locustfile.py", process.host, '"start_time": "2', '"end_time": "2', '"duration": "'):
            assert text in report, text


def test_task_ratios_are_locusts(both):
    ours, theirs = (get_json(process.url + "/tasks") for process in both)
    assert ours == theirs


def test_logs(both):
    ours, theirs = (get_json(process.url + "/logs") for process in both)
    assert ours.keys() == theirs.keys() and ours["workers"] == {}
    assert any("All users spawned" in line for line in ours["master"])


@pytest.mark.parametrize("path", ["/stats/requests/csv", "/stats/failures/csv", "/exceptions/csv"])
def test_downloads_have_locusts_columns_and_names(both, path):
    ours, theirs = (ask(process.url + path) for process in both)
    assert ours[1].splitlines()[0] == theirs[1].splitlines()[0]
    assert ours[2]["Content-Type"].split(";")[0] == theirs[2]["Content-Type"].split(";")[0] == "text/csv"
    names = [answer[2]["Content-Disposition"].split("_") for answer in (ours, theirs)]
    assert names[0][0] == names[1][0] == "attachment;filename=Locust"
    assert names[0][2:3] + names[0][-1:] == names[1][2:3] + names[1][-1:]


@pytest.mark.parametrize("path", ["/nothing", "/stats/requests_full_history/csv"])
def test_what_is_not_there(both, path):
    assert [ask(process.url + path)[0] for process in both] == [404, 404]


@pytest.mark.parametrize(("method", "path"), [("GET", "/swarm"), ("GET", "/user"), ("HEAD", "/stop"), ("POST", "/tasks")])
def test_methods(both, method, path):
    answers = [ask(process.url + path, method, b"" if method == "POST" else None) for process in both]
    assert [answer[0] for answer in answers] == [405, 405]
    allowed = [set(answer[2]["Allow"].split(", ")) for answer in answers]
    assert allowed[0] - {"GET"} == allowed[1] - {"GET"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_tests_are_stopped_and_reset_by_scripts_for_old_and_new_locust(both, method):
    ours, theirs = both
    body = b"" if method == "POST" else None
    assert start(ours.url, user_count=1, spawn_rate=1, host=ours.host)["success"]
    assert ask(ours.url + "/stats/reset", method, body)[:2] == (200, "ok")
    assert json.loads(ask(ours.url + "/stop", method, body)[1]) == {"message": "Test stopped", "success": True}
    assert get_json(ours.url + "/stats/requests")["state"] == "stopped"
    assert ask(theirs.url + "/stop", "POST", b"")[1] == ask(ours.url + "/stop", "POST", b"")[1]


def test_classes_and_shapes_are_picked_as_in_locust():
    shaped = FILE + """
    from locust import LoadTestShape

    class Steps(LoadTestShape):
        def tick(self):
            return (2, 2) if self.get_run_time() < 60 else None
"""
    swarms = [{"user_classes": ["Two"]}, {}, {"user_classes": ["Two", "One"], "shape_class": "Default"}, {"shape_class": "Steps"}, {}]
    answers = ([], [])
    with target() as server, locustfile(shaped) as path:
        ports = free_port(), free_port()
        stock = Process([STOCK_LOCUST, "-f", path, "-P", ports[1], "--web-host", "127.0.0.1", "--class-picker"], cwd=path.parent)
        with serve(katydid("-f", path, "-P", ports[0], "--class-picker"), ports[0]) as ours, serve(stock, ports[1]) as theirs:
            for process, seen in zip((ours, theirs), answers):
                for fields in swarms:
                    seen.append(start(process.url, user_count=2, spawn_rate=2, host=server.url, **fields))
                    wait_for(lambda p=process: get_json(p.url + "/stats/requests")["state"] == "running", "the test")
                    seen.append(sorted(get_json(process.url + "/tasks")["per_class"]))
                    assert json.loads(post(process.url + "/stop", b"")[1])["success"]
    assert answers[0] == answers[1]
    assert answers[0][0]["user_classes"] == ["Two"] and answers[0][2]["user_classes"] == ["One", "Two"]


def test_limits_of_a_test_are_its_own(both):
    """Field by field: what a /swarm leaves out is, afterwards, what it is in Locust."""
    answers = ([], [])
    for process, seen in zip(both, answers):
        def state(process=process):
            return get_json(process.url + "/stats/requests")["state"]

        base = {"user_count": 1, "spawn_rate": 1, "host": process.host}
        post(process.url + "/stop", b"")
        seen.append(start(process.url, **base, run_time="1s").get("run_time"))
        wait_for(lambda: state() == "stopped", "the end of the first")
        seen.append(start(process.url, **{**base, "user_count": 2}).get("run_time"))
        wait_for(lambda: state() == "running", "the second")
        seen.append(start(process.url, **base, run_time="2s").get("run_time"))  # an edit that sets a limit …
        seen.append(start(process.url, **base, run_time="").get("run_time"))  # … and one that takes it away
        time.sleep(2.5)  # beyond the limit that was taken away
        seen.append(state())
        post(process.url + "/stop", b"")
        start(process.url, **base, run_time="2s")
        post(process.url + "/stop", b"")
        start(process.url, user_count=1, spawn_rate=1)  # the timer that waited is gone, the host stays
        seen.append(get_json(process.url + "/stats/requests")["state"] in ("spawning", "running"))
        time.sleep(2.5)  # beyond the limit that was taken away
        seen.append(state())
        post(process.url + "/stop", b"")
        answer = start(process.url, user_count=1, spawn_rate=1, run_time="0")
        seen.append((answer["message"], answer.get("run_time"), answer["host"] == process.host))
        answer = start(process.url, user_count=1, spawn_rate=1, host="")
        seen.append(answer["host"])
        post(process.url + "/stop", b"")
    assert answers[0] == answers[1]
    assert answers[0][:7] == [1, None, 2, None, "running", True, "running"]


@pytest.mark.parametrize(
    "fields",
    [
        {"user_count": "abc", "spawn_rate": 1},
        {"user_count": 1, "spawn_rate": "x"},
        {"user_count": 1, "spawn_rate": 1, "run_time": "soon"},
        {"user_count": 1},
        {"spawn_rate": 1},
        {"user_count": -1, "spawn_rate": 1},
        {"user_count": 1, "spawn_rate": "inf"},
        {"user_count": 1, "spawn_rate": "nan"},
        {"user_count": 1, "spawn_rate": "-Infinity"},
        {"user_count": 1, "spawn_rate": "1e999"},
    ],
)
def test_refusals_are_in_locusts_words(both, fields):
    answers = [start(process.url, **fields) for process in both]
    assert [answer["success"] for answer in answers] == [False, False]
    assert answers[0]["message"] == answers[1]["message"]


def test_custom_options_keep_their_types(both):
    answers = []
    for process in both:
        assert json.loads(post(process.url + "/stop", b"")[1])["message"] == "Test stopped"
        answer = start(process.url, user_count=1, spawn_rate=1, host=process.host, run_time="1m", number="12",
                       names="x,y", flag="true", unknown="1")
        answers.append({**answer, "host": ""})
        process.wait_line(r"OPTIONS 12 \['x', 'y'\] True " + process.host)
    assert answers[0] == answers[1]
    assert not start(both[0].url, user_count=1, spawn_rate=1, number="twelve")["success"]


def test_user_settings(both):
    settings = json.dumps({"user_class_name": "Two", "weight": 9, "tasks": ["other"]}).encode()
    for process in both:
        status, text, _ = post(process.url + "/user", settings, **{"Content-Type": "application/json"})
        assert (status, json.loads(text)) == (201, {})
    url = both[0].url
    wait_for(lambda: get_json(url + "/api/v1/extensions")["users"]["Two"]["weight"] == 9, "the new weight")
    for body in (b"x=1", b"[]", b'{"user_class_name": "Three"}', b'{"weight": 1}', b'{"user_class_name": "Two", "weight": "x"}'):
        status, text, _ = post(url + "/user", body)
        assert status == 400 and json.loads(text)["error"].startswith("/user: ")


def test_reset(both):
    for process in both:
        assert post(process.url + "/stop", b"")[0] == 200 and post(process.url + "/stats/reset", b"")[1] == "ok"
    assert get_json(both[0].url + "/stats/requests")["stats"][-1]["num_requests"] == 0
    assert get_json(both[0].url + "/exceptions") == {"exceptions": []}


SLOW_END = """
    import gevent
    from locust import User, constant, task

    class Slow(User):
        wait_time = constant(0.1)

        def on_stop(self):
            gevent.sleep(1)
            print("ended", id(self), flush=True)

        @task
        def nothing(self):
            pass
"""


SLOW_ENDS = """
    import gevent
    from locust import TaskSet, User, constant, task

    def end(what):
        print("ending", flush=True)
        gevent.sleep(1)
        print("ended", what, flush=True)

    class Inner(TaskSet):
        @task
        def nothing(self):
            pass

        def on_stop(self):
            end("set")

    class Slow(User):
        wait_time = constant(100)
        tasks = [Inner]

        def on_stop(self):
            end("user")
"""


@pytest.mark.parametrize("timeout", ["0", "60"])
def test_who_is_in_on_stop_when_the_test_is_stopped_ends_it(timeout):
    port = free_port()
    with locustfile(SLOW_ENDS) as path, serve(katydid("-f", path, "-P", port, "--stop-timeout", timeout), port) as process:
        start(process.url, user_count=4, spawn_rate=50)
        wait_for(lambda: get_json(process.url + "/stats/requests")["user_count"] == 4, "4 users")
        start(process.url, user_count=1, spawn_rate=50)
        wait_for(lambda: process.stdout.count("ending") == 3, "three that end")
        assert post(process.url + "/stop", b"")[0] == 200
        wait_for(lambda: get_json(process.url + "/stats/requests")["user_count"] == 0, "the end")
        process.signal(signal.SIGINT)
        assert process.wait() == 0, process.describe()
    assert process.stdout.count("ended set") == process.stdout.count("ended user") == 4, process.describe()


@pytest.mark.parametrize("mode", [[], ["--processes", "2"]], ids=["local", "processes"])
def test_a_stop_said_twice_while_users_ramp_down_ends_each_once(mode):
    port = free_port()
    with locustfile(SLOW_END) as path, serve(katydid("-f", path, "-P", port, "--stop-timeout", "60", *mode), port) as process:
        def is_so(**wanted):
            seen = get_json(process.url + "/stats/requests")
            return all(seen[key] == value for key, value in wanted.items())

        if mode:
            wait_for(lambda: get_json(process.url + "/worker-count")["worker_count"] == 2, "both workers")
        start(process.url, user_count=4, spawn_rate=50)
        wait_for(lambda: is_so(state="running", user_count=4), "4 users")
        start(process.url, user_count=1, spawn_rate=50)
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda _: post(process.url + "/stop", b"")[0], range(2)))
        assert answers == [200, 200]
        wait_for(lambda: is_so(state="stopped", user_count=0), "the end")
        process.signal(signal.SIGINT)
        assert process.wait() == 0, process.describe()
    ended = [line for line in process.stdout.splitlines() if line.startswith("ended")]
    assert len(ended) == 4 and "Traceback" not in process.stderr, process.describe()
