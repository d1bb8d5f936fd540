"""Programs that mean harm, or know no better: strangers at the port for workers, masters that talk nonsense."""

import contextlib
import os
import socket
import struct
import time
import uuid
from pathlib import Path

import msgpack
import pytest
import zmq
from fake_worker import FakeWorker
from harness import SANITIZED, free_port, get_json, katydid, locustfile, run_katydid, wait_for

STRANGERS = int(os.environ.get("KATYDID_STRANGERS", "1000"))  # 10000: as long as it takes
AT_A_TIME = 100
MEMORY_KB = 12 << 10  # that all the others may cost beyond the first of them

FILE = """
    from locust import User, constant, task

    class Visitor(User):
        wait_time = constant(0.1)

        @task
        def nothing(self):
            pass
"""


def memory_kb(pid):
    return int(next(line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# ---- at the port for workers ----

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)  # ZMTP 3.0


def says_nothing(port):
    pass


def says_http(port):
    return b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def says_noise(port):
    return os.urandom(600)


def greets_and_waits(port):
    return GREETING


def greets_and_claims_a_long_message(port):
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    return GREETING + b"\x04" + bytes([len(ready)]) + ready + b"\x02" + struct.pack(">Q", 1 << 62)


KINDS = [says_nothing, says_http, says_noise, greets_and_waits, greets_and_claims_a_long_message]


def come_and_go(port, count):
    """So many connections, each for a moment; some say something, and none reads an answer."""
    for at in range(0, count, AT_A_TIME):
        with contextlib.ExitStack() as all_:
            for i in range(at, min(at + AT_A_TIME, count)):
                s = all_.enter_context(socket.create_connection(("127.0.0.1", port), 30))
                with contextlib.suppress(OSError):
                    s.sendall(KINDS[i % len(KINDS)](port) or b"")


def knock(port, count):
    """So many with a name of their own, which report what nobody asked for and are gone."""
    own = descriptors(os.getpid())
    for at in range(0, count, AT_A_TIME):
        with contextlib.ExitStack() as all_:
            for _ in range(at, min(at + AT_A_TIME, count)):
                fake = all_.enter_context(FakeWorker(port, node_id=f"stranger_{uuid.uuid4().hex}"))
                fake.send("stats", {"stats": [], "errors": {}, "user_count": 1})
                fake.send("heartbeat", {"state": "running", "current_cpu_usage": 1.0})
        wait_for(lambda: descriptors(os.getpid()) < own + AT_A_TIME, "our own sockets to close")


@pytest.mark.parametrize("has_keys", [True, False])
def test_strangers_cost_little_and_are_forgotten(tmp_path, has_keys):
    port, web, keys = free_port(), free_port(), tmp_path / "keys"
    key = ["--insecure"]
    join = []
    if has_keys:
        assert run_katydid("keys", "new", keys).code == 0
        key = ["--keys", keys]
        join = ["--join", run_katydid("keys", "join", keys, f"127.0.0.1:{port}").stdout.strip()]
    with locustfile(FILE) as path:
        with katydid("-f", path, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--web-port", web, *key) as lead:
            lead.wait_line("Starting web interface")
            begin = descriptors(lead.pid)
            come_and_go(port, AT_A_TIME)
            knock(port, AT_A_TIME)
            wait_for(lambda: descriptors(lead.pid) <= begin + 8, "the first strangers' connections to end")
            few = memory_kb(lead.pid)
            come_and_go(port, STRANGERS)
            knock(port, STRANGERS)
            wait_for(lambda: descriptors(lead.pid) <= begin + 8, "the connections to end")
            assert SANITIZED or memory_kb(lead.pid) - few < MEMORY_KB  # a sanitizer keeps what was freed
            assert get_json(f"http://127.0.0.1:{web}/stats/requests")["workers"] == []
            assert len(lead.err) < 200, lead.describe()
            with katydid("--worker", "--master-port", port, *join, "-f", path):
                lead.wait_line(r"reported as ready\. 1 workers connected")


# ---- masters ----

CODE = "import pathlib; pathlib.Path({!r}).write_text('it ran')\n\nfrom locust import User, task\n\n\nclass A(User):\n    @task\n    def a(self):\n        pass\n"


class FakeMaster:
    """A master that says what a test tells it to whoever comes."""

    def __init__(self):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 200)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.who = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def hear(self, kind=None, timeout=60):
        """The next message, of that type, as (type, data); None after timeout seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.socket.poll(200):
                self.who, raw = self.socket.recv_multipart()
                found, data, _ = msgpack.unpackb(raw, strict_map_key=False)
                if kind in (None, found):
                    return found, data
        return None

    def say_raw(self, raw):
        self.socket.send_multipart([self.who, raw])

    def say(self, kind, data=None):
        self.say_raw(msgpack.packb([kind, data, "master"]))


TYPES = ["ack", "spawn", "heartbeat", "update_user_class", "spawning_complete", "katydid_ack", "katydid_setup", "katydid_scenarios",
         "katydid_spans_heard", "katydid_grant", "a type of nobody", "locustfile", "t" * 100_000]
NONSENSE = [None, 7, -1.5, "text", b"\xff\0", [], [[]], {}, {"user_classes_count": 3}, {"user_classes_count": {"Visitor": "many"}, "host": 9},
            {"user_classes_count": {"Nobody": 2}, "timestamp": "x", "host": None, "stop_timeout": [], "parsed_options": 1},
            {"katydid": 5}, {"katydid": {"report_interval": "x", "protocol": "y", "token": [], "boot_id": {}}, "index": "first"},
            {"epoch": 1, "seq": "x"}, {"epoch": None, "seq": None, "names": True}, {"user_count": "x"}, {"__datetime__": True, "as_str": 5},
            {"user_class_name": "Visitor", "host": 1}, {1: 2, None: 3}, "L" * 100_000]
NO_MESSAGES = [b"", b"\x93", b"\x93\xa5spawn\xdd\xff\xff\xff\xff", b"\xc1" * 50, b"\x91" * 5000, msgpack.packb({"a": 1}), msgpack.packb([1, 2, 3]),
               msgpack.packb(["spawn"]), msgpack.packb(["spawn", None, None, None]), b"\x93\xa5spawn\xdb\x7f\xff\xff\xff\0"]


def test_a_worker_outlives_a_master_that_talks_nonsense():
    with locustfile(FILE) as path, FakeMaster() as boss:
        with katydid("--worker", "--master-port", boss.port, "-f", path) as worker:
            assert boss.hear("client_ready")
            few = memory_kb(worker.pid)
            for raw in NO_MESSAGES:
                boss.say_raw(raw)
            for kind in TYPES:
                for data in NONSENSE:
                    boss.say(kind, data)
            boss.say("ack", {"index": 3})
            boss.say("spawn", {"user_classes_count": {"Visitor": 2}, "timestamp": time.time() + 1000, "host": "", "stop_timeout": 0,
                               "parsed_options": {}})
            found = boss.hear("spawning_complete")
            while found and found[1]["user_count"] != 2:
                found = boss.hear("spawning_complete")
            assert found, worker.describe()
            assert worker.popen.poll() is None, worker.describe()
            assert SANITIZED or memory_kb(worker.pid) - few < 4 * MEMORY_KB
            assert "cannot be understood" in worker.stderr
            assert max(map(len, worker.err)) < 1000, max(worker.err, key=len)[:2000]
            boss.say("quit")
            assert worker.wait() == 0, worker.describe()


def test_a_locustfile_that_is_none_is_refused_with_words():
    with FakeMaster() as boss, katydid("--worker", "--master-port", boss.port, "-f", "-") as worker:
        assert boss.hear("locustfile")
        boss.say("locustfile", [])
        assert worker.wait() not in (0, 139), worker.describe()
        assert "Traceback" not in worker.stderr and "master" in worker.stderr, worker.describe()


def test_nobody_runs_code_on_a_worker_that_has_a_key_but_its_master(tmp_path):
    keys, ran = tmp_path / "keys", tmp_path / "ran"
    assert run_katydid("keys", "new", keys).code == 0
    with locustfile(FILE) as path, FakeMaster() as boss, FakeMaster() as other:
        join = run_katydid("keys", "join", keys, f"127.0.0.1:{boss.port}").stdout.strip()
        answer = {"locustfiles": [{"filename": "a.py", "contents": CODE.format(str(ran))}]}
        with katydid("--worker", "--join", join, "-f", "-") as a, katydid("--worker", "--join", join, "-f", path) as b:
            for worker in (a, b):
                worker.wait_line(f"the master at tcp://127.0.0.1:{boss.port} does not have the key of this worker's --join")
            assert boss.hear(timeout=0.5) is None and boss.who is None and not ran.exists()
        with katydid("--worker", "--master-port", other.port, "-f", "-"):  # it runs where nobody has a key
            assert other.hear("locustfile")
            other.say("locustfile", answer)
            wait_for(ran.exists, "the code of the master of a worker without a key")
