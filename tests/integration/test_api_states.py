"""Every command of the page's API in every state of a test: the answer that docs/api.md and docs/openapi.json promise, and nothing is done that it does not say."""

import json
import re

from harness import ROOT, free_port, get_json, katydid, locustfile, wait_for
from test_web import ask, command

FILE = """
    from locust import User, constant, task

    class Visitor(User):
        wait_time = constant(0.1)

        @task
        def look(self):
            pass
"""

START = {"users": 2, "spawn_rate": 10}
# command, its fields -> status while no test was run yet, while one runs, after it
TABLE = [
    ("start", {"users": 0, "spawn_rate": 1}, 400, 400, 400),
    ("start", {"spawn_rate": 1}, 400, 400, 400),
    ("start", {**START, "user_classes": ["Nobody"]}, 400, 400, 400),
    ("start", {**START, "shape_class": "Nobody"}, 400, 400, 400),
    ("start", {**START, "class_settings": {"Nobody": {}}}, 400, 400, 400),
    ("start", {**START, "nonsense": 1}, 400, 400, 400),
    ("start", START, None, 409, None),
    ("check", START, 200, 200, 200),
    ("check", {"users": 0}, 200, 200, 200),
    ("check", b"nonsense", 200, 200, 200),
    ("edit", {"users": 3}, 409, 200, 409),
    ("edit", {"spawn_rate": 20}, 409, 200, 409),
    ("edit", {"users": "many"}, 400, 400, 400),
    ("edit", {"host": "http://127.0.0.1:1"}, 400, 400, 400),
    ("edit", {}, 400, 400, 400),
    ("marker", {"text": "here"}, 409, 200, 200),
    ("marker", {"text": "then", "at": 1}, 409, 400, 400),
    ("marker", {}, 400, 400, 400),
    ("scenario", {"name": "a", "rate": 1}, 409, 409, 409),
    ("scenario", {"name": "a", "speed": 1}, 400, 400, 400),
    ("scenario", {}, 400, 400, 400),
    ("scenario", b"[]", 400, 400, 400),
    ("reset", {}, 200, 200, 200),
    ("reset", {"x": 1}, 400, 400, 400),
    ("try", {"user_class": "Visitor"}, 200, 200, 200),
    ("try", {}, 200, 200, 200),
    ("try", {"user_class": "Nobody"}, 400, 400, 400),
    ("try", {"user_class": 5}, 400, 400, 400),
    ("try", {"options": {"nothing": 1}}, 400, 400, 400),
    ("try", {"options": []}, 400, 400, 400),
    ("try", {"colour": "blue"}, 400, 400, 400),
    ("try", b"[]", 400, 400, 400),
    ("try", b"{", 400, 400, 400),
    ("ping", {"url": "http://127.0.0.1:1"}, 200, 409, 200),
    ("ping", {"url": "ftp://127.0.0.1:1"}, 400, None, 400),
    ("ping", {"url": 5}, 400, 400, 400),
    ("ping", {"host": "http://127.0.0.1:1"}, 400, 400, 400),
    ("reload", {"x": 1}, 400, 400, 400),
    ("reload", b"[]", 400, 400, 400),
    ("reload", {}, 200, 409, 200),
    ("stop", {"x": 1}, 400, 400, 400),
    ("stop", {}, 200, None, 200),
    ("nonsense", {}, 404, 404, 404),
]
SPEC = json.loads((ROOT / "docs" / "openapi.json").read_text())


def state(url):
    return get_json(url + "/api/v1/state")["state"]


def run_table(url, column):
    """What is not as it should be."""
    wrong = []
    for name, fields, *statuses in TABLE:
        expected = statuses[column]
        if expected is None:
            continue
        before = state(url)
        status, text, headers = command(url, name, fields)
        shown = (name, fields, before, status, text[:200])
        if status != expected or (name != "reload" and state(url).replace("spawning", "running") != before.replace("spawning", "running")):
            wrong.append(shown)
        if status == 404:
            continue
        answer = json.loads(text)
        if answer["ok"] != (status == 200) and name != "check" or (status == 400 and answer.keys() != {"ok", "field", "error"}):
            wrong.append(shown)
        if str(status) not in SPEC["paths"][f"/api/v1/{name}"]["post"]["responses"]:
            wrong.append(("openapi.json does not know", *shown))
    return wrong


def test_every_command_in_every_state():
    port = free_port()
    with locustfile(FILE) as path, katydid("-f", path, "--web-port", port) as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        assert run_table(url, 0) == []
        assert state(url) == "ready"
        assert command(url, "start", START)[0] == 200
        wait_for(lambda: state(url) == "running", "the test")
        assert run_table(url, 1) == []
        assert command(url, "stop", {})[0] == 200
        wait_for(lambda: state(url) == "stopped", "its end")
        assert run_table(url, 2) == []
        assert get_json(url + "/stats/requests")["user_count"] == 0


def test_check_says_what_start_would():
    port = free_port()
    with locustfile(FILE) as path, katydid("-f", path, "--web-port", port) as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        check = lambda **fields: json.loads(command(url, "check", {**START, **fields})[1])  # noqa: E731
        wait_for(lambda: check() == {"ok": True}, "the worker to join")
        assert check(users=0)["field"] == "users"
        assert command(url, "start", {**START, "user_classes": ["Visitor"], "run_time": "1m"})[0] == 200
        assert check()["field"] == "" and "running" in check()["error"]
        assert command(url, "stop", {})[0] == 200
        wait_for(lambda: state(url) == "stopped", "its end")
        assert command(url, "start", START)[0] == 200
        assert get_json(url + "/api/v1/state")["run_time"] == 0  # a test's limits are its own


def test_without_workers_nothing_starts():
    port = free_port()
    with locustfile(FILE) as path, katydid("-f", path, "--web-port", port, "--master", "--master-bind-port", free_port()) as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        for name, fields, expected in (("start", START, 409), ("edit", {"users": 1}, 409), ("stop", {}, 200), ("check", START, 200)):
            status, text, _ = command(url, name, fields)
            assert status == expected, (name, status, text)
        assert not json.loads(command(url, "check", START)[1])["ok"]
        assert json.loads(ask(url + "/swarm", "POST", b"user_count=1&spawn_rate=1&host=http://other.test")[1])["success"] is False
        assert get_json(url + "/api/v1/state")["host"] == ""  # what was refused changes nothing


def test_numbers_of_queries_that_are_none_are_named():
    """They were taken for nothing, and the answer was about something else."""
    port = free_port()
    with locustfile(FILE) as path, katydid("-f", path, "--web-port", port) as master:
        url = f"http://127.0.0.1:{port}/api/v1/"
        master.wait_line("Starting web interface")
        upgrade = {"Origin": f"http://127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
        for path, names in (("live", ("since", "defs", "columns", "has")), ("logs", ("since", "limit")), ("samples", ("row", "kind")), ("report", ("samples", "logs")),
                            ("series", ("id", "step"))):
            for name in names:
                for value in ("null", "1.5", "-1", "1x"):
                    for headers in ({}, upgrade) if path == "live" else ({},):
                        status, text, _ = ask(f"{url}{path}?{name}={value}", headers=headers)
                        answer = json.loads(text)
                        assert (status, answer["ok"], answer["field"]) == (400, False, name), (path, name, value, text)
                        assert answer["error"].startswith("Give a whole number from "), text
        assert ask(url + "logs?limit=5001")[0] == 400 and ask(url + "logs?limit=5000")[0] == 200
        assert ask(url + "live?since=&defs=0&columns=9007199254740991&unknown=null")[0] == 200


def test_queries_that_are_not_well_formed_get_json():
    port = free_port()
    with locustfile(FILE) as path, katydid("-f", path, "--web-port", port) as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        paths = [path for path in SPEC["paths"] if "get" in SPEC["paths"][path] and "openapi" not in path]
        for path, query in ((path, query) for path in paths for query in ("a=%zz", "a=%", "&".join("f" for _ in range(5000)))):
            status, text, headers = ask(f"{url}{path}?{query}")
            assert status == 400 and headers["Content-Type"] == "application/json" and not json.loads(text)["ok"], (path, status, text)
            assert "400" in SPEC["paths"][path]["get"]["responses"], path


def test_the_kinds_of_events_that_are_promised_are_those_that_there_are():
    """In the descriptions of both lists, and in docs/api.md."""
    calls = [call for path in (ROOT / "master").rglob("*.c") for call in re.findall(r"\bevents_add\([^;]*;", path.read_text())]
    kinds = {word for call in calls for word in re.findall(r'"([a-z]{4,})"', call)}
    for path in ("/api/v1/events", "/api/v1/runs/{run}/events"):
        schema = SPEC["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert set(schema["properties"]["events"]["items"]["properties"]["kind"]["enum"]) == kinds, path
    (words,) = re.findall(r'`events` `\[\{"at","kind","text"\}\]`, kinds `([a-z ]+)`', (ROOT / "docs" / "api.md").read_text())
    assert set(words.split()) == kinds
