# SPDX-License-Identifier: MIT
"""Sends many kinds of requests through a Locust client and prints, as JSON, all that a user sees of
them. Run by stock Locust's Python and by katydid-worker, the answers must be the same.

    client_probe.py http|fast URL TLS_URL CLOSED_PORT CA_FILE
"""

import sys

import locust  # noqa: F401  first of all: it patches

import io
import json
import re
import traceback

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook
from locust.exception import ResponseError

try:
    import _katydid
except ImportError:
    _katydid = None

KIND, URL, TLS, CLOSED, CA = sys.argv[1:6]
IS_FAST = KIND == "fast"


class Recorder:
    def __init__(self):
        self.hook = EventHook()
        self.hook.add_listener(self.on_request)
        self.events = []

    def on_request(self, **meta):
        exception = meta["exception"]
        text = exception if isinstance(exception, str) else repr(exception)
        self.events.append(
            {
                "keys": sorted(meta),
                "type": meta["request_type"],
                "name": meta["name"],
                "length": meta["response_length"],
                "context": meta["context"],
                "exception": None if exception is None else plain(text),
                "url": meta["url"],
                "has_time": meta["response_time"] > 0,
                "has_start": meta["start_time"] > 1e9,
            }
        )


def plain(text):
    """Without what differs between versions and runs."""
    text = re.sub(r" at 0x[0-9a-f]+", " at 0x", text)
    text = re.sub(r"BadStatusLine\(.*\)", "BadStatusLine", text)
    text = text.replace("returncharacter", "return character").replace("https:///", "http:///")
    text = text.replace("{'X-B': 5}", "('X-B', 5)")
    text = re.sub(r"python-requests/[\d.]+|python/gevent-http-client-[\d.]+", "UA", text)
    text = re.sub(r"gzip, deflate, br(, zstd)?", "ENCODINGS", text)
    text = re.sub(r"_ssl\.c:\d+", "_ssl.c", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "BOUNDARY", text)
    return re.sub(r'cnonce=\\*"[^"]*"|response=\\*"[^"]*"', "NONCE", text)


def attempt(function):
    try:
        return function()
    except Exception as error:
        return "raised " + plain(f"{type(error).__name__}: {error}")


def see(response):
    """What a user can see of a response."""
    if response is None:
        return None
    r = response
    names = ["status_code", "ok", "url", "text", "content"]
    if not IS_FAST:
        names += ["reason", "encoding", "is_redirect", "is_permanent_redirect", "links"]
    seen = {"class": type(r).__name__}
    is_echo = '"headers": [[' in str(attempt(lambda: r.text))
    if is_echo:  # their order says nothing; they are compared as JSON
        names.remove("text"), names.remove("content")
    for name in names:
        seen[name] = plain(repr(attempt(lambda: getattr(r, name))))
    if "raised" in seen["ok"]:
        seen["ok"] = "False"  # Locust raises the error of the request here
    if not IS_FAST:
        seen["cookies"] = attempt(lambda: sorted((c.name, c.value, c.domain, c.path) for c in r.cookies))
        seen["history"] = attempt(lambda: [(h.status_code, h.url, h.text) for h in r.history])
        seen["elapsed"] = attempt(lambda: r.elapsed.total_seconds() >= 0)
        seen["next"] = attempt(lambda: r.next and (r.next.method, r.next.url))
        seen["request"] = r.status_code and attempt(
            lambda: r.request and (
                r.request.method, r.request.url, plain(repr(sorted(i for i in r.request.headers.items() if i != ("Content-Length", "0")))), plain(repr(r.request.body))
            )
        )
        seen["bool"] = "raised" not in str(attempt(lambda: bool(r))) and bool(r)
        seen["raw"] = attempt(lambda: (r.raw.status, r.raw.reason, r.raw.headers.get("content-type")) if r.raw else None)
    seen["headers"] = attempt(lambda: sorted((n.lower(), str(v)) for n, v in (r.headers or {}).items()))
    seen["json"] = attempt(lambda: scrub(r.json()))
    seen["raise"] = attempt(lambda: r.raise_for_status())
    if not r.status_code and seen["raise"]:
        seen["raise"] = seen["raise"].partition(":")[0]  # the text is urllib3's, and changes
    error = getattr(r, "error", None)
    seen["error"] = error and plain(type(error).__name__)
    return seen


def scrub(value):
    if isinstance(value, dict) and "headers" in value:
        headers = {n.lower(): plain(v) for n, v in value["headers"]}
        value = {**value, "headers": headers, "body": plain(value["body"])}
    return value


class User:
    def context(self):
        return {"from": "user"}


CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def http_only(function):
    return function if IS_FAST else case(function)


def get(path, **kwargs):
    def run(s):
        return s.get(path, **kwargs)

    return run


for name, run in {
    "plain": get("/echo"),
    "query": get("/echo?a=1&b=two"),
    "absolute": get(URL + "/echo/abs"),
    "upper_scheme": get(URL.replace("http", "HTTP") + "/echo"),
    "named": get("/echo", name="a name"),
    "empty_name": get("/echo", name=""),
    "context": get("/echo", context={"from": "call", "more": 1}),
    "headers": get("/echo", headers={"X-One": "1", "Accept": "text/x", "user-agent": "me"}),
    "cookie_header": get("/echo", headers={"Cookie": "own=1"}),
    "host_header": get("/echo", headers={"Host": "example.test"}),
    "params": get("/echo", params={"a": "ä b", "n": 3, "list": ["x", "y"], "none": None} if not IS_FAST else {"a": "ä b", "n": 3}),
    "params_and_query": get("/echo?z=0", params={"a": "1"}),
    "auth": get("/basic/us%65r/pw", auth=("user", "pw")),
    "auth_wrong": get("/basic/user/pw", auth=("user", "no")),
    "json_answer": get("/json"),
    "gzip": get("/gzip"),
    "deflate": get("/deflate"),
    "brotli": get("/brotli"),
    "chunked": get("/chunked/5"),
    "chunked_none": get("/chunked/0"),
    "no_length": get("/nolength"),
    "empty": get("/bytes/0"),
    "big": get("/bytes/300000"),
    "latin1": get("/text?type=text/plain&body=e4f6fc"),
    "utf8": get("/text?type=text/plain;%20charset=utf-8&body=c3a4c3b6"),
    "charset": get("/text?type=text/html;charset=iso-8859-15&body=a4"),
    "no_type": get("/text?body=68656c6c6f20776f726c6420697420697320616c6c2061736369692074657874"),
    "json_type": get("/text?type=application/json&body=7b22c3a4223a20317d"),
    "bad_json": get("/text?type=application/json&body=7b6e6f"),
    "percent": get("/echo/a%20b?c=%41"),
    "space": get("/echo/a b"),
    "dots": get("/a/../echo/./b"),
    "many_headers": get("/headers?X-A=1&X-B=2&Link=<http://a/b>; rel=\"next\""),
    "redirect": get("/redirect/3"),
    "redirect_off": get("/redirect/3", allow_redirects=False),
    "redirect_absolute": get(f"/to?url={URL}/echo/there"),
    "redirect_query": get("/to?url=/echo%3Fa%3D1%2526"),
    "redirect_named": get("/redirect/2", name="chain"),
    "loop": get("/loop"),
    "refused": get(f"http://127.0.0.1:{CLOSED}/"),
    "reset": get("/reset"),
    "close": get("/close"),
    "bad_gzip": get("/badgzip"),
    "unresolved": get("http://no-such-host.invalid/"),
    "tls": get(TLS + "/echo"),
    "s404": get("/status/404"),
    "s500": get("/status/500"),
    "s404_named": get("/status/404", name="missing"),
    "s304": get("/status/304"),
    "s204": get("/status/204"),
    "s299": get("/status/299"),
    "s600": get("/status/600"),
}.items():
    CASES[name] = run

if IS_FAST:
    for name in ("space", "many_headers", "bad_gzip"):  # a ValueError, a ValueError, an error at .content
        del CASES[name]
else:
    for name, run in {
        "fragment": get("/echo#part"),
        "params_bytes": get("/echo", params=b"raw=1"),
        "params_list": get("/echo", params=[("a", "1"), ("a", "2")]),
        "read_timeout": get("/delay/1", timeout=0.1),
        "timeouts": get("/delay/1", timeout=(1, 0.1)),
        "timeout_fine": get("/echo", timeout=5),
        "timeout_zero": get("/echo", timeout=0),
        "short": get("/short"),
        "garbage": get("/garbage"),
        "tls_unverified": get(TLS + "/echo", verify=False),
        "tls_verified": get(TLS.replace("127.0.0.1", "localhost") + "/echo", verify=CA),
        "tls_wrong_name": get(TLS + "/echo", verify=CA),
        "tls_no_bundle": get(TLS + "/echo", verify="/no/such/file"),
        "tls_no_cert": get(TLS + "/echo", verify=False, cert="/no/such/file"),
        "tls_to_plain": get(URL.replace("http:", "https:") + "/echo", verify=False),
        "cookies_arg": get("/echo", cookies={"c": "1"}),
        "headers_none": get("/echo", headers={"Accept": None}),
        "header_bytes": get("/echo", headers={"X-B": b"bytes"}),
        "header_bad": get("/echo", headers={"X-B": "a\nb"}),
        "header_number": get("/echo", headers={"X-B": 5}),
        "missing_schema": lambda s: HttpSession("", s.request_event, None).get("/nothing"),
        "invalid_schema": lambda s: HttpSession("ftp://x", s.request_event, None).get("/nothing"),
        "invalid_url": get("http://"),
        "unknown_keyword": get("/echo", nonsense=1),
        "digest": lambda s: s.get("/digest/u/p", auth=__import__("requests").auth.HTTPDigestAuth("u", "p")),
        "digest_wrong": lambda s: s.get("/digest/u/p", auth=__import__("requests").auth.HTTPDigestAuth("u", "q")),
        "proxy": lambda s: s.get("http://elsewhere.test/echo", proxies={"http": URL}),
        "proxy_auth": lambda s: s.get("http://elsewhere.test/echo", proxies={"http": URL.replace("//", "//u:p@")}),
        "proxy_refused": lambda s: s.get("https://elsewhere.test/echo", proxies={"https": URL}),
    }.items():
        CASES[name] = run


@case
def verbs(s):
    answers = []
    for verb in ("get", "post", "put", "patch", "delete", "head", "options"):
        r = getattr(s, verb)("/echo")
        answers.append((verb, r.status_code, scrub(r.json()) if r.content else None))
    return answers


@case
def lower_method(s):
    return s.request("get", "/echo")


@case
def odd_method(s):
    return s.request("PURGE", "/echo")


for name, kwargs in {
    "post_json": {"json": {"a": [1, 2.5, None, True], "ü": "é"}},
    "post_json_list": {"json": []},
    "post_form": {"data": {"a": "1", "b": "x y&z", "ü": "é"}},
    "post_text": {"data": "plain text ü"},
    "post_bytes": {"data": b"\x00\xff"},
    "post_empty": {"data": ""},
    "post_typed": {"data": "<a/>", "headers": {"Content-Type": "text/xml"}},
    "post_none": {},
    "post_data_and_json": {"data": {"a": 1}, "json": {"b": 2}},
    "post_files": {"files": {"f": ("name.txt", b"contents", "text/plain")}},
    "post_files_data": {"files": {"f": ("name.txt", io.BytesIO(b"contents"))}, "data": {"a": "1"}},
    "post_status": {"json": {}},
}.items():
    CASES[name] = (lambda kw: lambda s: s.post("/echo", **kw))(kwargs)

if not IS_FAST:
    for name, make in {
        "post_pairs": lambda: {"data": [("a", "1"), ("a", "2")]},
        "post_form_list": lambda: {"data": {"a": ["1", "2"], "n": 5, "none": None}},
        "post_file_object": lambda: {"data": io.BytesIO(b"from a file")},
        "post_generator": lambda: {"data": iter([b"one", b"two"])},
        "post_nan": lambda: {"json": {"x": float("nan")}},
        "post_bytearray": lambda: {"data": bytearray(b"abc")},
    }.items():
        CASES[name] = (lambda m: lambda s: s.post("/echo", **m()))(make)

for status in (301, 302, 303, 307, 308):
    CASES[f"post_{status}"] = (lambda n: lambda s: s.post(f"/to?status={n}&url=/echo/x", json={"k": 1}))(status)
    CASES[f"put_{status}"] = (lambda n: lambda s: s.put(f"/to?status={n}&url=/echo/x", data="d"))(status)


@case
def redirect_drops_auth(s):
    other = URL.replace("127.0.0.1", "localhost")
    return s.get(f"/to?url={other}/echo", auth=("u", "p"), headers={"X-Kept": "1"})


@case
def redirect_keeps_auth(s):
    return s.get("/to?url=/echo", auth=("u", "p"))


@case
def cookies(s):
    s.get("/cookies/set?a=1&b=2")
    s.get("/cookies/set?a=3")
    first = scrub(s.get("/echo").json())
    s.get("/cookies/delete?b=")
    jar = s.cookiejar if IS_FAST else s.cookies
    return first, scrub(s.get("/echo").json()), sorted((c.name, c.value, c.domain, c.path) for c in jar)


@case
def cookie_rules(s):
    for raw in (
        "path=1; Path=/echo/deep", "secure=1; Path=/; Secure", "other=1; Domain=example.com",
        "own=1; Domain=127.0.0.1; Path=/", "gone=1; Path=/; Max-Age=0", "old=1; Path=/; Expires=Wed, 01 Jan 2020 00:00:00 GMT",
        "later=1; Path=/; Expires=Wed, 01 Jan 2070 00:00:00 GMT", 'quoted="a b"; Path=/', "nopath=1", "max=1; Path=/; Max-Age=600; HttpOnly",
    ):
        from urllib.parse import quote

        s.get("/cookies/raw?c=" + quote(raw))
    seen = []
    for path in ("/echo", "/echo/deep", "/echo/deep/er", "/echo/deeper", "/cookies/x"):
        cookie = {n.lower(): v for n, v in s.get(path).json()["headers"]}.get("cookie", "") if path != "/cookies/x" else ""
        seen.append((path, sorted(cookie.split("; "))))
    jar = s.cookiejar if IS_FAST else s.cookies
    return seen, sorted((c.name, c.value, c.domain, c.path, c.secure, bool(c.expires)) for c in jar)


@case
def catch_success(s):
    with s.get("/status/500", catch_response=True) as r:
        r.success()
    return r


@case
def catch_failure(s):
    with s.get("/echo", catch_response=True) as r:
        r.failure("not what I wanted")
    return r


@case
def catch_failure_exception(s):
    with s.get("/echo", catch_response=True) as r:
        r.failure(ValueError("odd"))
    return attempt(r.raise_for_status)


@case
def catch_default(s):
    with s.get("/status/404", catch_response=True):
        pass
    with s.get("/echo", catch_response=True) as r:
        return r


@case
def catch_response_error(s):
    with s.get("/echo", catch_response=True):
        raise ResponseError("said so")


@case
def catch_other_error(s):
    with s.get("/echo", catch_response=True):
        raise KeyError("mine")


@case
def catch_failure_then_error(s):
    with s.get("/echo", catch_response=True) as r:
        r.failure("first")
        raise KeyError("then")


@case
def catch_meta(s):
    with s.get("/echo", catch_response=True) as r:
        r.request_meta["name"] = "renamed"
        r.request_meta["context"]["added"] = 1
    return sorted(r.request_meta)


@case
def catch_refused(s):
    with s.get(f"http://127.0.0.1:{CLOSED}/", catch_response=True) as r:
        r.success()
    return r


@case
def with_without_catch(s):
    with s.get("/echo") as r:
        return r


@case
def success_without_catch(s):
    s.get("/echo").success()


@case
def failure_outside(s):
    s.get("/echo", catch_response=True).failure("x")


@case
def rename(s):
    with s.rename_request("group"):
        s.get("/echo/1")
        s.get("/echo/2", name="own")
    s.get("/echo/3")


@case
def request_name(s):
    s.request_name = "sticky"
    return s.get("/echo")


@case
def session_headers(s):
    if IS_FAST:
        return None
    s.headers["X-Session"] = "1"
    s.headers.update({"Accept": "text/y"})
    first = scrub(s.get("/echo").json())
    del s.headers["X-Session"]
    s.headers["Authorization"] = "Bearer t"
    return first, scrub(s.get("/echo", headers={"accept": "z"}).json())


@http_only
def session_settings(s):
    s.params = {"k": "v"}
    s.auth = ("u", "p")
    s.cookies.set("mine", "1")
    return s.get("/echo"), dict(s.cookies), s.max_redirects, s.verify, s.stream, s.trust_env, s.cert, s.proxies


@http_only
def session_cookies_replaced(s):
    import requests

    s.cookies = requests.cookies.cookiejar_from_dict({"a": "1"})
    first = scrub(s.get("/echo").json())
    s.cookies.clear()
    s.cookies.update({"b": "2"})
    return first, scrub(s.get("/echo").json())


@http_only
def session_hooks(s):
    seen = []
    s.hooks["response"].append(lambda r, *a, **k: seen.append(r.status_code))
    s.get("/redirect/1")
    s.get("/echo", hooks={"response": lambda r, *a, **k: seen.append("own")})
    return seen


@http_only
def custom_auth(s):
    class Token(__import__("requests").auth.AuthBase):
        def __call__(self, request):
            request.headers["X-Token"] = "t"
            return request

    return s.get("/echo", auth=Token())


@http_only
def mounted(s):
    from requests.adapters import HTTPAdapter

    s.mount("http://", HTTPAdapter(max_retries=1))
    return s.get("/echo")


@http_only
def max_redirects(s):
    s.max_redirects = 2
    return s.get("/redirect/5", name="five")


@http_only
def prepared(s):
    import requests

    s.explicit_name = None
    request = s.prepare_request(requests.Request("POST", URL + "/echo", json={"a": 1}))
    return s.send(request).json()["body"]


@http_only
def stream_content(s):
    r = s.get("/stream/4", stream=True)
    return r.status_code, [c.decode() for c in r.iter_content(64)] and True, attempt(lambda: r.content)


@http_only
def stream_lines(s):
    with s.get("/stream/4", stream=True, catch_response=True) as r:
        return [line.decode() for line in r.iter_lines()]


@http_only
def stream_raw(s):
    r = s.get("/gzip", stream=True)
    return len(r.raw.read()) < 200, r.raw.read()


@http_only
def stream_gzip(s):
    r = s.get("/gzip", stream=True)
    return len(r.content), r.json()["compressed"]


@http_only
def stream_close(s):
    r = s.get("/drip/1000", stream=True)
    r.close()
    return s.get("/echo").status_code


@http_only
def iterate(s):
    r = s.get("/bytes/10")
    return [len(c) for c in r.iter_content(4)], [len(c) for c in r], list(r.iter_lines())


@http_only
def set_encoding(s):
    r = s.get("/text?type=text/plain&body=c3a4")
    r.encoding = "utf-8"
    return r.text


@http_only
def is_requests_response(s):
    import requests

    return isinstance(s.get("/echo"), requests.Response), isinstance(s, requests.Session)


@http_only
def base_url_credentials(s):
    other = HttpSession(URL.replace("//", "//us%20er:p%40w@") + "/echo", s.request_event, None)
    return other.base_url, other.get("/x")


def describe(value):
    if hasattr(value, "status_code"):
        return see(value)
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {str(key): describe(item) for key, item in value.items()}
    return plain(value) if isinstance(value, str) else value if isinstance(value, (int, float, bool, type(None))) else plain(repr(value))


def make(recorder):
    if IS_FAST:
        return FastHttpSession(URL, recorder.hook, User(), network_timeout=0.5, connection_timeout=2.0)
    session = HttpSession(URL, recorder.hook, User())
    session.trust_env = False
    return session


def main():
    only = sys.argv[6:]
    results = {}
    for name, run in CASES.items():
        if only and name not in only:
            continue
        recorder = Recorder()
        session = make(recorder)
        try:
            value = describe(run(session))
        except Exception as error:
            value = "raised " + plain(f"{type(error).__name__}: {error}")
            if only:
                traceback.print_exc()
        results[name] = {"value": value, "events": describe(recorder.events)}
    print(json.dumps(results, default=repr))


main()
