# SPDX-License-Identifier: MIT
"""WebSockets of users and katydid.websocket_client, against the Python package websockets and a server that breaks the rules
on request (tests/support/ws_server.py)."""

import json
import os
import re
import socket
import subprocess
import textwrap
import threading

import pytest
from harness import BUILD, CLIENTS, ROOT, STOCK_LOCUST, Process, csv_row, run_katydid, run_script
from tunnel import tunnel

PRELUDE = """
import json, sys
import locust
import gevent, gevent.event, _katydid
from time import monotonic
from locust import FastHttpUser, HttpUser, events
from katydid import websocket_client
from katydid.websocket import (WebSocketUser, WebSocketException, WebSocketTimeoutException, WebSocketBadStatusException,
    WebSocketConnectionClosedException, WebSocketProtocolException, WebSocketPayloadException, WebSocketAddressException)

PORTS = json.loads(sys.argv[1])
RAW, ECHO, TLS = (f"ws{'s' if name == 'tls' else ''}://127.0.0.1:{PORTS[name]}" for name in ("raw", "echo", "tls"))
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)
from locust.env import Environment
environment = Environment(events=events)

def user(url, cls=WebSocketUser, **attributes):
    kind = type("Someone", (cls,), {"host": url, "abstract": False, **attributes})
    someone = kind(environment)
    someone.client.verify = False
    return someone

def rows():
    return {(r["method"], r["name"]): r for r in _katydid.stats_rows()}

def failures():
    return {f["name"]: f["error"] for f in _katydid.stats_failures()}

def raises(kind, call, *words):
    try:
        call()
    except kind as error:
        assert all(word in str(error) for word in words), repr(error)
        return error
    raise AssertionError(f"{kind.__name__} was not raised")

def log():
    ws = websocket_client.create_connection(RAW + "/log", timeout=5)
    ws.send("?")
    told = json.loads(ws.recv())
    ws.close()
    return told

def until(condition):
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.01)
"""


@pytest.fixture
def ports(certificate):
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "ws_server.py", *certificate]) as server:
        yield server.wait_line(r"^\{.*\}$").group(0)


@pytest.fixture
def run(ports, tmp_path):
    def run(code, *more):
        run_script(tmp_path, PRELUDE + textwrap.dedent(code), ports, *more)

    return run


def test_messages_come_back_as_they_went(run):
    run("""
        for cls in WebSocketUser, HttpUser, FastHttpUser:
            for url in ECHO, TLS:
                someone = user("http" + url[2:] if cls is not WebSocketUser else url, cls)
                with someone.ws_connect("/chat", name="chat", subprotocols=["v2"], timeout=10) as ws:
                    assert (ws.status, ws.subprotocol, ws.connected, ws.is_ssl()) == (101, "v2", True, url == TLS)
                    assert ws.headers["upgrade"].lower() == "websocket"
                    for text in "", "a", "grüß €𝄞", "x" * 125, "y" * 126, "z" * 65535, "é" * 70000:
                        ws.send(text)
                        assert ws.recv() == text
                    for data in b"", b"\\0\\xff", bytearray(b"abc"), memoryview(bytes(range(256)) * 5000):
                        ws.send(data)
                        assert ws.recv(timeout=10) == bytes(data)
                    ws.send_json({"a": [1, 2]})
                    assert ws.recv_json() == {"a": [1, 2]}
                assert not ws.connected
                raises(WebSocketConnectionClosedException, lambda: ws.send("late"))
                raises(WebSocketConnectionClosedException, ws.recv)
        assert rows()["WS", "connect chat"]["num_requests"] == 6, rows()
        assert not failures()
    """)


def test_compressed_messages(run):
    run("""
        someone = user(ECHO)
        with someone.ws.connect("/", compression="deflate", timeout=10) as ws:
            assert "permessage-deflate" in ws.headers["sec-websocket-extensions"]
            for text in "", "a", "grüß €𝄞", "lorem ipsum " * 10000, json.dumps(list(range(20000))):
                for _ in range(2):  # a window that is kept, and one that is not
                    ws.send(text)
                    assert ws.recv() == text
            ws.send_binary(b"\\0" * 1000000)
            assert ws.recv() == b"\\0" * 1000000
            numbers = ws._numbers
        assert numbers["sent_bytes"] < 200000 and numbers["received_bytes"] < 200000, numbers
    """)


def test_a_message_and_its_answer_are_a_request(run):
    run("""
        someone = user(RAW)
        with someone.ws.connect("/echo", name="room") as ws:
            assert ws.request("text") == "text"
            assert ws.request(b"bytes", name="b") == b"bytes"
            assert ws.request({"id": 5}, match=lambda m: m["id"] == 5, name="op", timeout=5) == {"id": 5}
        with someone.ws.connect("/noise", name="noise", messages=True) as ws:
            assert ws.request({"id": 3}, match=lambda m: m["id"] == 3, name="found", timeout=5) == {"id": 3}
            assert [ws.recv() for _ in range(3)] == ["noise", "noise", '{"other": 1}']
        assert rows()["WS", "message noise"]["num_requests"] == 4, "what was no answer counts once"
        with someone.ws.connect("/noise", name="noise") as ws:
            others = []
            ws.on_message = others.append
            assert ws.request({"id": 4}, match=lambda m: m["id"] == 4, name="found", timeout=5) == {"id": 4}
            assert others == ["noise", "noise", {"other": 1}], others
        with someone.ws.connect("/mute", name="mute") as ws:
            raises(WebSocketTimeoutException, lambda: ws.request("hello", timeout=0.05))
            raises(TypeError, lambda: ws.request("hello", match={"id": 1}, timeout=0.05), "match is a function")
            raises(TypeError, lambda: ws.request(), "'message'")
            raises(TypeError, lambda: ws.request("hello", message="hello"), "'message'")
            raises(TypeError, lambda: ws.request("hello", limit=1), "'limit'")
        ws = someone.ws.connect("/end", name="end")
        raises(WebSocketConnectionClosedException, lambda: [ws.request("hello") for _ in range(2)])
        seen = rows()
        assert seen["WS", "request op"]["num_requests"] == seen["WS", "request b"]["num_requests"] == 1
        assert seen["WS", "request found"]["num_requests"] == 2 and seen["WS", "request found"]["num_failures"] == 0
        assert seen["WS", "request mute"]["num_failures"] == seen["WS", "request end"]["num_failures"] == 1
        assert "WebSocketTimeoutException" in failures()["request mute"]
        assert "WebSocketConnectionClosedException" in failures()["request end"]
    """)


def test_what_is_ended_is_cut_off(run):
    run("""
        someone = user(RAW)
        ws = someone.ws.connect("/mute", name="mute")
        asking = gevent.spawn(ws.request, "hello")
        until(lambda: ws._numbers["sent_messages"])
        asking.kill()
        assert rows()["WS", "request mute"]["cut"] == 1 and rows()["WS", "request mute"]["num_requests"] == 0
        hung = gevent.spawn(someone.ws.connect, "/hang", name="hang")
        until(lambda: "/hang" in log())
        hung.kill()
        assert rows()["WS", "connect hang"]["cut"] == 1
        def parked():
            with someone.ws.connect("/mute", name="mute") as ws:
                sockets.append(ws)
                ws.recv()
        sockets = []
        reader = gevent.spawn(parked)
        until(lambda: sockets)
        reader.kill()
        assert sockets[0]._fd == -1 and not sockets[0].connected
        someone._release()
        assert ws._fd == -1
        assert not failures(), failures()
    """)


def test_handshakes_that_fail(run):
    run("""
        someone = user(RAW)
        connect = someone.ws.connect
        error = raises(WebSocketBadStatusException, lambda: connect("/404"), "404", "no such room")
        assert error.status_code == 404 and error.resp_body == b"no such room"
        raises(WebSocketBadStatusException, lambda: connect("/200"), "200")
        raises(WebSocketException, lambda: connect("/accept"), "Sec-WebSocket-Accept")
        raises(WebSocketException, lambda: connect("/upgrade"), "Upgrade")
        raises(WebSocketException, lambda: connect("/subprotocol", subprotocols=["v1"]), "other")
        raises(WebSocketException, lambda: connect("/extension"), "x-other")
        raises(WebSocketException, lambda: connect("/extension", compression="deflate"), "x-other")
        raises(WebSocketTimeoutException, lambda: connect("/hang", connect_timeout=0.1))
        raises(WebSocketConnectionClosedException, lambda: connect("/gone"))
        raises(WebSocketConnectionClosedException, lambda: connect("/head"))
        raises(WebSocketException, lambda: connect("/loop"), "redirects")
        raises(ConnectionRefusedError, lambda: connect("ws://127.0.0.1:1/", name="nobody"))
        raises(WebSocketAddressException, lambda: connect("ws://nowhere.invalid/", name="nowhere"))
        raises(ValueError, lambda: connect("ftp://127.0.0.1/", name="never"))
        raises(TypeError, lambda: connect("/echo", subprotocols="v1"), "['v1']")
        told = failures()
        assert len(told) == 12 and "404" in told["connect /404"] and "Refused" in told["connect nobody"], told
        assert all(row["num_failures"] == row["num_requests"] == 1 for row in rows().values() if row["name"] != "connect /extension"), rows()
        assert _katydid.client_counters()["connections_open"] <= 2
    """)


def test_options_that_mean_nothing(run):
    run("""
        someone = user(RAW)
        seconds = "timeout", "connect_timeout", "close_timeout", "ping_interval", "ping_timeout"
        bytes_ = "max_message_size", "max_waiting"
        for name in seconds:
            for value in -1, float("nan"):
                raises(ValueError, lambda: someone.ws.connect("/echo", **{name: value}), name, repr(value))
            for value in "5", True, [1]:
                raises(TypeError, lambda: someone.ws.connect("/echo", **{name: value}), name, repr(value))
        for name in bytes_:
            raises(ValueError, lambda: someone.ws.connect("/echo", **{name: 0}), name)
            raises(TypeError, lambda: someone.ws.connect("/echo", **{name: 1.5}), name)
        raises(ValueError, lambda: someone.ws.connect("/echo", max_redirects=-1), "max_redirects")
        assert not rows() and "/echo" not in log(), "nobody was asked"
        with someone.ws.connect("/echo", timeout=None, close_timeout=None, ping_interval=None, ping_timeout=0, max_message_size=5) as ws:
            assert ws.request("hello") == "hello"
    """)


def test_redirects_cookies_and_passwords(run):
    run("""
        for cls in WebSocketUser, FastHttpUser:
            someone = user(RAW if cls is WebSocketUser else "http" + RAW[2:], cls)
            for path in "/redirect", "/redirect-ws":
                with someone.ws_connect(path) as ws:
                    assert ws.request("x") == "x" and ws.url == RAW + "/echo", ws.url
            with someone.ws_connect("/cookie", headers={"X-Own": "1"}, origin="http://here.example") as ws:
                head = ws.recv_json()["head"]
                assert "Cookie" not in head and "X-Own: 1" in head and "Origin: http://here.example" in head, head
                assert "Sec-WebSocket-Version: 13" in head and head.count("Connection:") == 1, head
            with someone.ws_connect("/seen") as ws:
                assert "Cookie: room=7" in ws.recv_json()["head"]
            with someone.ws_connect("/basic", auth=("me", "secret")) as ws:
                assert "Authorization: Basic" in ws.recv_json()["head"]
            raises(WebSocketBadStatusException, lambda: someone.ws_connect("/basic", name="no password"), "401")
        from requests.auth import HTTPDigestAuth
        with user(RAW).ws.connect("/digest", auth=HTTPDigestAuth("me", "secret")) as ws:
            assert 'Authorization: Digest username="me"' in ws.recv_json()["head"]
        assert rows()["WS", "connect /redirect"]["num_requests"] == 2 and not rows()["WS", "connect /redirect"]["num_failures"]
        raises(OSError, lambda: user(TLS).ws.connect("/", name="verified", verify=True), "CERTIFICATE_VERIFY_FAILED")
    """)


BROKEN = {
    "masked": 1002, "rsv": 1002, "rsv2": 1002, "opcode": 1002, "control": 1002, "long-ping": 1002, "ping-in-pieces": 1002,
    "nothing-to-continue": 1002, "new-within": 1002, "utf8": 1007, "utf8-in-pieces": 1007, "utf8-half": 1007, "length": 1002,
    "big": 1009, "big-in-pieces": 1009, "close-half": 1002, "close-code": 1002, "close-utf8": 1007,
}


def test_a_broken_peer_costs_one_socket(run):
    run(f"""
        someone = user(RAW)
        with someone.ws.connect("/echo", name="well") as well:
            for name, code in {BROKEN!r}.items():
                ws = someone.ws.connect("/bad/" + name, name=name)
                kind = WebSocketPayloadException if code == 1007 else WebSocketProtocolException
                raises(kind, lambda: ws.recv(timeout=10), str(code))
                until(lambda: ws._fd == -1)
                assert f"closed /bad/{{name}} {{code}}" in log(), (name, log())
                until(lambda: str(code) in failures().get("close " + name, ""))
                assert well.request("still here") == "still here"
            for name, code in ("deflate", 1007), ("bomb", 1009):
                ws = someone.ws.connect("/bad/" + name, name=name, compression="deflate")
                kind = WebSocketPayloadException if code == 1007 else WebSocketProtocolException
                raises(kind, lambda: ws.recv(timeout=10), str(code))
                until(lambda: f"closed /bad/{{name}} {{code}}" in log())
    """)


def test_ends_by_the_server(run):
    run("""
        someone = user(RAW)
        for code, reason, is_failure in (1000, "", False), (1001, "bye", False), (0, "", False), (4001, "full", True), (1011, "", True):
            ws = someone.ws.connect(f"/close/{code}/{reason}", name=f"by {code}")
            error = raises(WebSocketConnectionClosedException, ws.recv, reason)
            assert (error.code, error.reason) == (code or 1005, reason)
            assert f"closed /close/{code}/{reason} {code}" in log()
            until(lambda: ws._fd == -1)
            assert (f"close by {code}" in failures()) == is_failure, failures()
        ws = someone.ws.connect("/end", name="end")
        error = raises(WebSocketConnectionClosedException, ws.recv, "lost")
        assert error.code == 1006
        until(lambda: "lost" in failures().get("close end", ""))
        def within(what, name):
            with someone.ws.connect("/close/4001/full", name=name) as ws:
                what(ws)
        for name, what in {"recv": lambda ws: ws.recv(), "request": lambda ws: ws.request("x"), "messages": lambda ws: list(ws.messages())}.items():
            raises(WebSocketConnectionClosedException, lambda: within(what, name), "full")
            assert "4001" in failures()[f"close {name}"], failures()
        ws = someone.ws.connect("/reset", name="reset")
        raises(WebSocketConnectionClosedException, ws.recv, "reset")
        assert list(someone.ws.connect("/close/1000/", name="list").messages()) == []
        ws = someone.ws.connect("/late", close_timeout=0.1)
        began = monotonic()
        ws.close()
        assert ws._fd == -1 and not ws.connected
        assert "close /late" not in failures()
    """)


def test_pings(run):
    run("""
        someone = user(RAW)
        with someone.ws.connect("/echo", name="room", ping_interval=0.01, ping_timeout=5) as ws:
            ws.ping("mine")
            until(lambda: rows().get(("WS", "ping room"), {}).get("num_requests", 0) >= 4)
            raises(ValueError, lambda: ws.ping("x" * 126))
        ws = someone.ws.connect("/nopong", name="silent", ping_interval=0.01, ping_timeout=0.05)
        raises(WebSocketTimeoutException, ws.recv, "ping/pong timed out")
        until(lambda: "ping/pong" in failures().get("close silent", ""))
        ws = someone.ws.connect("/nopong", name="patient", ping_interval=0.02, ping_timeout=0.6)
        began = monotonic()
        raises(WebSocketTimeoutException, ws.recv, "ping/pong timed out")
        assert monotonic() - began >= 0.5, "an answer has its time, however often there are pings"
        with someone.ws.connect("/echo", name="seldom", ping_interval=30, ping_timeout=0.01) as ws:
            assert list(ws.messages(until=0.1)) == []
        with someone.ws.connect("/echo", name="often", ping_interval=0.3, ping_timeout=0.01) as ws:
            began = monotonic()
            list(ws.messages(until=1))
            pings = ws._numbers["sent_bytes"] // 14
            assert 1 <= pings <= (monotonic() - began) / 0.3, "a time limit makes pings no more frequent"
        with someone.ws.connect("/pieces") as ws:
            assert ws.recv(timeout=10) == "grüß €𝄞"
        with someone.ws.connect("/hello") as ws:
            assert ws.recv(timeout=10) == "hello"
            assert list(ws.messages(until=0.05)) == []
    """)


def test_a_peer_that_does_not_read_holds_up_who_sends(run):
    run("""
        someone = user(RAW)
        ws = someone.ws.connect("/stuck", timeout=0.2)
        raises(WebSocketTimeoutException, lambda: [ws.send("x" * 1000000) for _ in range(100)], "sending")
        other = gevent.spawn(ws.send, "y" * 1000000)
        gevent.sleep(0.01)
        ws.abort()
        raises(WebSocketConnectionClosedException, other.get)
    """)


def test_listeners_hear_of_requests(run):
    run("""
        heard = []
        events.request.add_listener(lambda **kwargs: heard.append(kwargs))
        someone = user(RAW)
        with someone.ws.connect("/echo", name="room", messages=True, context={"a": 1}) as ws:
            ws.request("x", name="op", context={"b": 2}, tags={"kind": "good"})
        until(lambda: len(heard) >= 3)
        by = {h["name"]: h for h in heard}
        assert by["connect room"]["request_type"] == "WS" and by["connect room"]["context"]["a"] == 1
        assert by["connect room"]["response"].status_code == 101 and by["connect room"]["url"] == RAW + "/echo"
        assert by["request op"]["tags"] == {"kind": "good"} and "tags" not in by["message room"]
        assert by["request op"]["response"] == "x" and by["request op"]["response_length"] == 1
        assert by["request op"]["context"] == {"b": 2} and by["request op"]["response_time"] > 0
        assert by["message room"]["response_time"] is None and by["message room"]["exception"] is None
        assert rows()["WS", "request op"]["num_requests"] == rows()["WS", "message room"]["num_requests"] == 1
    """)


def test_a_listener_may_wait(run):
    """Another greenlet's events meanwhile are of something else."""
    run("""
        waiting, go = [], gevent.event.Event()
        def wait(name, **_):
            if name.startswith("request"):
                waiting.append(name)
                go.wait(20)
        events.request.add_listener(wait)
        def ask(name):
            with user(RAW).ws.connect("/echo", name="room") as ws:
                assert ws.request("text", name=name) == "text"
        asking = [gevent.spawn(ask, f"op {i}") for i in range(3)]
        until(lambda: len(waiting) == 3)
        def fire(depth):
            events.request.fire(request_type="X", name="other", response_time=1, response_length=0, exception=None, response=None)
            if depth:
                fire(depth - 1)
        for _ in range(20):
            gevent.spawn(fire, 20).join()
        go.set()
        gevent.joinall(asking, raise_error=True)
        for _ in range(20):
            gevent.spawn(fire, 20).join()
        assert rows()["X", "other"]["num_requests"] == 840
        assert [rows()["WS", f"request op {i}"]["num_requests"] for i in range(3)] == [1, 1, 1]
    """)


def test_calls_of_websocket_client(run):
    run("""
        import ssl
        websocket = websocket_client
        for url, more in (ECHO, {}), (TLS, {"sslopt": {"cert_reqs": ssl.CERT_NONE}}):
            ws = websocket.create_connection(url + "/x", timeout=5, header=["X-A: 1"], subprotocols=["v1"], **more)
            assert (ws.getstatus(), ws.getsubprotocol(), ws.gettimeout(), ws.connected) == (101, "v1", 5, True)
            assert ws.send("hi") == 8 and ws.recv() == "hi"
            ws.send(b"text as bytes")
            assert ws.recv_data() == (websocket.ABNF.OPCODE_TEXT, b"text as bytes")
            ws.send_binary(b"\\0\\1")
            opcode, frame = ws.recv_data_frame()
            assert (opcode, frame.data, frame.fin) == (2, b"\\0\\1", 1)
            ws.ping("p")
            assert ws.recv_data(control_frame=True) == (10, b"p")
            ws.settimeout(0.02)
            raises(websocket.WebSocketTimeoutException, ws.recv)
            ws.settimeout(20)
            ws.send_close()
            assert ws.recv() == ""
            raises(websocket.WebSocketConnectionClosedException, ws.recv)
            ws.close()
            assert not ws.connected and ws.sock is None
        raises(OSError, lambda: websocket.create_connection(TLS), "CERTIFICATE_VERIFY_FAILED")
        ws = websocket.WebSocket()
        ws.connect(RAW + "/seen", timeout=5, origin="http://o.example", host="h.example", cookie="a=b", header={"X-B": "2"})
        head = json.loads(ws.recv())["head"]
        assert all(line in head for line in ("Origin: http://o.example", "Host: h.example", "Cookie: a=b", "X-B: 2")), head
        assert "User-Agent" not in head and "Accept-Encoding" not in head, head
        ws.close()
        ws = websocket.create_connection(RAW + "/close/4001/no")
        assert ws.recv_data() == (8, b"\\x0f\\xa1no")
        ws.close()
        error = raises(websocket.WebSocketBadStatusException, lambda: websocket.create_connection(RAW + "/404"))
        assert error.status_code == 404 and error.resp_headers["content-length"] == "12"
        raises(ValueError, lambda: websocket.create_connection("127.0.0.1:1"))
        ws = websocket.create_connection(RAW + "/redirect", timeout=5)
        ws.send("followed")
        assert ws.recv() == "followed"
        ws.shutdown()
        told = []
        def message(app, text):
            told.append(text)
            app.send("bye") if text == "one" else app.close()
        app = websocket.WebSocketApp(ECHO, on_open=lambda app: app.send("one"), on_message=message,
                                     on_error=lambda app, error: told.append(error), on_close=lambda app, code, why: told.append("closed"))
        assert app.run_forever() is False and told == ["one", "bye", "closed"], told
        app = websocket.WebSocketApp(RAW + "/close/1011/oops", on_error=lambda app, error: told.append(str(error)),
                                     on_close=lambda app, code, why: told.append((code, why)))
        app.run_forever()
        assert told[-1] == (1011, "oops") and "1011" in told[-2], told
        app = websocket.WebSocketApp("ws://127.0.0.1:1", on_error=lambda app, error: told.append(error))
        assert app.run_forever() is True and isinstance(told[-1], ConnectionRefusedError)
        app = websocket.WebSocketApp(RAW + "/nopong", on_error=lambda app, error: told.append(error))
        assert app.run_forever(ping_interval=0.02, ping_timeout=0.01) and "ping/pong" in str(told[-1])
        assert not rows(), rows()
    """)


TALK = """
    from locust import constant, task
    from katydid.websocket import WebSocketUser

    class Talker(WebSocketUser):
        wait_time = constant(0.01)

        def on_start(self):
            self.room = self.ws.connect("/echo", name="room")

        @task
        def say(self):
            self.room.request({"id": 1}, match=lambda m: m["id"] == 1, name="op")
            self.room.send("and now")
            self.room.recv()
"""


def test_through_a_proxy(run, ports):
    with tunnel() as (port, asked):
        run("""
            proxy = int(sys.argv[2])
            for url in ECHO, TLS:
                for scheme in url[:url.index(":")], "http" + url[2:url.index(":")]:
                    with user(url).ws_connect("/chat", name="chat", proxies={scheme: f"http://who:word@127.0.0.1:{proxy}"}, timeout=10) as ws:
                        ws.send("x" * 70_000)
                        assert ws.recv() == "x" * 70_000
            ws = websocket_client.create_connection(ECHO + "/chat", timeout=10, http_proxy_host="127.0.0.1", http_proxy_port=proxy, proxy_type="http")
            ws.send("hi")
            assert ws.recv() == "hi"
            ws.close()
            assert not failures()
        """, port)
    there = json.loads(ports)
    assert asked == [f"CONNECT 127.0.0.1:{there[name]}" for name in ("echo", "echo", "tls", "tls", "echo")], asked


def test_a_proxys_password_is_the_proxys_alone(run):
    heads = []
    with tunnel() as (port, asked), socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with server.accept()[0] as client:
                heads.append(client.recv(65536).decode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        run("""
            proxy, there = sys.argv[2:]
            raises(WebSocketException, lambda: user("ws://" + there).ws_connect("/chat", proxies={"ws": f"http://who:word@127.0.0.1:{proxy}"}, timeout=10))
        """, port, f"127.0.0.1:{server.getsockname()[1]}")
        thread.join(60)
    assert len(asked) == 1 and heads[0].startswith("GET /chat HTTP/1.1") and "proxy-authorization" not in heads[0].lower(), heads


def test_a_run_with_files_and_metrics(ports, tmp_path):
    file = tmp_path / "talk.py"
    file.write_text(textwrap.dedent(TALK))
    run = run_katydid("-f", file, "-H", f"ws://127.0.0.1:{json.loads(ports)['raw']}", "--headless", "-u", 5, "-r", 5,
                      "-t", 2, "--csv", tmp_path / "out", "--out", f"json={tmp_path}/rows.json")
    assert run.code == 0 and "Traceback" not in run.stderr, run.describe()
    count = int(csv_row(tmp_path / "out_stats.csv", "request op")["Request Count"])
    assert count > 10 and csv_row(tmp_path / "out_stats.csv", "connect room")["Request Count"] == "5"
    for name in ("ws_msgs_sent", "ws_msgs_received", "ws_open", "ws_sessions", "ws_session_duration"):
        assert name in run.stdout + run.stderr, name
    for words in (r"ws_open +latest 0,", r"ws_sessions +sum 5 ", r"ws_session_duration .*\(5\)"):  # those that the end closed, too
        assert re.search(words, run.stdout + run.stderr), run.describe()
    lines = [json.loads(line) for line in (tmp_path / "rows.json").read_text().splitlines()]
    ops = [line for line in lines if line["type"] == "Point" and line["metric"] == "http_req_duration" and line["data"]["tags"]["name"] == "request op"]
    assert len(ops) == count and ops[0]["data"]["tags"]["method"] == "WS" and all(op["data"]["value"] > 0 for op in ops)


def test_the_same_file_under_stock_locust(ports, tmp_path):
    """By websocket-client, as request events."""
    (wheel,) = (BUILD / "dist").glob("katydid_for_locust-*.whl")
    file = tmp_path / "talk.py"
    enough = """
            if self.environment.stats.get("request op", "WS").num_requests >= 20:
                self.environment.runner.quit()
"""
    file.write_text(textwrap.dedent(TALK + enough))
    stock = subprocess.run([STOCK_LOCUST, "-f", file, "-H", f"ws://127.0.0.1:{json.loads(ports)['raw']}", "--headless", "-u", "2", "-r", "2", "-t", "90s",
                            "--only-summary"], capture_output=True, text=True, timeout=100, env={**os.environ, "PYTHONPATH": str(wheel)})
    assert stock.returncode == 0 and "Traceback" not in stock.stderr, stock.stderr
    assert int(re.search(r"WS +request op +(\d+) ", stock.stdout + stock.stderr).group(1)) >= 20
    assert re.search(r"WS +connect room +2 ", stock.stdout + stock.stderr)


def test_a_connection_is_the_same_under_stock_locust(ports, tmp_path):
    (wheel,) = (BUILD / "dist").glob("katydid_for_locust-*.whl")
    file = tmp_path / "one.py"
    file.write_text(textwrap.dedent("""
        from katydid.websocket import WebSocketTimeoutException, WebSocketUser
        from locust import task

        def timed_out(what):
            try:
                list(what)
            except WebSocketTimeoutException:
                return True
            return False

        class Talker(WebSocketUser):
            @task
            def say(self):
                ws = self.ws.connect("/echo", name="quiet", timeout=0.05)
                assert timed_out(ws.messages()) and not timed_out(ws.messages(until=0.05))
                ws.close()
                ws = self.ws.connect("/echo", name="room", timeout=7)
                assert ws.request("x", timeout=5) == "x" and ws.gettimeout() == 7, ws.gettimeout()
                assert ws.url.startswith("ws://") and ws.url.endswith("/echo")
                ws.close(code=1000, reason="bye")
                assert not ws.connected
                print("the same")
                self.environment.runner.quit()
    """))
    for command, env in ([STOCK_LOCUST], {"PYTHONPATH": str(wheel)}), ([BUILD / "katydid"], {}):
        run = subprocess.run([*command, "-f", file, "-H", f"ws://127.0.0.1:{json.loads(ports)['raw']}", "--headless", "-u", "1", "-t", "60s"],
                             capture_output=True, text=True, timeout=100, env={**os.environ, **env})
        assert "the same" in run.stdout + run.stderr, run.stdout + run.stderr
