"""A token, a login, and a locustfile's own guard, hold for every spelling of every path: nobody without a session gets an answer, and nothing is done."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
from harness import ROOT
from test_web_host import LOGIN, PLAIN, Caller, page

GUARD = PLAIN + """
    from flask import request
    from locust import events

    @events.init.add_listener
    def init(web_ui, **_):
        @web_ui.app.before_request
        def check():
            open = request.path.startswith(("/assets/", "/favicon.svg", "/load/assets/"))
            if not open and request.headers.get("Authorization") != "let me in":
                return "no", 401
"""

TOKEN = "0123456789abcdef0123"

IN_A_SOURCE = re.compile(r'\{"(?:GET, )?(GET|POST|DELETE)", "?(/[^"]*|LIVE_PATH)"?, ')
SOME_RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def routes():
    """(method, path) of every route that the server has."""
    found = set()
    for path in (ROOT / "master" / "web").glob("*.c"):
        found |= set(IN_A_SOURCE.findall(path.read_text()))
    return sorted((method, path.replace("LIVE_PATH", "/api/v1/live").replace("{run}", SOME_RUN)) for method, path in found)


def documented():
    """(method, path) of every route that docs/api.md names: in the first column of its tables, where what is left out is that of
    the one before, or in a sentence."""
    text = (ROOT / "docs" / "api.md").read_text()
    found = set(re.findall(r"`(GET|POST|DELETE) (api/v1/[^`? ]*)", text))
    for cell in re.findall(r"^\| (`(?:GET|POST|DELETE) [^|]*)", text, re.MULTILINE):
        method = folder = None
        for words in re.findall(r"`([^`]+)`", cell):
            if words[0] == "{":  # a body
                continue
            *given, path = words.partition("?")[0].split(" ")
            method = given[0] if given else method
            path = path if given or path.startswith("/") else f"{folder}/{path}"
            folder = path.rpartition("/")[0]
            found.add((method, path))
    return {(method, "/" + path.lstrip("/").replace("runs/ID", f"runs/{SOME_RUN}")) for method, path in found}


def test_the_document_names_every_route_and_no_other():
    of_files = {("GET", "/api/v1/openapi.json")}  # one of the page's files
    assert sorted(documented() - of_files) == routes()


def spellings(base, path):
    """Requests that someone might take for base + path, or for something open."""
    tail = path[1:]
    spelled = [f"{base}{open}{up}{path}" for open in ("/assets", "/favicon.svg", "/login", "") for up in (
        "/..", "/../", "/./..", "/x/../..", "/%2e%2e", "/.%2e", "/%2E%2e", "/%252e%252e", "//..", "/..%2f", "/%2e%2e%2f",
        "/..;", "/..;x=1", "/;/..", "\\..", "/..\\", "/%5c..", "/..%5c", "/%c0%ae%c0%ae", "/%u002e%u002e", "/..%00", "/..%0a")]
    spelled += [f"{base}{each}" for each in (
        path, "/" + path, "//" + path, "/." + path, "/%2e" + path, path + "/", path + "/.", path + "//", path + "?", path + "?a=%zz",
        path + "%00", path + "%20", path + ";", path + ";a=1", path + "%3f", path + "#", path + "%23", path.upper(), path + ".html",
        "/%" + f"{ord(tail[:1] or '/'):02x}" + tail[1:], path.replace("/", "%2f"), path.replace("/", "\\"), path[:-1] + "%", path + "%2",
        "/assets/" + "%2e%2e%2f" * 3 + tail, "/assets/" + path, "/assets" + path, "/login" + path, "/login?next=" + path)]
    spelled += [f"http://localhost{base}{path}", f"http://evil.test{base}{path}", tail, "*", f"{base}/..{base}{path}", f"{base}{base}{path}",
                f"/..{base}{path}", f"/x/..{base}{path}", f"/%2e%2e{base}{path}", f"/{base}{path}", path]
    return list(dict.fromkeys(spelled))


def ask(port, method, spelling, *more):
    head = [f"{method} {spelling} HTTP/1.1", f"Host: 127.0.0.1:{port}", *more, "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join(head).encode())
        answer = b""
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    status = re.match(rb"HTTP/1\.\d (\d+)", answer)
    return int(status.group(1)) if status else 0, answer


UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
FORM = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 0")
COMMAND = ("X-Katydid: 1", "Content-Type: application/json", "Content-Length: 0")


def requests_for(base, port):
    everything = routes()
    assert {("GET", "/"), ("POST", "/swarm"), ("GET", "/api/v1/live"), ("POST", "/api/v1/try"), ("DELETE", f"/api/v1/runs/{SOME_RUN}")} <= set(everything)
    for method, path in everything:
        own = FORM if method == "POST" and "/api/" not in path else COMMAND if method != "GET" else ()
        for spelling in spellings(base, path):
            yield method, spelling, own
        for other in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "GET\t"):
            yield other, base + path, ("Content-Length: 0",)
            yield other, f"{base}/assets/..{path}", ("Content-Length: 0",)
    for spelling in spellings(base, "/api/v1/live"):
        yield "GET", spelling, (*UPGRADE, f"Origin: http://127.0.0.1:{port}")
    for disguise in ("X-Original-URL: /login", "X-Rewrite-URL: /assets/x", "X-HTTP-Method-Override: OPTIONS", "Host: localhost",
                     "X-Katydid-Admit: GET open", "X_Katydid_Admit: GET open", "X-Katydid-Secret: ", "X-Katydid-Front: x", "X-Forwarded-Prefix: /assets"):
        yield "GET", f"{base}/api/v1/script", (disguise,)


def is_open(method, spelling, status, answer, base):
    """What a stranger may have: the login page, the way to it, files of the page; not more."""
    if status in (0, 301, 302, 308, 400, 401, 403, 404, 405, 411, 415, 421, 429):
        return True
    path = unquote(spelling.partition("?")[0])
    if (method in ("GET", "HEAD", "OPTIONS") and path == f"{base}/login") or (method == "OPTIONS" and b"Allow:" in answer and status == 200):
        return True
    return False


@pytest.mark.parametrize(
    ("text", "base"), [(LOGIN, ""), (LOGIN, "/load"), (GUARD, "/load"), (PLAIN, ""), (PLAIN, "/load")],
    ids=["login", "login below a path", "guard", "token", "token below a path"])
def test_no_spelling_gets_past_the_guard(text, base):
    arguments = {LOGIN: ["--web-login"], PLAIN: ["--web-token", TOKEN]}.get(text, [])
    arguments += ["--web-base-path", base] if base else []
    with page(text, *arguments, base=base) as process:
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda each: (each, *ask(process.port, each[0], each[1], *each[2])), list(requests_for(base, process.port)))
        bad = [(each[0], each[1], status, answer[-80:]) for each, status, answer in answers if not is_open(each[0], each[1], status, answer, base)]
        assert not bad, (len(bad), bad[:20])
        admitted = Caller(process.call.base)
        headers = {"Authorization": f"Bearer {TOKEN}" if text is PLAIN else "let me in"}
        if text is LOGIN:
            headers = {}
            assert admitted("/login_submit", {"username": "ann", "password": "right"})[0] == 302
        status, state, _ = admitted("/api/v1/state", **headers)
        assert status == 200 and '"state":"ready"' in state, (status, state)
