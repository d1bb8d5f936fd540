# SPDX-License-Identifier: MIT
"""Subscriptions of GraphQL with both clients, over WebSocket and over server-sent events, against a server whose results follow
from the operation's name (tests/support/graphql_live.py)."""

import csv
import json
import os
import subprocess
import textwrap

import pytest
from harness import CLIENTS, ROOT, STOCK_LOCUST, Process, locustfile, run_katydid, run_script

PRELUDE = """
import json, sys
import locust, gevent, katydid, _katydid
from time import monotonic
from katydid.websocket import WebSocketConnectionClosedException, WebSocketTimeoutException
from locust import FastHttpUser, HttpUser, events
from locust.env import Environment

PORTS = json.loads(sys.argv[1])
events.request.add_listener(_katydid.record_request)
environment = Environment(events=events)
WAYS = [(cls, transport) for cls in (HttpUser, FastHttpUser) for transport in ("websocket", "sse")]

def client(cls, transport="websocket"):
    port = PORTS["ws" if transport == "websocket" else "sse"]
    return type("Someone", (cls,), {"host": f"http://127.0.0.1:{port}", "abstract": False})(environment).client

def asked(operation, transport, cls=HttpUser, **more):
    return client(cls, transport).graphql_subscribe("subscription %s { tick }" % operation, transport=transport, **more)

def rows():
    return {(r["method"], r["name"]): r for r in _katydid.stats_rows()}

def failures():
    return {(f["method"], f["name"]): f["error"] for f in _katydid.stats_failures()}

def seen():
    return client(HttpUser, "sse").get("/seen", name="seen").json()

def until(condition):
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.01)
"""


@pytest.fixture
def ports():
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "graphql_live.py"]) as server:
        yield server.wait_line(r"^\{.*\}$").group(0)


@pytest.fixture
def run(ports, tmp_path):
    return lambda code: run_script(tmp_path, PRELUDE + textwrap.dedent(code), ports)


def test_results_come_one_by_one(run):
    run("""
        for i, (cls, transport) in enumerate(WAYS):
            with asked("Ticks", transport, cls, variables={"n": 5, "pause": 0.02}) as ticks:
                answers = list(ticks)
            assert [a.data["tick"] for a in answers] == [1, 2, 3, 4, 5] and all(a.ok for a in answers) and ticks.ok and ticks.count == 5
            times = [a.time for a in answers]
            assert times[0] >= 0.019 and all(late - early >= 0 for early, late in zip(times, times[1:])), times
            first, following = rows()["GraphQL first", "Ticks"], rows()["GraphQL next", "Ticks"]
            assert first["num_requests"] == i + 1 and first["min_response_time"] >= 19, first
            assert following["num_requests"] == 5 * (i + 1) and following["num_none_requests"] == 5 * (i + 1), following
        opened = {key for key in rows() if key[0] in ("WS", "SSE open")}
        assert opened == {("WS", "connect Ticks"), ("WS", "request init Ticks"), ("SSE open", "Ticks")} and not failures(), (rows(), failures())
    """)


def test_until_has_limits_and_who_has_enough_ends_it(run):
    run("""
        for cls, transport in WAYS:
            with asked("Forever", transport, cls, name="few") as ticks:
                assert len(list(ticks.until(n=3))) == 3
                began = monotonic()
                assert len(list(ticks.until(seconds=0.3))) > 0 and 0.29 < monotonic() - began < 10
                assert next(ticks.until(n=1)).data["tick"] == ticks.count, "none is lost in between"
            assert list(ticks) == [] and ticks.ok
            with asked("Silent", transport, cls, name="silent") as silent:
                assert list(silent.until(seconds=0.1)) == [] and silent.ok and silent.count == 0
            with asked("Nothing", transport, cls, name="nothing") as nothing:
                assert list(nothing) == [] and nothing.ok
        until(lambda: sorted(seen()["completed"]) == sorted(["Forever", "Silent"] * 2))
        assert seen()["pongs"] > 6 and not failures(), failures()
        assert ("GraphQL first", "silent") not in rows() and ("GraphQL close", "few") not in rows()
    """)


def test_what_goes_wrong_is_a_failure(run):
    run("""
        for i, (cls, transport) in enumerate(WAYS):
            refused = asked("Refused", transport, cls)
            assert list(refused) == [] and str(refused.error) == "no such field at tick (NOT_FOUND)", refused.error
            stumbles = asked("Stumbles", transport, cls)
            answers = list(stumbles)
            assert [a.ok for a in answers] == [True, False] and answers[1].data == {"tick": None} and stumbles.ok
            with asked("Stumbles", transport, cls, name="partly", allow_partial=True) as partly:
                assert all(a.ok for a in partly)
            dies = asked("Dies", transport, cls)
            assert [a.data["tick"] for a in dies] == [1] and dies.error is not None and not dies.ok
            assert ("1011" in str(dies.error)) == (transport == "websocket"), dies.error
        told = failures()
        assert told.pop(("GraphQL next", "Stumbles")) == "GraphQLError('too slow at tick')"
        assert told.pop(("GraphQL first", "Refused")) == "GraphQLError('no such field at tick (NOT_FOUND)')"
        assert "400" in told.pop(("SSE open", "Refused"))
        assert "I die" in told.pop(("WS", "close Dies"))
        assert rows()["GraphQL close", "Dies"]["num_failures"] == len(WAYS) and told.pop(("GraphQL close", "Dies")) and not told, told
        fails = asked("Fails", "websocket")
        assert len(list(fails)) == 1 and str(fails.error).startswith("no such field")
        nonsense = asked("Nonsense", "websocket")
        assert list(nonsense) == [] and "none of graphql-transport-ws" in str(nonsense.error), nonsense.error
        assert failures()["GraphQL close", "Fails"] == "GraphQLError('no such field at tick (NOT_FOUND)')"
        assert "none of graphql-transport-ws" in failures()["GraphQL first", "Nonsense"]
    """)


def test_who_is_not_let_in(run):
    run("""
        for cls in HttpUser, FastHttpUser:
            no = asked("Ticks", "websocket", cls, payload={"token": "no"}, name="no")
            assert isinstance(no.error, WebSocketConnectionClosedException) and no.error.code == 4403 and list(no) == []
            slow = asked("Ticks", "websocket", cls, payload={"token": "slow"}, name="slow", connect_timeout=0.3)
            assert isinstance(slow.error, WebSocketTimeoutException) and list(slow) == []
            other = asked("Ticks", "websocket", cls, url="/other", name="other")
            assert "does not speak graphql-transport-ws" in str(other.error)
            gone = type("Gone", (cls,), {"host": "http://127.0.0.1:1", "abstract": False})(environment).client.graphql_subscribe("subscription Gone { x }")
            assert isinstance(gone.error, ConnectionRefusedError) and not gone.ok
        told = failures()
        assert set(told) == {("WS", "request init no"), ("WS", "request init slow"), ("GraphQL close", "other"), ("WS", "connect Gone")} or \\
            set(told) - {("WS", "close no")} == {("WS", "request init no"), ("WS", "request init slow"), ("GraphQL close", "other"), ("WS", "connect Gone")}, told
        try:
            asked("Ticks", "carrier pigeon")
        except ValueError as error:
            assert "carrier pigeon" in str(error)
        else:
            raise AssertionError("transport")
    """)


def test_several_over_one_connection(run):
    run("""
        with client(HttpUser).graphql_socket(name="all", payload={"token": "yes"}) as socket:
            assert socket.acknowledged == {"for": {"token": "yes"}}
            one = socket.subscribe("subscription Ticks($n: Int) { tick }", {"n": 5}, name="one")
            two = socket.subscribe("subscription Forever { tick }", {"pause": 0.001})
            assert [a.data["tick"] for a in two.until(n=30)] == list(range(1, 31))
            assert [a.data["tick"] for a in one] == [1, 2, 3, 4, 5], "what came meanwhile waited"
            two.close()
            assert list(two) == [] and [a.data["tick"] for a in socket.subscribe("subscription Ticks { tick }")] == [1, 2, 3]
        until(lambda: seen()["completed"] == ["Forever"])
        assert rows()["WS", "connect all"]["num_requests"] == 1 and not failures(), failures()
        try:
            client(HttpUser).graphql_socket(payload={"token": "no"})
        except WebSocketConnectionClosedException as error:
            assert error.code == 4403
        else:
            raise AssertionError("let in")
    """)


def test_who_is_ended_while_it_waits_is_cut(run):
    run("""
        for transport in "websocket", "sse":
            def read(name):
                with asked(name, transport, name=f"{name} {transport}") as ticks:
                    for _ in ticks:
                        pass
            readers = [gevent.spawn(read, name) for name in ("Silent", "Forever")]
            until(lambda: rows().get(("GraphQL next", f"Forever {transport}"), {}).get("num_requests", 0) > 2)
            opened = ("WS", f"request init Silent {transport}") if transport == "websocket" else ("SSE open", f"Silent {transport}")
            until(lambda: opened in rows())
            gevent.sleep(0)
            gevent.killall(readers)
            assert rows()["GraphQL first", f"Silent {transport}"]["cut"] == 1 and rows()["GraphQL close", f"Forever {transport}"]["cut"] == 1, rows()
        assert not failures(), failures()
    """)


USER = '''
import katydid
from locust import HttpUser, task
class Watcher(HttpUser):
    @task
    def watch(self):
        for transport, host in ("websocket", "http://127.0.0.1:{ws}"), ("sse", "http://127.0.0.1:{sse}"):
            with self.client.graphql_subscribe("subscription Ticks {{ tick }}", {{"n": 3}}, name=transport, url=host + "/graphql", transport=transport) as ticks:
                assert [a.data["tick"] for a in ticks] == [1, 2, 3], ticks.error
'''


def rows_of(path):
    with open(path, newline="") as file:
        return {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}


def test_a_run_has_rows_and_gaps(ports, tmp_path):
    known = json.loads(ports)
    with locustfile(USER.format(**known)) as file:
        run = run_katydid("-f", file, "-H", f"http://127.0.0.1:{known['ws']}", "--headless", "-i", 4, "-u", 2, "--csv", tmp_path / "out")
    assert run.code == 0 and "Traceback" not in run.stderr, run.describe()
    rows = rows_of(tmp_path / "out_stats.csv")
    for name in "websocket", "sse":
        assert (rows["GraphQL first", name]["Request Count"], rows["GraphQL next", name]["Request Count"]) == ("4", "12")
        assert f"graphql_gap{{name:{name}}}" in run.stdout + run.stderr, run.describe()


def test_the_same_file_under_stock_locust(ports, tmp_path):
    known = json.loads(ports)
    (tmp_path / "pylib").mkdir()
    (tmp_path / "pylib" / "katydid").symlink_to(ROOT / "worker" / "pylib" / "katydid")
    with locustfile(USER.format(**known) + "        self.environment.runner.quit()\n") as file:
        run = subprocess.run([STOCK_LOCUST, "-f", file, "-H", f"http://127.0.0.1:{known['ws']}", "--headless", "-u", "1", "-t", "90", "--json"],
                             capture_output=True, text=True, timeout=100, cwd=tmp_path, check=False, env={**os.environ, "PYTHONPATH": str(tmp_path / "pylib")})
    assert "Traceback" not in run.stderr and "AssertionError" not in run.stderr, run.stdout + run.stderr
    rows = {(row["method"], row["name"]): row for row in json.loads(run.stdout)}
    for name in "websocket", "sse":
        assert rows["GraphQL next", name]["num_requests"] >= 3 and rows["GraphQL next", name]["num_failures"] == 0
        assert rows["GraphQL first", name]["num_requests"] >= 1
