"""--audit-log: a line for each start, stop and change, with who and from where, whoever may not included; never a secret."""

import json
import signal
import urllib.request

from harness import free_port, locustfile, run_katydid, wait_for
from test_web_host import LOGIN, PLAIN, Caller, page
from test_web_token import COMMAND, RUN, SEE, TOKENS, bearer

GUARDED = PLAIN + """
    from flask import request
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        web_ui.app.add_url_rule("/mine", "mine", lambda: "mine", methods=["GET", "POST"])

        @web_ui.app.before_request
        def guard():
            if request.headers.get("X-No"):
                return "no", 403
"""


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(path, count):
    wait_for(lambda: len(lines_of(path)) >= count, f"{count} lines")
    lines = lines_of(path)
    assert len(lines) == count, lines
    assert all(line.pop("at").endswith("Z") for line in lines)
    return lines


def test_who_did_what_is_told(tmp_path):
    file = tmp_path / "audit"
    with page(PLAIN, "--audit-log", file, env={"KATYDID_WEB_TOKEN": TOKENS}) as process:
        call = Caller(process.call.base)
        start = b'{"users": 2, "spawn_rate": 1, "host": "http://ann:geheim@127.0.0.1:1/x", "options": {}}'
        for path in ("/", "/api/v1/state", "/stats/requests"):
            assert call(path, **bearer(RUN))[0] == 200
        assert call("/api/v1/start", start, **COMMAND)[0] == 401  # a stranger changes nothing and fills nothing
        assert call("/api/v1/check", start, **COMMAND, **bearer(RUN))[0] == 200
        assert call("/api/v1/start", start, **COMMAND, **bearer(SEE))[0] == 403
        assert call("/api/v1/start", start, **COMMAND, **bearer(RUN))[0] == 200
        assert call("/api/v1/start", b'{"users": -1}', **COMMAND, **bearer(RUN))[0] == 400
        assert call("/stop", **bearer(RUN))[0] == 200
        assert call("/api/v1/state", **bearer("geheim-geheim-geheim"))[0] == 401
        assert call("/login", {"token": RUN})[0] == 303
        request = urllib.request.Request(call.base + "/api/v1/session", method="DELETE", headers=COMMAND)
        assert call.opener.open(request).status == 200
        detail = {"users": 2, "spawn_rate": 1, "host": "http://127.0.0.1:1", "options": []}
        anna, wall = ({"name": name, "role": role, "address": "127.0.0.1"} for name, role in (("anna", "run"), ("wall", "see")))
        assert told(file, 7) == [
            {**wall, "action": "start", "status": 403},
            {**anna, "action": "start", "status": 200, "detail": detail},
            {**anna, "action": "start", "status": 400, "detail": {"users": -1}},
            {**anna, "action": "stop", "status": 200},
            {"name": "", "role": "", "address": "127.0.0.1", "action": "wrong token", "object": "GET /api/v1/state", "status": 401},
            {**anna, "action": "sign in", "status": 303},
            {**anna, "action": "sign out", "status": 200},
        ]
        process.wait_line("anna .run. from 127.0.0.1: start")
        process.signal(signal.SIGTERM)
        assert told(file, 8)[-1]["name"] == "SIGTERM"
        text = file.read_text() + process.stderr
        assert "geheim" not in text and RUN not in text and SEE not in text


def test_what_passes_through_the_locustfile_is_told_once(tmp_path):
    file = tmp_path / "audit"
    with page(GUARDED, "--audit-log", file, env={"KATYDID_WEB_TOKEN": TOKENS}) as process:
        call, form = Caller(process.call.base), {"user_count": 1, "spawn_rate": 1, "host": "http://127.0.0.1:1"}
        assert call("/swarm", form, **bearer(RUN))[0] == 200 and call("/swarm", form, **bearer(RUN), **{"X-No": "1"})[0] == 403
        assert call("/mine", b"geheim", **bearer(RUN))[0] == 200 and call("/mine", **bearer(RUN))[0] == 200
        lines = told(file, 3)
        assert {line["name"] for line in lines} == {"anna"} and {line["address"] for line in lines} == {"127.0.0.1"}
        assert [(line["action"], line["status"]) for line in lines] == [("start", 200), ("start", 403), ("request", 200)]
        assert lines[0]["detail"]["user_count"] == "1" and lines[2]["object"] == "POST /mine"
        assert "geheim" not in file.read_text()


def test_who_is_logged_in_is_told(tmp_path):
    file = tmp_path / "audit"
    start = b'{"users": 1, "spawn_rate": 1, "host": "http://127.0.0.1:1"}'
    with page(LOGIN, "--web-login", "--audit-log", file) as process:
        call, stranger = Caller(process.call.base), Caller(process.call.base)
        assert stranger("/api/v1/start", start, **COMMAND)[0] == 401 and stranger("/stop", b"")[0] == 302
        assert stranger("/mine", b"", **{"X-Katydid-Login": "boss"})[0] in (302, 405)
        assert [line["name"] for line in told(file, 1)] == [""]
        assert call("/login_submit", {"username": "Änne\n<b>", "password": "right"})[0] == 302
        signed = told(file, 2)[-1]
        assert (signed["name"], signed["object"], signed["role"]) == ("Änne?<b>", "POST /login_submit", "")
        for _ in range(2):  # the second time the host is not asked
            assert call("/api/v1/start", start, **COMMAND)[0] == 200 and call("/stop", b"")[0] == 200
        lines = told(file, 6)[2:]
        assert [(line["name"], line["action"]) for line in lines] == [("Änne?<b>", "start"), ("Änne?<b>", "stop")] * 2
        headers = call("/mine")[2]
        assert "X-Katydid-Login" not in headers and "boss" not in file.read_text()


def test_with_a_token_and_a_login_both_names_are_told(tmp_path):
    file = tmp_path / "audit"
    guarded = LOGIN + """
        @web_ui.app.before_request
        def before():
            if request.headers.get("X-No"):
                return "no", 403
"""
    with page(guarded, "--web-login", "--audit-log", file, env={"KATYDID_WEB_TOKEN": TOKENS}) as process:
        call, form = Caller(process.call.base), {"user_count": 1, "spawn_rate": 1, "host": "http://127.0.0.1:1"}
        assert call("/login_submit", {"username": "bob", "password": "right"}, **bearer(RUN))[0] == 302
        assert call("/swarm", form, **bearer(RUN))[0] == 200 and call("/swarm", form, **bearer(RUN), **{"X-No": "1"})[0] == 403
        lines = told(file, 3)
        assert [(line["name"], line["login"], line["role"], line["action"], line["status"]) for line in lines] == [
            ("anna", "bob", "run", "request", 302), ("anna", "bob", "run", "start", 200), ("anna", "bob", "run", "start", 403)]
        process.wait_line("anna .run., logged in as bob, from 127.0.0.1: start")


def test_what_the_command_line_starts_is_told(tmp_path):
    file = tmp_path / "audit"
    with locustfile(PLAIN) as path:
        done = run_katydid("-f", path, "--headless", "-u", 3, "-r", 3, "-t", "1s", "--audit-log", file)
        assert done.code == 0, done.describe()
        (line,) = told(file, 1)
        assert line == {"name": "command line", "role": "", "address": "", "action": "start", "detail": {"users": 3}}
        done = run_katydid("-f", path, "-P", free_port(), "--audit-log", tmp_path / "none" / "audit")
        assert done.code == 74 and "--audit-log: cannot write" in done.stderr, done.describe()
