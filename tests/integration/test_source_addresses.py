"""--source-addresses: where users' connections come from, as the target sees it."""

import socketserver
import threading
from collections import defaultdict
from contextlib import contextmanager

import pytest
from harness import locustfile, run_katydid

FILE = """
    import itertools

    from locust import HttpUser, constant, task

    numbers = itertools.count()

    class Shopper(HttpUser):
        wait_time = constant(0.05)

        def on_start(self):
            self.number = next(numbers)

        @task
        def look(self):
            self.client.get(f"/{self.number}")
"""

ONE_POOL = """
    from locust import HttpUser, constant, task
    from urllib3 import PoolManager

    class Shopper(HttpUser):
        wait_time = constant(0.05)
        pool_manager = PoolManager(maxsize=50)

        @task
        def look(self):
            self.client.get("/all", headers={"Connection": "close"})
"""


@contextmanager
def witness(host="127.0.0.1"):
    """An HTTP server that notes from where each path was asked for."""
    seen, lock = defaultdict(list), threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while line := self.rfile.readline().split():
                is_last = False
                while (head := self.rfile.readline().strip()):
                    is_last |= head.lower() == b"connection: close"
                with lock:
                    seen[line[1].decode()].append(self.client_address[0])
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                if is_last:
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, request_queue_size = True, 128

    with Server((host, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.url = f"http://{host}:{server.server_address[1]}"
        server.seen = seen
        yield server
        server.shutdown()


def run(path, server, users, addresses, *more, **how):
    return run_katydid("-f", path, "-H", server.url, "--headless", "-u", users, "-r", 100, "-t", 2, "--source-addresses", addresses, *more, **how)


@pytest.mark.parametrize("addresses, all_of_them", [
    ("127.0.1.0/29", {f"127.0.1.{n}" for n in range(1, 7)}),
    ("127.0.2.9, 127.0.2.20-127.0.2.22", {"127.0.2.9", "127.0.2.20", "127.0.2.21", "127.0.2.22"}),
])
def test_each_user_has_the_next_address(addresses, all_of_them):
    with witness() as server, locustfile(FILE) as path:
        done = run(path, server, 24, addresses)
        assert done.code == 0, done.describe()
    users = {path: set(seen) for path, seen in server.seen.items()}
    assert len(users) == 24 and all(len(seen) == 1 for seen in users.values()), users
    of = [seen.pop() for seen in users.values()]
    assert {a: of.count(a) for a in of} == dict.fromkeys(all_of_them, 24 // len(all_of_them))


def test_connections_of_a_shared_pool_take_turns(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.locust]\nsource-addresses = '127.0.3.1-127.0.3.4'\n")
    with witness() as server, locustfile(ONE_POOL) as path:
        done = run_katydid("-f", path, "-H", server.url, "--headless", "-u", 4, "-r", 100, "-t", 2, cwd=tmp_path)
        assert done.code == 0, done.describe()
    assert set(server.seen["/all"]) == {f"127.0.3.{n}" for n in range(1, 5)}


def test_workers_have_their_own_by_the_environment():
    with witness() as server, locustfile(FILE) as path:
        done = run_katydid("-f", path, "-H", server.url, "--headless", "-u", 12, "-r", 100, "-t", 2, "--processes", 2,
                           env={"KATYDID_SOURCE_ADDRESSES": "127.0.4.0/30"})
        assert done.code == 0, done.describe()
    assert {a for seen in server.seen.values() for a in seen} == {"127.0.4.1", "127.0.4.2"}


def test_a_target_of_the_other_kind_is_a_failure_with_its_cause():
    with witness() as server, locustfile(FILE) as path:
        done = run(path, server, 1, "::1")
    assert done.code == 1 and not server.seen, done.describe()
    assert "None of --source-addresses is of the target's kind" in done.stdout + done.stderr


@pytest.mark.parametrize("args, said", [
    (["--source-addresses", "10.0.0.0/33"], '"10.0.0.0/33" is neither an address nor a range or prefix'),
    (["--source-addresses", "127.0.0.1,203.0.113.7"], "this machine has no address 203.0.113.7 to send from"),
    (["--source-addresses", "203.0.113.0/24", "--worker"], "this machine has no address 203.0.113.1 to send from"),
    (["--source-addresses", "127.0.0.1", "--master"], "--source-addresses is of workers, and this command starts none"),
])
def test_what_cannot_be_is_refused_before_the_start(args, said):
    with locustfile(FILE) as path:
        done = run_katydid("-f", path, "-H", "http://127.0.0.1:9", "--headless", "-t", 1, *args)
    assert done.code == 2 and said in done.stderr, done.describe()
