"""The locustfile loaded anew from the page, when that fails after the file was checked: the master stays, with its figures."""

import json
import os
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from harness import csv_row, get_json, katydid, locustfile, signal, target, wait_for

FILE = """
    import os, pathlib, sys, time
    from locust import HttpUser, constant, events, task
    from locust.runners import WorkerRunner

    how = pathlib.Path({how!r})

    def fail(where):
        at, _, what = (how.read_text() if how.exists() else "").partition(" ")
        if at != where:
            return
        if what == "raise":
            raise ValueError("not this time")
        if what == "exit":
            sys.exit(3)
        if what == "_exit":
            os._exit(4)
        if what == "kill":
            os.kill(os.getpid(), 9)
        if what == "hang":
            pathlib.Path({pid!r}).write_text(str(os.getpid()))
            time.sleep(300)

    if how.exists() and how.read_text() == "late":
        from locust._node import Node
        said = Node._say_ready
        Node._say_ready = lambda node: (time.sleep(0.3), said(node))

    @events.init.add_listener
    def _(environment, **_):
        if not isinstance(environment.runner, WorkerRunner):
            fail("init")

    class Visitor(HttpUser):
        wait_time = constant(0.05)

        @task
        def page(self):
            self.client.get("/delay/5", name={name!r})
"""


def post(url, name, **fields):
    body = json.dumps(fields).encode()
    ask = urllib.request.Request(f"{url}/api/v1/{name}", body, {"X-Katydid": "1", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(ask, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)


def state(url):
    return get_json(f"{url}/api/v1/state")["state"]


def requests_of(url):
    return get_json(f"{url}/api/v1/live")["total"][1]


class Session:
    def __init__(self, folder, server, path, boss):
        self.how, self.path, self.boss = folder / "how", path, boss
        self.url = boss.wait_line(r"web interface at (http://[\w.]+:\d+)").group(1)
        wait_for(lambda: get_json(f"{self.url}/api/v1/script"), "the locustfile")
        wait_for(lambda: get_json(f"{self.url}/api/v1/workers")["workers"], "a worker")

    def test(self):
        started = post(self.url, "start", users=2, spawn_rate=10)
        assert started["ok"], (started, self.boss.describe())
        wait_for(lambda: requests_of(self.url) > 0, "requests")
        post(self.url, "stop")
        wait_for(lambda: state(self.url) == "stopped", "the end")

    def reload(self):
        """Between tests: that the listeners of test_stop are done shows in nothing but this."""
        def done():
            answer = post(self.url, "reload")
            return None if "still stopping" in answer.get("error", "") else answer
        return wait_for(done, "a reload")


@contextmanager
def session(folder, *options):
    text = FILE.format(how=str(folder / "how"), pid=str(folder / "pid"), name="/page")
    with target() as server, locustfile(text) as path, \
            katydid("-f", path, "-H", server.url, "--web-port", "0", "--csv", folder / "out", *options) as boss:
        yield Session(folder, server, path, boss)


WAYS = [("raise", "ValueError: not this time"), ("exit", "sys.exit(3) was called"), ("_exit", "exit code 4"), ("kill", "signal 9")]


@pytest.mark.parametrize(("ways", "options"), [(WAYS, ()), (WAYS[::3], ("--processes", "2"))], ids=["local", "processes"])
def test_a_reload_that_fails_at_the_last_moment_ends_nothing(tmp_path, ways, options):
    with session(tmp_path, *options) as t:
        t.test()
        figures = requests_of(t.url)
        for what, why in ways:
            t.how.write_text(f"init {what}")
            answer = t.reload()
            assert not answer["ok"] and answer["error"].startswith("The locustfile could not be loaded anew: ") and why in answer["error"], answer
            assert ("Traceback" in answer["error"]) == (what in ("raise", "exit")), answer
            refusal = post(t.url, "start", users=1, spawn_rate=1)
            assert not refusal["ok"] and why in refusal["error"], refusal
            assert not post(t.url, "check", users=1, spawn_rate=1)["ok"]
            assert requests_of(t.url) == figures and state(t.url) == "stopped"
            assert why in get_json(f"{t.url}/api/v1/state")["notice"]
            script = get_json(f"{t.url}/api/v1/script")
            assert script["classes"][0]["name"] == "Visitor" and why in script["error"]
        t.how.write_text("late")  # the script is there before the worker is: done is what can be used
        assert t.reload() == {"ok": True}, t.boss.describe()
        assert get_json(f"{t.url}/api/v1/script")["error"] is None and get_json(f"{t.url}/api/v1/state")["notice"] == ""
        t.test()
        t.boss.signal(signal.SIGINT)
        assert t.boss.wait() == 0, t.boss.describe()
    assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) > 0


def test_an_edit_of_the_file_is_tried_at_once(tmp_path):
    with session(tmp_path) as t:
        t.test()
        t.how.write_text("init raise")
        assert not t.reload()["ok"]
        t.how.unlink()
        t.path.write_text(t.path.read_text().replace("/page", "/other"))
        wait_for(lambda: get_json(f"{t.url}/api/v1/script").get("error", "") is None, "the file loaded anew")
        t.test()
        assert "/other" in [row["name"] for row in get_json(f"{t.url}/stats/requests")["stats"]]


def test_one_that_hangs_can_be_ended(tmp_path):
    """By a person who looks up what hangs, or at once with the master, whose figures are written."""
    with session(tmp_path) as t:
        t.test()
        t.how.write_text("init hang")
        answers = []
        asker = threading.Thread(target=lambda: answers.append(t.reload()))
        asker.start()
        pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the one that hangs"))
        assert "being loaded" in post(t.url, "start", users=1, spawn_rate=1)["error"]
        os.kill(pid, signal.SIGKILL)
        asker.join(60)
        assert "signal 9" in answers[0]["error"]
        (tmp_path / "pid").unlink()
        t.path.write_text(t.path.read_text() + "\n")
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the next one that hangs")
        t.boss.signal(signal.SIGTERM)
        assert t.boss.wait() == 0, t.boss.describe()
    assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) > 0


HOOKED = """
    import json
    from flask import request
    from locust import User, events, task

    class One(User):
        @task
        def nothing(self):
            pass

    @events.init.add_listener
    def init(environment, **_):
        @environment.web_ui.app.after_request
        def after(response):
            if request.path == "/stats/requests":
                response.set_data(json.dumps({**response.json, "mine": 1}))
            return response
"""


def test_routes_with_hooks_are_served_by_the_new_process(tmp_path):
    with locustfile(HOOKED) as path, katydid("-f", path, "--web-port", "0") as boss:
        t = Session(tmp_path, None, path, boss)

        def is_hooked():
            try:
                return get_json(f"{t.url}/stats/requests").get("mine") == 1
            except urllib.error.HTTPError:
                return False

        wait_for(is_hooked, "the hook")
        path.write_text(path.read_text().replace('"mine": 1', '"mine": 1, "anew": 1'))
        assert t.reload() == {"ok": True}
        wait_for(lambda: is_hooked() and "anew" in get_json(f"{t.url}/stats/requests"), "the new hook", 20)
