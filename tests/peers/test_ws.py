# SPDX-License-Identifier: MIT
"""Our WebSocket and GraphQL subscriptions against Node's package ws, and graphql-ws upon it (tests/peers/ws.mjs)."""

import subprocess
import textwrap

import pytest
from harness import ROOT, Process, run_script

PRELUDE = """
import json, sys
import locust, gevent, katydid, _katydid
from katydid import websocket_client
from katydid.websocket import (WebSocketBadStatusException, WebSocketConnectionClosedException, WebSocketException, WebSocketUser)
from locust import FastHttpUser, HttpUser, events
from locust.env import Environment

PORTS = json.loads(sys.argv[1])
environment = Environment(events=events)
events.request.add_listener(_katydid.record_request)

def user(name, cls=WebSocketUser, scheme="ws"):
    return type("Someone", (cls,), {"host": f"{scheme}://127.0.0.1:{PORTS[name]}", "abstract": False})(environment)

def failures():
    return {(f["method"], f["name"]): f["error"] for f in _katydid.stats_failures()}

def rows():
    return {(r["method"], r["name"]): r for r in _katydid.stats_rows()}

def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")
"""


@pytest.fixture(scope="module")
def ports():
    with Process(["node", ROOT / "build" / "peers" / "ws.mjs"], stdin=subprocess.PIPE) as server:
        yield server.wait_line(r"^\{.*\}$").group(0)


@pytest.fixture
def run(ports, tmp_path):
    return lambda code: run_script(tmp_path, PRELUDE + textwrap.dedent(code), ports)


def test_messages_of_every_size_come_back(run):
    run("""
        sizes = 0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20, 3 << 20
        for name in "plain", "deflate", "forgetful", "narrow":
            for path in "/", "/pieces":
                with user(name).ws.connect(path, name=name, compression="deflate", timeout=30) as ws:
                    agreed = ws.headers.get("sec-websocket-extensions") or ""
                    assert ("permessage-deflate" in agreed) == (name != "plain"), agreed
                    assert ("server_no_context_takeover" in agreed) == (name == "forgetful") and ("server_max_window_bits=9" in agreed) == (name == "narrow"), agreed
                    for size in (1, 125, 126, 127, 4999) if path == "/pieces" else sizes:  # of frames Node makes few a second
                        text = ("grüße €𝄞 " * (size // 9 + 1))[:size]
                        ws.send(text)
                        assert ws.recv() == text, (name, size)
                        data = bytes(i * 7 % 251 for i in range(min(size, 10000))) * max(1, size // 10000)
                        ws.send(data)
                        assert (ws.recv() if data or path == "/" else b"") == data, (name, size)
                    for i in range(100):
                        assert ws.request({"id": i, "text": "the same again and again"}, match=lambda m: m["id"] == i)["id"] == i
        assert not failures(), failures()
    """)


def test_what_is_offered_but_not_wanted(run):
    run("""
        with user("deflate").ws.connect("/") as ws:
            assert "sec-websocket-extensions" not in ws.headers and ws.request("x" * 1000) == "x" * 1000
        with user("plain").ws.connect("/speaks", subprotocols=["a", "b"]) as ws:
            assert ws.subprotocol == "b"
    """)


def test_pings_both_ways(run):
    run("""
        with user("deflate").ws.connect("/pings", name="p", compression="deflate", timeout=30) as ws:
            assert ws.request("hello") == "hello" and ws.recv() == "pong: are you there?"
            ws.ping("mine")
            with gevent.Timeout(30):
                while ("WS", "ping p") not in rows():
                    gevent.sleep(0.01)
        with user("plain").ws.connect("/", name="q", ping_interval=0.05, ping_timeout=20) as ws:
            with gevent.Timeout(30):
                while rows().get(("WS", "ping q"), {"num_requests": 0})["num_requests"] < 3:
                    gevent.sleep(0.01)
        assert not failures(), failures()
    """)


def test_ends(run):
    run("""
        ends = user("plain").ws
        for code in 1000, 1001, 1011, 4000:
            ws = ends.connect(f"/closes/{code}", name=str(code), timeout=30)
            error = raises(WebSocketConnectionClosedException, ws.recv)
            assert (error.code, error.reason) == (code, "as you wish"), error
        raises(WebSocketConnectionClosedException, ends.connect("/gone", name="gone", timeout=30).recv)
        error = raises(WebSocketBadStatusException, lambda: ends.connect("/refused", name="refused"))
        assert error.status_code == 401 and b"not you" in error.resp_body
        ws = user("small").ws.connect("/", name="small", timeout=30)
        ws.send("x" * 1001)
        assert raises(WebSocketConnectionClosedException, ws.recv).code == 1009
        with ends.connect("/", name="ours", max_message_size=1000, timeout=30) as ws:
            ws.send("x" * 1001)
            assert "1009" in str(raises(WebSocketException, ws.recv))
        assert set(failures()) == {("WS", "close 1011"), ("WS", "close 4000"), ("WS", "close gone"), ("WS", "connect refused"), ("WS", "close small"), ("WS", "close ours")}, failures()
    """)


def test_many_side_by_side(run):
    run("""
        def talk(i):
            with user("deflate").ws.connect("/", name="many", compression="deflate", timeout=60) as ws:
                for n in range(20):
                    assert ws.request(f"{i} {n}", name="said") == f"{i} {n}"
        gevent.joinall([gevent.spawn(talk, i) for i in range(200)], raise_error=True)
        assert rows()["WS", "request said"]["num_requests"] == 4000 and not failures()
    """)


def test_calls_of_websocket_client(run):
    run("""
        ws = websocket_client.create_connection(f"ws://127.0.0.1:{PORTS['plain']}/", timeout=30)
        ws.send("hello"), ws.send_binary(b"\\0\\1")
        assert ws.recv() == "hello" and ws.recv() == b"\\0\\1"
        ws.close()
    """)


def test_subscriptions_by_graphql_ws(run):
    run("""
        TICKS = "subscription Ticks($to: Int) { ticks(to: $to) }"
        for cls in HttpUser, FastHttpUser:
            client = user("subscriptions", cls, "http").client
            with client.graphql_subscribe(TICKS, {"to": 10}) as ticks:
                assert [a.data["ticks"] for a in ticks] == list(range(1, 11)) and ticks.ok
            with client.graphql_subscribe(TICKS, {"to": 1000}, name="few") as ticks:
                assert len(list(ticks.until(n=5))) == 5
            with client.graphql_subscribe("subscription Wrong { nothing }") as wrong:
                assert list(wrong) == [] and 'Cannot query field "nothing"' in str(wrong.error), wrong.error
            no = client.graphql_subscribe(TICKS, {"to": 1}, payload={"token": "no"}, name="no")
            assert no.error.code == 4403, no.error
            with client.graphql_socket(payload={"token": "yes"}) as socket:
                one, two = (socket.subscribe(TICKS, {"to": n}, name="side by side") for n in (20, 10))
                assert len(list(two)) == 10 and len(list(one)) == 20
                assert [a.data for a in socket.subscribe("query Hello { hello }")] == [{"hello": "world"}], "a query as well"
                long = list(socket.subscribe(TICKS, {"to": 101}, name="long"))
                assert len([a for a in long if a.ok]) == 101
        told = set(failures())
        assert ("GraphQL first", "Wrong") in told and ("WS", "request init no") in told and ("GraphQL next", "Ticks") not in told, failures()
    """)
