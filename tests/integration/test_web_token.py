"""--web-token: who has one is let in, who may only look changes nothing, who guesses is slowed, and no token is seen anywhere."""

import json
import os
import urllib.request
from pathlib import Path

import pytest
from harness import children, free_port, katydid, locustfile, run_katydid, wait_for
from test_web_host import LOGIN, PLAIN, Caller, page
from viewer import Viewer

RUN, SEE = "run-9f8e7d6c5b4a39281706", "see-0a1b2c3d4e5f60718293"
TOKENS = f"run anna {RUN}, see wall {SEE}"
COMMAND = {"X-Katydid": "1", "Content-Type": "application/json"}
START = b'{"users": 1, "spawn_rate": 1, "host": "http://127.0.0.1:1"}'

ADDED = PLAIN + """
    from flask import request
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        web_ui.app.add_url_rule("/load/mine", "mine", lambda: repr(sorted(
            (name, value) for name, value in request.headers if name in ("Authorization", "Cookie", "X-Katydid-Role", "X-Katydid-User"))), methods=["GET", "POST"])
"""

GUARD = PLAIN + """
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        web_ui.app.before_request(lambda: None)
"""


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def guarded():
    with page(ADDED, "--web-base-path", "/load", base="/load", env={"KATYDID_WEB_TOKEN": TOKENS}) as process:
        yield process


def fresh(process):
    return Caller(process.call.base)


def signed_in(process, token):
    call = fresh(process)
    status, _, headers = call("/login", {"token": token})
    assert (status, headers["Location"]) == (303, "./")
    return call


def test_nothing_is_answered_without_a_token(guarded):
    call = fresh(guarded)
    for path in ("/", "/api/v1/state", "/api/v1/session", "/stats/requests", "/metrics", "/mine", "/nothing", "/api/v1/live", "/favicon.svg"):
        status, text, headers = call(path)
        assert status == 401 and "Sign in first" in text and headers["WWW-Authenticate"].startswith("Bearer"), path
    assert call("/api/v1/start", START, **COMMAND)[0] == 401 and call("/mine", b"x")[0] == 401
    status, _, headers = call("/", Accept="text/html,*/*")
    assert (status, headers["Location"]) == (302, "/load/login")
    assert "not known" in call("/api/v1/state", **bearer("wrong" + RUN))[1] and Viewer(guarded.call.base.removesuffix("/load")).status == 401
    for path in (f"/api/v1/state?token={RUN}", f"/?token={RUN}", f"/login?token={RUN}"):
        assert call(path)[0] in (200, 401) and call("/api/v1/state")[0] == 401, path


def who_looks(call, **headers):
    html = call("/", **headers)[1]
    return json.loads(html.partition('id="who">')[2].partition("</script>")[0])


RENDERED = PLAIN + """
    from flask import render_template
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        web_ui.app.view_functions["locust.index"] = lambda: render_template("index.html", template_args=web_ui.template_args)
"""


@pytest.mark.parametrize("text", [PLAIN, GUARD, RENDERED])
def test_the_page_brings_along_who_looks_at_it(text):
    """So that it draws nothing first that a role may not do; through the locustfile, too."""
    with page(text, env={"KATYDID_WEB_TOKEN": TOKENS}) as process:
        assert who_looks(process.call, **bearer(SEE)) == {"role": "see", "name": "wall", "asks": True}
        assert who_looks(process.call, **bearer(RUN), **{"X-Katydid-Role": "see"}) == {"role": "run", "name": "anna", "asks": True}


def test_without_tokens_the_page_is_whose_it_was():
    with page(PLAIN) as process:
        assert who_looks(process.call) == {"role": "run", "name": "", "asks": False}


def test_the_form_needs_nothing_else(guarded):
    status, text, headers = fresh(guarded)("/login")
    assert status == 200 and 'name="token"' in text and 'content="same-origin"' in text and "form-action 'self'" in headers["Content-Security-Policy"]
    assert "script" not in text and headers["X-Frame-Options"] == "DENY" and headers["Cache-Control"] == "no-store"


def test_a_token_is_changed_for_a_session(guarded):
    call = signed_in(guarded, RUN)
    (cookie,) = call.cookies
    assert cookie.path == "/load/" and cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert RUN not in cookie.value and not cookie.secure
    assert json.loads(call("/api/v1/session")[1]) == {"role": "run", "name": "anna", "asks": True}
    assert call("/")[0] == 200 and call("/login")[2]["Location"] == "./"
    assert call("/api/v1/marker", b'{"text": "x"}', **COMMAND)[0] in (200, 409)
    held = f"{cookie.name}={cookie.value}"
    request = urllib.request.Request(guarded.call.base + "/api/v1/session", method="DELETE", headers=COMMAND)
    with call.opener.open(request) as answer:
        assert json.loads(answer.read())["ok"]
    assert call("/api/v1/state")[0] == 401 and fresh(guarded)("/api/v1/state", Cookie=held)[0] == 401


def test_who_may_look_changes_nothing(guarded):
    for call, headers in ((signed_in(guarded, SEE), {}), (fresh(guarded), bearer(SEE))):
        for path in ("/", "/api/v1/state", "/api/v1/script", "/stats/requests", "/metrics", "/mine"):
            assert call(path, **headers)[0] == 200, path
        for path, body in (("/api/v1/start", START), ("/api/v1/stop", b"{}"), ("/api/v1/edit", b"{}"), ("/api/v1/reset", b"{}"), ("/api/v1/marker", b"{}"),
                           ("/api/v1/try", b"{}"), ("/api/v1/reload", b"{}"), ("/api/v1/ping", b"{}"), ("/swarm", b"user_count=1&spawn_rate=1"), ("/stop", b""),
                           ("/stop", None), ("/stats/reset", None), ("/user", b"{}"), ("/mine", b"x"), ("/nothing", b"x")):
            status, text, _ = call(path, body, **{**COMMAND, **headers})
            assert status == 403 and "may look" in text, (path, status, text)


def test_the_locustfile_is_told_who_asks_and_no_secret(guarded):
    for token, role, name in ((RUN, "run", "anna"), (SEE, "see", "wall")):
        told = [("X-Katydid-Role", role), ("X-Katydid-User", name)]
        assert fresh(guarded)("/mine", **bearer(token), **{"X-Katydid-Role": "x", "X-Katydid-User": "y"})[1] == repr(told)
        assert signed_in(guarded, token)("/mine")[1] == repr(told)
    call = signed_in(guarded, RUN)
    (cookie,) = call.cookies
    assert fresh(guarded)("/mine", Cookie=f"a=1; {cookie.name}={cookie.value}; b=2", Authorization="Basic YTpi")[1] == repr(
        [("Authorization", "Basic YTpi"), ("Cookie", "a=1; b=2"), ("X-Katydid-Role", "run"), ("X-Katydid-User", "anna")])


def test_other_sites_sign_nobody_in(guarded):
    for headers in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        assert fresh(guarded)("/login", {"token": RUN}, **headers)[0] == 403
    assert fresh(guarded)("/login", {"token": RUN}, Host="evil.test")[0] == 421
    assert fresh(guarded)("/login", b"{}", **{"Content-Type": "application/json"})[0] == 400


def test_no_token_is_seen_in_processes_and_logs(guarded):
    words = {"KATYDID_WEB_TOKEN", RUN, SEE}
    for pid in children(guarded.pid):
        for file in ("environ", "cmdline"):
            assert not any(word in Path(f"/proc/{pid}/{file}").read_text(errors="replace") for word in words)
    assert RUN not in guarded.stderr and SEE not in guarded.stderr


def test_a_token_of_the_command_line_is_hidden():
    with page(PLAIN, "--web-token", RUN) as process:
        assert RUN not in Path(f"/proc/{process.pid}/cmdline").read_text()
        assert process.call("/api/v1/state", **bearer(RUN))[0] == 200
        for pid in children(process.pid):
            assert RUN not in Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()


def test_guesses_are_slowed_and_who_is_in_stays():
    with page(PLAIN, env={"KATYDID_WEB_TOKEN": TOKENS}) as process:
        inside = signed_in(process, RUN)
        (cookie,) = inside.cookies
        answers = [fresh(process)("/api/v1/state", **bearer(f"guess{number:020}")) for number in range(12)]
        assert [status for status, _, _ in answers[:5]] == [401] * 5
        late = [(text, headers) for status, text, headers in answers if status == 429]
        assert late and int(late[0][1]["Retry-After"]) >= 1 and "Too many attempts" in late[0][0]
        assert any(fresh(process)("/login", {"token": f"guess{number:020}"})[0] == 429 for number in range(12))
        assert inside("/api/v1/state")[0] == 200 and fresh(process)("/api/v1/state", **bearer(RUN))[0] == 200
        viewer = Viewer(process.call.base, headers=[f"Cookie: {cookie.name}={cookie.value}"])
        assert viewer.status == 101 and viewer.message("hello")
        viewer.close()


def replace(path, text):
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


def test_the_file_may_change(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"# those of today\nrun anna {RUN}\n")
    with page(PLAIN, "--web-token", f"@{file}") as process:
        inside, viewer = signed_in(process, RUN), Viewer(process.call.base, headers=[f"Authorization: Bearer {RUN}"])
        assert viewer.status == 101 and viewer.message("hello")
        replace(file, "nonsense\n")
        assert inside("/api/v1/state")[0] == 200
        wait_for(lambda: inside("/api/v1/state")[0] == 200 and "stay in force" in process.stderr, "the word about what cannot be read")
        replace(file, f"see wall {SEE}\n")
        wait_for(lambda: inside("/api/v1/state")[0] == 401, "the end of the session of a token that is gone")
        assert fresh(process)("/api/v1/state", **bearer(SEE))[0] == 200
        assert viewer.message("bye")["why"]
        viewer.close()


def test_what_is_wrong_is_said_at_once(tmp_path):
    with locustfile(PLAIN) as path:
        for given, words in (("short", "5 characters"), ("@" + str(tmp_path / "none"), "cannot read"), (f"admin {RUN}", "no role")):
            done = run_katydid("-f", path, "-P", free_port(), env={"KATYDID_WEB_TOKEN": given})
            assert done.code == 2 and "--web-token" in done.stderr and words in done.stderr, done.stderr
            assert RUN not in done.stderr


def test_beside_a_login_both_are_asked_for():
    with page(LOGIN, "--web-login", env={"KATYDID_WEB_TOKEN": TOKENS}) as process:
        call = fresh(process)
        assert 'name="token"' in call("/login")[1] and call("/login_submit", {"username": "ann", "password": "right"})[0] == 401
        call = signed_in(process, RUN)
        assert "Who?" in call("/login")[1] and call("/api/v1/state")[0] == 401
        assert call("/login_submit", {"username": "ann", "password": "right"})[0] == 302 and call("/api/v1/state")[0] == 200


def test_beyond_loopback_the_word_is_about_what_is_open():
    with locustfile(PLAIN) as path:
        for env, words in (({}, "without a password"), ({"KATYDID_WEB_TOKEN": TOKENS}, "Tokens of the page travel in clear")):
            with katydid("-f", path, "-P", free_port(), "--web-host", "*", env=env) as process:
                process.wait_line(words)
