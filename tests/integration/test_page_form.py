"""The form of a new test, as the master answers it: everything that is wrong at once, where the load will go, whether the
target answers; and afterwards what ended a run. One master without a host for all of it."""

import concurrent.futures
import http.server
import json
import pathlib
import textwrap
import threading
import urllib.error
import urllib.request

import pytest
from harness import free_port, get_json, katydid, locustfile, target, wait_for

FILE = """
    from locust import HttpUser, User, constant, task
    from locust.exception import StopTest

    class Admin(HttpUser):
        wait_time = constant(0.02)

        @task
        def look(self):
            self.client.get("/")

    class Idle(User):
        wait_time = constant(0.02)

        @task
        def nothing(self):
            pass

    class Quits(Idle):
        @task
        def quits(self):
            self.environment.runner.stop()

    class GivesUp(Idle):
        def on_start(self):
            raise StopTest("the shop has no stock")
"""


def post(master, name, headers=None, /, **fields):
    """The status and the answer of a command of the page."""
    request = urllib.request.Request(
        f"{master}/api/v1/{name}", data=json.dumps(fields).encode(),
        headers={"Content-Type": "application/json", "X-Katydid": "1", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


@pytest.fixture(scope="module")
def url():
    with locustfile(FILE) as path, katydid("-f", path, "--web-port", "0") as master:
        address = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        wait_for(lambda: get_json(f"{address}/api/v1/script"), "the locustfile")
        yield address


def check(url, **fields):
    """What is wrong, by field."""
    answer = post(url, "check", **fields)[1]
    assert answer["ok"] == (not answer.get("errors"))
    return {each["field"]: each["error"] for each in answer.get("errors", [])}


def ping(url, address, **headers):
    """Pings may come one after the other too fast: then it is asked again."""
    def ask():
        answer = post(url, "ping", headers, url=address)
        return answer if answer[0] != 429 else None
    return wait_for(ask, "the answer to a ping")


def state(url):
    return get_json(f"{url}/api/v1/state")


def test_a_class_that_needs_a_host_says_so(url):
    assert state(url)["next"] == [None, None]
    needs = {each["name"]: each["needs_host"] for each in get_json(f"{url}/api/v1/script")["classes"]}
    assert needs == {"Admin": True, "Idle": False, "Quits": False, "GivesUp": False}
    assert check(url, users=1, spawn_rate=1, host="") == {"host": "Admin has no host of its own: give one."}
    assert post(url, "start", users=1, spawn_rate=1, host="")[1]["error"] == "Admin has no host of its own: give one."
    assert check(url, users=1, spawn_rate=1, host="", user_classes=["Idle"]) == {}
    assert check(url, users=1, spawn_rate=1, host="127.0.0.1:8000") == {}


def test_everything_that_is_wrong_is_told_at_once(url):
    wrong = check(url, users="ten", spawn_rate="1,5", host="htp://", run_time="5 minuets")
    assert list(wrong) == ["users", "spawn_rate", "host", "run_time"]
    assert set(check(url, users="ten", spawn_rate=1, host="")) == {"users", "host"}
    assert set(check(url, users="ten", user_classes=["Nobody"])) == {"users", "spawn_rate", "user_classes"}


def test_a_ping_says_how_the_target_answers(url):
    with target() as server:
        status, answer = ping(url, server.url)
        assert status == 200 and answer["ok"] and answer["status"] == 200 and 0 < answer["time_ms"] < 3000
        assert ping(url, f"{server.url}/status/503")[1]["status"] == 503
    assert ping(url, f"http://127.0.0.1:{free_port()}")[1]["trouble"] == "refused"
    assert ping(url, "http://no-such-host.invalid")[1]["trouble"] in ("no such name", "the name could not be looked up")
    for bad in ("ftp://shop.test", "127.0.0.1:80", "file:///etc/passwd", "", "http://"):
        status, answer = ping(url, bad)
        assert status == 400 and answer["field"] == "url", bad
    assert state(url)["state"] == "ready" and get_json(f"{url}/api/v1/live")["total"][1] == 0


def test_a_target_that_does_not_answer_keeps_nobody_waiting(url):
    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            gone.wait(60)
            self.close_connection = True

        def log_message(self, *_):
            pass

    gone = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ping(url, f"http://127.0.0.1:{server.server_port}")))
    try:
        before = state(url)["tick"]
        asking.start()
        wait_for(lambda: state(url)["tick"] > before, "a tick while the ping is out")
        asking.join(60)
        assert answers[0][1]["trouble"] == "no answer within 3 s"
    finally:
        gone.set()
        server.shutdown()
        server.server_close()


def test_a_ping_is_a_command_of_the_page_only(url):
    assert post(url, "ping", {"Origin": "http://evil.test"}, url="http://127.0.0.1:1")[0] == 403
    assert post(url, "ping", {"X-Katydid": "0"}, url="http://127.0.0.1:1")[0] == 403
    assert post(url, "ping", {"Content-Type": "text/plain"}, url="http://127.0.0.1:1")[0] == 415
    assert post(url, "ping", {}, address="http://127.0.0.1:1")[0] == 400


def test_pings_are_bounded(url):
    def once(_):
        return post(url, "ping", url="http://127.0.0.1:1")[0]

    def many_at_once():
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return 429 in pool.map(once, range(16))
    wait_for(many_at_once, "a refusal")


def ended(url, **fields):
    assert post(url, "start", users=1, spawn_rate=1, **fields)[1]["ok"]
    wait_for(lambda: state(url)["state"] not in ("ready", "stopped") or state(url)["ended"], "a start")
    if fields["user_classes"] == ["Idle"] and "run_time" not in fields:
        wait_for(lambda: state(url)["state"] == "running", "users")
        assert state(url)["ended_by"] == ""
        assert post(url, "ping", url="http://127.0.0.1:1")[0] == 409
        assert post(url, "stop")[1]["ok"]
    wait_for(lambda: state(url)["state"] == "stopped" and state(url)["ended"], "the end")
    return state(url)["ended_by"]


def test_the_state_has_what_the_next_start_begins_with(url):
    errors = state(url)["log_errors"]
    assert ended(url, user_classes=["GivesUp"]) == "the shop has no stock"
    assert state(url)["next"] == [1, 1]
    wait_for(lambda: state(url)["log_errors"] > errors, "the line about the end")
    post(url, "start", users=7, spawn_rate=2.5, user_classes=["Idle"], run_time="1s")
    wait_for(lambda: state(url)["state"] == "stopped" and state(url)["ended"], "the end")
    assert state(url)["next"] == [7, 2.5]


def test_a_run_that_ended_says_what_ended_it(url):
    assert ended(url, user_classes=["Idle"]) == "somebody stopped it"
    assert ended(url, user_classes=["Idle"], run_time="1s") == "its run time was over"
    assert ended(url, user_classes=["GivesUp"]) == "the shop has no stock"
    assert ended(url, user_classes=["Quits"]) == "the locustfile called runner.stop()"


OTHER = """
    from locust import HttpUser, task

    class Buyer(HttpUser):
        @task
        def buy(self):
            self.client.get("/")
"""


def test_another_locustfile_of_the_folder_is_chosen():
    """Each choice is a start of the host and of the worker."""
    with locustfile(FILE) as path, katydid("-f", path, "--web-port", "0", "--processes", "1") as master:
        folder = pathlib.Path(path).parent
        (folder / "buyer.py").write_text(textwrap.dedent(OTHER))
        (folder / "broken.py").write_text("import locust\nnonsense(")
        (folder / "helper.py").write_text("NUMBER = 1\n")
        (folder / "_shared.py").write_text("import locust\n")
        url = master.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        script = lambda: get_json(f"{url}/api/v1/script")  # noqa: E731
        names = lambda: [each["name"] for each in script().get("classes", [])]  # noqa: E731
        wait_for(lambda: "Admin" in names(), "the locustfile")
        assert post(url, "reload")[1]["ok"]  # the others came after the start
        assert script()["choices"] == ["broken.py", "buyer.py", "locustfile.py"]
        for bad in ("../locustfile.py", "helper.py", "_shared.py", "nothing.py", str(folder / "buyer.py")):
            status, answer = post(url, "reload", file=bad)
            assert status == 400 and answer["field"] == "file", (bad, answer)
        status, answer = post(url, "reload", file="broken.py")
        assert status == 200 and not answer["ok"] and "SyntaxError" in answer["error"]
        assert "Admin" in names() and script()["file"] == "locustfile.py"
        assert post(url, "reload", file="buyer.py")[1] == {"ok": True}
        assert names() == ["Buyer"] and script()["file"] == "buyer.py" and "Buyer" in script()["text"]
        with target() as server:
            assert post(url, "start", users=2, spawn_rate=2, host=server.url, run_time="1s")[1]["ok"]
            wait_for(lambda: state(url)["state"] == "stopped" and state(url)["ended"], "the end")
            assert get_json(f"{url}/api/v1/live")["total"][1] > 0
        assert post(url, "reload")[1] == {"ok": True} and names() == ["Buyer"], "it stays chosen"
