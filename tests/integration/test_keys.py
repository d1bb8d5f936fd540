"""Clusters with keys (docs/security.md): who comes in, who does not, and what is seen on the wire."""

import urllib.request
import contextlib
import json
import os
import re
import socket
import textwrap
import threading
from pathlib import Path

import pytest
from fake_worker import FakeWorker
from harness import KATYDID, ROOT, STOCK_LOCUST, WORKER, Process, free_port, get_json, katydid, locustfile, run_katydid, signal, target, wait_for

SHOPPER = """
    from locust import HttpUser, constant, task

    # tulips are the plan of the next quarter
    class Shopper(HttpUser):
        wait_time = constant(0.02)

        @task
        def buy(self):
            self.client.get("/tulips")
"""

HELLO = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]["Hello"]


@pytest.fixture
def keys(tmp_path):
    """The file of new keys; .line is the workers' line without its address."""
    path = tmp_path / "cluster.keys"
    made = run_katydid("keys", "new", path)
    assert made.code == 0, made.describe()
    yield path


def key_of(path):
    shown = run_katydid("keys", "join", path, "host.example:7")
    assert shown.code == 0 and shown.stdout.startswith("tcp://host.example:7#"), shown.describe()
    return shown.stdout.strip().partition("#")[2]


@contextlib.contextmanager
def master(port, *arguments, **more):
    with katydid("--master", "--master-bind-port", port, "--master-bind-host", "127.0.0.1", "--web-port", 0, *arguments, **more) as process:
        yield process


def worker(port, join=None, *arguments, env=None):
    line = [] if join is None else ["--join", join]
    return katydid("--worker", "--master-port", port, *line, *arguments, env=env)


@contextlib.contextmanager
def recording(port):
    """A way to that port that keeps every byte, of both directions."""
    seen, listener, open_sockets = bytearray(), socket.create_server(("127.0.0.1", 0)), []

    def pass_on(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                seen.extend(data)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                open_sockets.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in open_sockets:
            each.close()


def run_through_a_recorder(keys, join):
    """What was seen between a master and a worker that gets its locustfile from it."""
    port = free_port()
    with target() as shop, locustfile(SHOPPER) as path, recording(port) as (way, seen):
        given = ["--keys", keys] if keys else ["--insecure"]
        with master(port, "-f", path, "-H", shop.url, "--headless", "-u", 4, "-r", 4, "-t", 3, *given, "--exclude-tags", "hyacinth") as lead:
            with worker(way, join, "-f", "-") as w:
                assert lead.wait() == 0, lead.describe()
                assert w.wait() == 0, w.describe()
        return bytes(seen)


def test_keys_are_made_once_and_are_their_owners(tmp_path):
    path = tmp_path / "k"
    made = run_katydid("keys", "new", path)
    assert made.code == 0 and path.stat().st_mode & 0o777 == 0o600
    line = made.stdout.strip()
    assert line.startswith("tcp://") and "#katydid-join-" in line and len(made.out) == 1
    assert line.partition("#")[2] == key_of(path)
    text = path.read_text()
    again = run_katydid("keys", "new", path)
    assert again.code != 0 and "is there already" in again.stderr and path.read_text() == text
    assert line.partition("#")[2] not in text


@pytest.mark.parametrize(("arguments", "says"), [
    (["--master", "--keys", "/nonexistent"], "--keys: cannot read /nonexistent: No such file"),
    (["--worker", "--join", "/nonexistent"], "--join: cannot read /nonexistent: No such file"),
    (["--worker", "--join", "tcp://h:1#katydid-join-x"], "--join: the key has 1 letters"),
    (["--worker", "--join", "tcp://h:x#katydid-join-x"], "--join: 'x' is no port"),
    (["--worker", "--join", "tcp://h:5557#secret"], "--join: a key for workers begins with katydid-join-"),
])
def test_what_is_wrong_with_keys_is_said(tmp_path, arguments, says):
    (tmp_path / "f.py").write_text(textwrap.dedent(SHOPPER))
    done = run_katydid("-f", tmp_path / "f.py", *arguments)
    assert done.code == 2 and says in done.stderr, done.describe()


def assert_counts(lead, shop):
    """Answered by the target is what was reported, or cut off."""
    reported = sum(row["num_requests"] for row in json.loads(lead.stdout))
    cut = sum(map(int, re.findall(r"(\d+) requests? (?:was|were) cut off", lead.stderr)))
    assert reported <= shop.log()["answered"] <= reported + cut, lead.describe()


def test_a_cluster_with_keys_agrees_with_its_target(keys, tmp_path):
    port, key = free_port(), key_of(keys)
    (tmp_path / "join").write_text(f"# of our cluster\ntcp://127.0.0.1:{port}#{key}\n")
    with target() as shop, locustfile(SHOPPER) as path:
        with master(port, "-f", path, "-H", shop.url, "--headless", "-u", 6, "-r", 6, "-t", 3, "--expect-workers", 3, "--keys", keys, "--json") as lead:
            with worker(1, f"tcp://127.0.0.1:{port}#{key}", "-f", path) as a, worker(1, tmp_path / "join", "-f", "-") as b:
                with worker(port, None, "-f", path, env={"KATYDID_JOIN": f"#{key}"}) as c:
                    assert lead.wait() == 0, lead.describe()
                    assert [w.wait() for w in (a, b, c)] == [0, 0, 0]
            assert "OPEN" not in lead.stderr and "turned away" not in lead.stderr
            assert_counts(lead, shop)


def test_nothing_is_read_on_the_wire(keys):
    plain = run_through_a_recorder(None, None)
    for word in (b"tulips", b"next quarter", b"hyacinth", b"client_ready"):
        assert word in plain
    sealed = run_through_a_recorder(keys, f"#{key_of(keys)}")
    assert len(sealed) > 3000 and b"CURVE" in sealed
    for word in (b"tulips", b"next quarter", b"hyacinth", b"client_ready", b"katydid_", key_of(keys).encode()):
        assert word not in sealed


def test_strangers_learn_why_and_are_told_of_and_the_cluster_goes_on(keys, tmp_path):
    port, other = free_port(), tmp_path / "other.keys"
    assert run_katydid("keys", "new", other).code == 0
    with locustfile(SHOPPER) as path, master(port, "-f", path, "-H", "http://127.0.0.1:1", "--keys", keys) as lead:
        page = lead.wait_line(r"Starting web interface at (\S+)").group(1).rstrip(",")
        with worker(port, None, "-f", path) as a, worker(port, f"#{key_of(other)}", "-f", path) as b:
            with worker(port, None, "-f", "-") as c:
                a.wait_line(f"the master at tcp://127.0.0.1:{port} .*takes only workers that have its key.* --join")
                b.wait_line(f"the master at tcp://127.0.0.1:{port} does not have the key of this worker's --join")
                c.wait_line(f"the master at tcp://127.0.0.1:{port} .*takes only workers that have its key")
        lead.wait_line(r"\d+ connections? without this cluster's key turned away")
        with worker(port, f"#{key_of(keys)}", "-f", path) as good:
            good.wait_line("connected to the master")
            workers = wait_for(lambda: get_json(f"{page}/stats/requests")["workers"], "the worker on the page")
            assert len(workers) == 1


def test_a_worker_with_a_key_joins_no_master_without(keys):
    port = free_port()
    with locustfile(SHOPPER) as path, master(port, "-f", path, "--insecure") as lead, worker(port, f"#{key_of(keys)}", "-f", "-") as w:
        w.wait_line("does not have the key of this worker's --join: it was started without --keys")
        assert "ready" not in lead.stderr


def test_a_master_that_is_started_again_with_its_keys_has_its_workers(keys):
    port = free_port()
    with locustfile(SHOPPER) as path, worker(port, f"#{key_of(keys)}", "-f", path):
        for _ in range(2):
            with master(port, "-f", path, "--keys", keys) as lead:
                lead.wait_line(r"reported as ready\. 1 workers connected")
                lead.signal(signal.SIGKILL)
                lead.wait()


def test_a_flood_of_strangers_costs_a_cluster_nothing_but_lines(keys):
    port = free_port()
    with target() as shop, locustfile(SHOPPER) as path:
        with master(port, "-f", path, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 4, "--keys", keys, "--json") as lead:
            with worker(port, f"#{key_of(keys)}", "-f", path) as w:
                lead.wait_line("All users spawned")
                for i in range(300):
                    with socket.create_connection(("127.0.0.1", port)) as s:
                        s.sendall([b"GET / HTTP/1.1\r\n\r\n" * 9, os.urandom(2000), b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + bytes(4000)][i % 3])
                for _ in range(50):
                    with FakeWorker(port) as fake:
                        fake.send("client_ready", fake.version)
                assert lead.wait() == 0, lead.describe()
                assert w.wait() == 0, w.describe()
            assert_counts(lead, shop)
            told = [line for line in lead.err if "turned away" in line]
            assert len(told) <= 60 and lead.stderr.count("reported as ready") <= 2  # the worker is ready again after its run


@pytest.mark.parametrize("name", ["katydid", "locust"])
def test_a_master_without_keys_says_so_once_unless_told_not_to(tmp_path, name):
    (tmp_path / "locust").symlink_to(KATYDID)
    (tmp_path / "f.py").write_text(textwrap.dedent(SHOPPER))
    program = KATYDID if name == "katydid" else tmp_path / "locust"
    for more, lines in ([], name == "katydid"), (["--insecure"], 0):
        with Process([program, "-f", tmp_path / "f.py", "--master", "--master-bind-port", free_port(), "--web-port", free_port(), *more],
                     env={"KATYDID_WORKER": str(WORKER)}) as lead:
            lead.wait_line("Starting web interface")
            assert lead.stderr.count("THE PORT FOR WORKERS IS OPEN") == lines


def test_stock_workers_join_by_a_port_of_their_own(keys):
    port, plain = free_port(), free_port()
    with target() as shop, locustfile(SHOPPER) as path:
        with master(port, "-f", path, "-H", shop.url, "--headless", "-u", 4, "-r", 4, "-t", 4, "--expect-workers", 2, "--keys", keys,
                    "--allow-stock", plain, "--json") as lead:
            with worker(port, f"#{key_of(keys)}", "-f", path), Process([STOCK_LOCUST, "-f", path, "--worker", "--master-port", plain]):
                assert lead.wait() == 0, lead.describe()
            assert_counts(lead, shop)
            assert f"Port {plain} is open to workers without a key" in lead.stderr


def test_the_page_is_told_of_the_port_without_keys(keys):
    for more, told in (["--allow-stock", (plain := free_port())], plain), ([], None):
        web = free_port()
        with locustfile(SHOPPER) as path, Process([KATYDID, "-f", path, "--master", "--master-bind-port", free_port(), "--web-port", web, "--keys", keys, *more]) as lead:
            lead.wait_line("Starting web interface")
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/api/v1/state", timeout=60) as answer:
                hello = json.load(answer)
            assert hello.get("stock_port") == told
            assert set(hello) <= set(HELLO["properties"]) and set(HELLO["required"]) <= set(hello)


def test_the_key_is_in_no_list_of_processes(keys):
    port, key = free_port(), key_of(keys)
    with locustfile(SHOPPER) as path, master(port, "-f", path, "--keys", keys) as lead:
        with worker(port, f"#{key}", "-f", path, "--processes", 2) as parent:
            lead.wait_line(r"2 workers connected")
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and entry.name != str(os.getpid()):
                    with contextlib.suppress(OSError):
                        words = (entry / "cmdline").read_bytes()
                        assert key.encode() not in words or b"pytest" in words, words
            assert parent.popen.poll() is None
