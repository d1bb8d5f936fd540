"""What a locustfile adds to the web interface: routes, hooks, a login; and how the page is reached: TLS, IPv6."""

import http.cookiejar
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from contextlib import contextmanager

import pytest
from harness import SANITIZED, children, free_port, katydid, locustfile, run_katydid, wait_for
from viewer import Viewer

EXTENDED = """
    import json, time
    from flask import Blueprint, render_template, request
    from locust import HttpUser, constant, events, task

    class U(HttpUser):
        host = "http://127.0.0.1:1"
        wait_time = constant(1)

        @task
        def t(self):
            pass

    @events.init.add_listener
    def init(environment, web_ui, **_):
        assert web_ui is environment.web_ui and web_ui.greenlet is None
        added = Blueprint("added", "added")

        @added.route("/added")
        def hello():
            return f"{request.remote_addr} {request.url} {request.args.get('q')}"

        @added.route("/size", methods=["POST"])
        def size():
            return str(len(request.get_data()))

        @added.route("/stream")
        def stream():
            def parts():
                for part in range(3):
                    yield f"part {part}\\n"
                    time.sleep(0.05)
            return parts()

        @added.route("/boom")
        def boom():
            raise ValueError("on purpose")

        @added.route("/extend")
        def extend():
            web_ui.update_template_args()
            return render_template("index.html", template_args={
                **web_ui.template_args, "extended_tabs": [{"title": "</script>", "key": "x"}]})

        @web_ui.app.after_request
        def after(response):
            if request.path == "/stats/requests":
                response.set_data(json.dumps({**response.json, "extended_stats": ["mine"]}))
            return response

        web_ui.template_args["extended_csv_files"] = [{"href": "/x.csv", "title": "X"}]
        web_ui.app.register_blueprint(added)
"""

LOGIN = """
    from flask import Blueprint, redirect, request, session, url_for
    from flask_login import UserMixin, login_user
    from locust import HttpUser, events, task

    class U(HttpUser):
        host = "http://127.0.0.1:1"

        @task
        def t(self):
            pass

    class Person(UserMixin):
        def __init__(self, name):
            self.name = name

        def get_id(self):
            return self.name

    @events.init.add_listener
    def init(environment, **_):
        web_ui = environment.web_ui
        web_ui.login_manager.user_loader(Person)
        web_ui.app.config["SECRET_KEY"] = "only for this test"
        base = environment.parsed_options.web_base_path
        auth = Blueprint("auth", "auth", url_prefix=base)
        web_ui.auth_args = {"username_password_callback": f"{base}/login_submit", "title": "Who?",
                            "auth_providers": [{"label": "Hub", "callback_url": "/hub"}]}

        @auth.route("/login_submit", methods=["POST"])
        def submit():
            if request.form.get("password") == "right":
                login_user(Person(request.form["username"]))
                return redirect(url_for("locust.index"))
            session["auth_error"] = "<b>wrong"
            return redirect(url_for("locust.login"))

        @auth.route("/mine")
        @web_ui.auth_required_if_enabled
        def mine():
            return "mine"

        web_ui.app.register_blueprint(auth)
"""

PLAIN = """
    from locust import User, task

    class U(User):
        @task
        def t(self):
            pass
"""


class Caller:
    """A client with cookies that follows no redirect."""

    def __init__(self, base, trusted=None):
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        self.base = base
        self.cookies = http.cookiejar.CookieJar()
        context = ssl.create_default_context(cafile=trusted)
        self.opener = urllib.request.build_opener(
            Stay, urllib.request.HTTPCookieProcessor(self.cookies), urllib.request.HTTPSHandler(context=context)
        )

    def __call__(self, path, form=None, **headers):
        data = urllib.parse.urlencode(form).encode() if isinstance(form, dict) else form
        try:
            answer = self.opener.open(urllib.request.Request(self.base + path, data, headers), timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.read().decode(), answer.headers


@contextmanager
def page(text, *arguments, scheme="http", address="127.0.0.1", trusted=None, base="", **kwargs):
    port = free_port()
    with locustfile(text) as path, katydid("-f", path, "-P", port, *arguments, **kwargs) as process:
        process.wait_line("Starting web interface at")
        process.call = Caller(f"{scheme}://{address}:{port}{base}", trusted)
        process.port = port
        yield process
        process.signal(signal.SIGTERM)
        assert process.wait(90) in (0, 143), process.describe()


@pytest.fixture(scope="module")
def extended():
    with page(EXTENDED) as process:
        yield process


def test_routes_of_the_locustfile(extended):
    call = extended.call
    assert call("/added?q=a%20b")[1] == f"127.0.0.1 {call.base}/added?q=a%20b a b"
    assert call("/size", b"x" * 300_000)[1] == "300000"
    assert call("/stream")[1] == "part 0\npart 1\npart 2\n"
    assert call("/nothing")[0] == 404
    status, text, _ = call("/boom")
    assert status == 500 and "Internal Server Error" in text and "on purpose" not in text
    extended.wait_line("ValueError: on purpose")


def test_hooks_rewrite_locusts_routes(extended):
    answer = json.loads(extended.call("/stats/requests")[1])
    assert answer["extended_stats"] == ["mine"] and answer["stats"][-1]["name"] == "Aggregated"
    status, text, _ = extended.call("/swarm", {"user_count": 1, "spawn_rate": 1})
    assert (status, json.loads(text)["message"]) == (200, "Swarming started")
    assert json.loads(extended.call("/stop")[1])["success"]
    assert json.loads(extended.call("/api/v1/state")[1])["type"] == "hello"


def test_other_sites_cannot_change_anything_there(extended):
    for headers in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        assert extended.call("/size", b"x", **headers)[0] == 403
        assert extended.call("/swarm", {"user_count": 1, "spawn_rate": 1}, **headers)[0] == 403
    assert extended.call("/added", Host="evil.test")[0] == 421
    assert extended.call("/stats/requests", **{"X-Katydid-Secret": "0" * 32})[0] == 200
    assert extended.call("/stop", **{"X-Katydid-Secret": "0" * 32, "Sec-Fetch-Site": "cross-site"})[0] == 403


def test_the_page_knows_what_is_added(extended):
    text = extended.call("/extend")[1]
    assert '<base href="/">' in text
    data = json.loads(text.split('id="template-args">')[1].split("</script>")[0])
    assert data["state"] in ("ready", "stopped") and data["extended_tabs"] == [{"title": "</script>", "key": "x"}]
    added = wait_for(
        lambda: (a := json.loads(extended.call("/api/v1/extensions")[1])).get("extended_tabs") and a, "the tab"
    )
    assert added["extended_csv_files"] == [{"href": "/x.csv", "title": "X"}]


def test_a_host_that_hangs_keeps_nobody_from_the_page():
    """As long as the locustfile only adds to it."""
    added = PLAIN + """
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        web_ui.app.add_url_rule("/mine", "mine", lambda: "mine")
"""
    with page(added) as process:
        assert process.call("/mine")[1] == "mine"
        (host,) = children(process.pid)
        os.kill(host, signal.SIGSTOP)
        try:
            assert json.loads(process.call("/api/v1/state")[1])["type"] == "hello" and process.call("/")[0] == 200
        finally:
            os.kill(host, signal.SIGCONT)


def test_nothing_is_listened_on_when_nothing_is_added():
    with page(PLAIN) as process:
        assert process.call("/added")[:2] == (404, "Not found.\n")
        assert process.call("/login")[2]["Location"] == "./"
        added = json.loads(process.call("/api/v1/extensions")[1])
        assert added["available_user_classes"] == ["U"] and added["extra_options"] == {}


@pytest.mark.alone
def test_the_end_is_quick_with_the_page_open():
    """Locust's own tests allow a second; what waits here waits for one or more. The best of three, for machines that are busy."""
    took = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        with page(PLAIN, "--autostart", "-u", "1") as process:
            viewers = [Viewer(process.call.base) for _ in range(3)]
            idle = socket.create_connection(("127.0.0.1", process.port))
            assert all(viewer.message("tick") for viewer in viewers)
            started = time.monotonic()
            process.signal(number)
            assert process.wait(90) == 0, process.describe()
            took.append(time.monotonic() - started)
            assert viewers[0].message("bye")["why"] == "stopping"
            for each in (*viewers, idle):
                each.close()
    assert min(took) < (10 if SANITIZED else 1), took


def test_functions_before_requests_decide_about_everything():
    guarded = PLAIN + """
    from flask import request
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        @web_ui.app.before_request
        def check():
            if request.headers.get("Authorization") != "let me in":
                return "no", 401
"""
    with page(guarded) as process:
        for path in ("/", "/stats/requests", "/api/v1/state", "/stop"):
            assert process.call(path)[:2] == (401, "no"), path
            assert process.call(path, Authorization="let me in")[0] == 200, path


def test_a_guard_is_tried_slower_and_slower_by_who_fails():
    guarded = PLAIN + """
    from flask import request
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        @web_ui.app.before_request
        def check():
            if request.headers.get("Authorization") != "right" and request.args.get("token") != "right":
                return "no", 401
"""
    with page(guarded) as process:
        call = process.call
        assert call("/api/v1/state", Authorization="right")[0] == 200
        assert call("/api/v1/state?token=right")[0] == 200
        assert call("/api/v1/state")[0] == 401  # though the one before differed by its query only
        tried = [call("/api/v1/state", Authorization=f"wrong {i}") for i in range(8)]
        assert [status for status, _, _ in tried] == [401] * 5 + [429] * 3
        assert int(tried[-1][2]["Retry-After"]) == 1 and not json.loads(tried[-1][1])["ok"]
        assert call("/api/v1/state")[0] == 401  # who tries nothing is told as before
        assert call("/stats/requests", Authorization="right")[0] == 200  # what was right before is


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def guarded(certificate):
    """Login, TLS and a base path together."""
    with page(
        LOGIN, "--web-login", "--tls-cert", certificate / "cert.pem", "--tls-key", certificate / "key.pem",
        "--web-base-path", "/load", scheme="https", trusted=certificate / "cert.pem", base="/load",
    ) as process:
        yield process


def test_nothing_without_a_session(guarded):
    call = guarded.call
    for path in ("/", "/stats/requests", "/stop", "/logs", "/mine"):
        status, _, headers = call(path)
        assert status == 302 and headers["Location"].startswith("/load/login?next="), path
    assert call("/swarm", {"user_count": 1, "spawn_rate": 1})[0] == 302
    for path in ("/api/v1/state", "/api/v1/live"):
        assert call(path)[0] == 401
    status, text, headers = call("/login")
    assert status == 200 and "<h1>Who?</h1>" in text and "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_login(guarded):
    call = guarded.call
    status, _, headers = call("/login_submit", {"username": "ann", "password": "wrong"})
    assert (status, headers["Location"]) == (302, "/load/login")
    assert "&lt;b&gt;wrong" in call("/login")[1]
    status, _, headers = call("/login_submit", {"username": "ann", "password": "right"}, Origin=call.base[: -len("/load")])
    assert (status, headers["Location"]) == (302, "/load/")
    assert "Secure" in headers["Set-Cookie"] and "HttpOnly" in headers["Set-Cookie"]
    assert json.loads(call("/stats/requests")[1])["state"] == "ready"
    assert json.loads(call("/api/v1/state")[1])["type"] == "hello"
    assert call("/mine")[1] == "mine" and call("/")[0] == 200
    call.cookies.clear()
    assert call("/api/v1/state")[0] == 401


def test_failed_logins_are_slowed_down_without_a_lock(guarded):
    call, started = guarded.call, time.monotonic()
    failed = lambda: call("/login_submit", {"username": "ann", "password": "wrong"})  # noqa: E731
    statuses = [failed()[0] for _ in range(8)]
    assert statuses[-1] == 429 and set(statuses) == {302, 429}, statuses
    _, text, headers = failed()
    wait = int(headers["Retry-After"])
    assert f"in {wait} s" in text
    assert call("/login_submit", {"username": "ann", "password": "right"})[0] == 429  # right or wrong is not told
    assert call("/login")[0] == 200 and call("/api/v1/state")[0] == 401  # the rest of the page goes on
    assert time.monotonic() - started < 30  # nobody was kept waiting for an answer

    def log_in():
        status, _, headers = call("/login_submit", {"username": "ann", "password": "right"})
        time.sleep(int(headers.get("Retry-After", 0)))
        return status == 302

    wait_for(log_in, "the login, after the wait")
    assert call("/api/v1/state")[0] == 200
    call.cookies.clear()


def test_tls_port_tells_plain_http_and_outlives_rubbish(guarded):
    for sent, expected in ((b"GET / HTTP/1.1\r\n\r\n", b"HTTPS"), (b"\x16\x03\x01\xff\xffrubbish" * 9, b"")):
        with socket.create_connection(("127.0.0.1", guarded.port), timeout=60) as link:
            link.sendall(sent)
            answer = b""
            try:
                while piece := link.recv(4096):
                    answer += piece
            except ConnectionResetError:
                pass
            assert expected in answer
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=60) as link, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(link)
    assert guarded.call("/login")[0] == 200


def test_slow_and_many_connections_do_not_keep_others_out(guarded):
    idle = [socket.create_connection(("127.0.0.1", guarded.port)) for _ in range(40)]
    assert guarded.call("/login")[0] == 200
    idle[0].settimeout(60)
    assert idle[0].recv(1) == b""
    for link in idle:
        link.close()


def test_a_login_that_is_not_set_up_says_so():
    text = LOGIN.replace('web_ui.app.config["SECRET_KEY"] = "only for this test"', "pass")
    with page(text, "--web-login") as process:
        status, text, _ = process.call("/")
        assert status == 200 and text.startswith("Locust auth exception: ") and "--web-login" in text
        assert process.call("/api/v1/state")[0] == 401


@pytest.mark.parametrize(("address", "shown"), [("::1", "[::1]"), ("::", "127.0.0.1")])
def test_ipv6(address, shown):
    with page(PLAIN, "--web-host", address, address=shown) as process:
        assert json.loads(process.call("/api/v1/state")[1])["type"] == "hello"
        assert process.call("/api/v1/state", Host="evil.test")[0] == 421


def test_bad_certificates_are_named(certificate, tmp_path):
    cert, key = certificate / "cert.pem", certificate / "key.pem"
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with locustfile(PLAIN) as path:
        for given, words in (
            ((cert, other), "does not belong"),
            ((cert, empty), "--tls-key"),
            ((empty, key), "--tls-cert"),
            ((tmp_path / "none.pem", key), "No such file"),
        ):
            process = run_katydid("-f", path, "-P", "0", "--tls-cert", given[0], "--tls-key", given[1])
            assert process.code not in (0, 2) and words in process.stderr, process.describe()


def test_distributed_the_page_is_extended_too(extended):
    assert shutil.which("openssl")
    with page(EXTENDED, "--master", "--master-bind-port", free_port()) as process:
        assert process.call("/added")[0] == 200
        answer = json.loads(process.call("/stats/requests")[1])
        assert answer["workers"] == [] and answer["extended_stats"] == ["mine"]
