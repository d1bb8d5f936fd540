# SPDX-License-Identifier: MIT
"""The examples in locustfiles/protocols against real servers. Ten users whose server takes 50 ms for an answer wait for
longer, all together, than the run lasts: nobody holds up the others."""

import csv
import json
import sys

import pytest
from harness import BROWSER, BROWSER_PYTHON, CLIENTS, ROOT, Process, csv_row, free_port, run_katydid
from postgres import postgres
from test_contrib import mosquitto


@pytest.fixture(scope="module")
def ports():
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "example_servers.py"]) as servers:
        yield json.loads(servers.wait_line(r"^\{.*\}$").group(0))


def run_example(name, tmp_path, *more, **env):
    run = run_katydid("-f", ROOT / "locustfiles" / "protocols" / f"{name}.py", "--headless", "-u", 10, "-r", 10, "-t", 3, "--csv",
                      tmp_path / "out", *more, env={"VIRTUAL_ENV": str(CLIENTS), **env})
    assert run.code == 0 and "Traceback" not in run.stderr, run.describe()
    return lambda row: csv_row(tmp_path / "out_stats.csv", row)


@pytest.mark.parametrize(("name", "scheme", "row"), [
    ("raw_socket", "", "hello"), ("websocket_chat", "ws://", "echo"), ("websocket_user", "ws://", "request say"), ("grpc_greeter", "", "/demo.Greeter/Greet")])
def test_users_wait_side_by_side(name, scheme, row, ports, tmp_path):
    of = run_example(name, tmp_path, "-H", f"{scheme}127.0.0.1:{ports['websocket_chat' if name == 'websocket_user' else name]}")
    assert float(of(row)["Min Response Time"]) >= 49
    assert int(of(row)["Request Count"]) * float(of(row)["Average Response Time"]) > 5000, "ms: at most the run's 3 s if one held up the others"


def test_grpc_calls(ports, tmp_path):
    of = run_example("grpc_calls", tmp_path, "-H", f"127.0.0.1:{ports['grpc_calls']}")
    assert all(int(of(name)["Request Count"]) > 0 for name in ("/demo.Greeter/Greet", "/demo.Greeter/GreetAll", "/demo.Greeter/Farewells", "/demo.Greeter/Chat"))
    assert int(of("Greet nobody")["Failure Count"]) == 0 < int(of("Greet nobody")["Request Count"])


def test_http2(tmp_path):
    for name in ("index.html", "style.css", "app.js", "logo.svg"):
        (tmp_path / name).write_text(name)
    port = free_port()
    with Process(["nghttpd", "-v", "-a", "127.0.0.1", "-d", tmp_path, "--no-tls", port]) as server:
        server.wait_line("listen")
        of = run_example("http2", tmp_path, "-H", f"http://127.0.0.1:{port}", "--http2=prior-knowledge")
    assert int(of("page")["Request Count"]) > 0 and int(of("Aggregated")["Failure Count"]) == 0
    assert int(of("part of the page")["Request Count"]) >= 3 * (int(of("page")["Request Count"]) - 10)


@pytest.fixture(scope="module")
def streams():
    with Process([sys.executable, ROOT / "tests" / "support" / "sse_server.py"]) as server:
        yield f"http://127.0.0.1:{json.loads(server.wait_line(r'^{.*}$').group(0))['port']}"


def test_server_sent_events(streams, tmp_path):
    of = run_example("sse_ticker", tmp_path, "-H", streams)
    assert int(of("Aggregated")["Request Count"]) >= 20 and int(of("Aggregated")["Failure Count"]) == 0


def test_language_models(streams, tmp_path):
    of = run_example("llm_chat", tmp_path, "-H", streams)
    assert of("sky")["Type"] == "LLM" and int(of("sky")["Request Count"]) >= 10 and int(of("Aggregated")["Failure Count"]) == 0


def test_ollama(streams, tmp_path):
    of = run_example("llm_ollama", tmp_path, "-H", streams)
    assert 0 < int(of("second turn")["Request Count"]) <= int(of("first turn")["Request Count"]) and int(of("Aggregated")["Failure Count"]) == 0


def test_coroutines(streams, tmp_path):
    of = run_example("async_calls", tmp_path, "-H", streams)
    assert int(of("hello")["Request Count"]) > 10 and int(of("by hand")["Request Count"]) > 10 and int(of("Aggregated")["Failure Count"]) == 0
    assert int(of("side by side")["Request Count"]) >= 3 * (int(of("hello")["Request Count"]) - 10)


def test_browser(tmp_path):
    with Process([sys.executable, ROOT / "tests" / "support" / "page_server.py"]) as server:
        of = run_example("browser_shop", tmp_path, "-H", f"http://127.0.0.1:{server.wait_line(r'^([0-9]+)$').group(1)}", "-u", 2, "-i", 4, "-t", 100, VIRTUAL_ENV=str(BROWSER_PYTHON), KATYDID_BROWSER=BROWSER)
    assert int(of("start")["Request Count"]) > 0 and int(of("the page has text")["Request Count"]) > 0 and int(of("Aggregated")["Failure Count"]) == 0


def test_graphql(tmp_path):
    with Process([sys.executable, ROOT / "tests" / "support" / "graphql_server.py"]) as server:
        of = run_example("graphql_heroes", tmp_path, "-H", f"http://127.0.0.1:{server.wait_line(r'^([0-9]+)$').group(1)}")
    assert int(of("Hero")["Request Count"]) > 0 and int(of("Aggregated")["Failure Count"]) == 0


def test_graphql_subscriptions(tmp_path):
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "graphql_live.py"]) as server:
        of = run_example("graphql_prices", tmp_path, "-H", f"http://127.0.0.1:{json.loads(server.wait_line(r'^{.*}$').group(0))['ws']}")
    assert int(of("request init both")["Request Count"]) > 0 and int(of("Aggregated")["Failure Count"]) == 0
    with open(tmp_path / "out_stats.csv", newline="") as file:
        told = {row["Name"] for row in csv.DictReader(file) if row["Type"] == "GraphQL next" and int(row["Request Count"]) > 0}
    assert told == {"Ticks", "short", "long"}


def test_unix_sockets(tmp_path):
    path = tmp_path / "app.sock"
    with Process([sys.executable, ROOT / "tests" / "support" / "sse_server.py", "--unix", path]) as server:
        server.wait_line("port")
        of = run_example("unix_socket", tmp_path, "-H", f"http+unix://{str(path).replace('/', '%2F')}")
    assert int(of("hello")["Request Count"]) > 0 and int(of("Aggregated")["Failure Count"]) == 0


def test_postgresql(tmp_path):
    with postgres() as server:
        of = run_example("postgres_rows", tmp_path, PG_DSN=server.address)
    assert int(of("execute_query")["Request Count"]) > 0


def test_mqtt(tmp_path):
    with mosquitto() as port:
        of = run_example("mqtt_sensors", tmp_path, MQTT_PORT=str(port))
    assert int(of("subscribe:1:commands/all")["Request Count"]) == 10
    assert all(int(of(f"publish:{qos}:sensors/temperature")["Request Count"]) > 0 for qos in (0, 1))
