"""A worker that does only what a test tells it, in both dialects (docs/wire.md)."""

import time
import uuid

import msgpack
import zmq


def own_report(requests, method="GET", name="/", failures=0):
    """report.c: [1, overflow, rows, failures, exceptions]; requests without a time, so without a histogram."""
    now = time.time()
    row = [method, name, requests, requests, failures, 0, 0, 0, (1 << 64) - 1, 0, now, now, b"", [int(now), requests, failures]]
    rows = [[method, name, "bad", failures, now, now]] if failures else []
    return msgpack.packb([1, 0, [row], rows, []])


class FakeWorker:
    def __init__(self, port, version="2.47.0+katydid.1", node_id=None):
        self.id = node_id or f"fake_{uuid.uuid4().hex}"
        self.version = version
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, self.id.encode())
        self.socket.setsockopt(zmq.LINGER, 200)
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.epoch = uuid.uuid4().hex
        self.seq = 0
        self.run = ""
        self.counts = {}
        self.state = "ready"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, data=None):
        self.socket.send(msgpack.packb([kind, data, self.id]))

    def send_raw(self, *frames):
        self.socket.send_multipart(list(frames))

    def receive(self, timeout=60):
        """The next message as (type, data); None after timeout seconds."""
        if not self.socket.poll(timeout * 1000):
            return None
        kind, data, _ = msgpack.unpackb(self.socket.recv(), strict_map_key=False)
        if kind == "spawn":
            self.counts = data["user_classes_count"]
            self.run = data.get("run", "")
        return kind, data

    def wait(self, kind, timeout=60):
        """Data of the next message of that type; others are dropped. Beats meanwhile."""
        deadline, beat = time.monotonic() + timeout, 0
        while time.monotonic() < deadline:
            if time.monotonic() > beat:
                beat = time.monotonic() + 0.7
                self.beat()
            message = self.receive(0.2)
            if message and message[0] == kind:
                return message[1]
        raise AssertionError(f"no {kind!r} within {timeout} s")

    def beat(self):
        self.send("heartbeat", {"state": self.state, "current_cpu_usage": 1.0, "current_memory_usage": 1000})

    def join(self):
        self.send("client_ready", self.version)
        return self.wait("ack")

    def obey_spawn(self, timeout=60):
        """Says that the users of the next spawn run."""
        self.wait("spawn", timeout)
        self.say_spawned()
        return self.counts

    def say_spawned(self):
        self.state = "running"
        self.send("spawning")
        self.send("spawning_complete", {"user_classes_count": self.counts, "user_count": sum(self.counts.values())})

    def report(self, requests, seq=None, run=None, epoch=None, **more):
        if seq is None:
            self.seq += 1
            seq = self.seq
        self.send("stats", {
            "katydid": {
                "epoch": epoch or self.epoch, "seq": seq, "run": self.run if run is None else run, "t": time.time(),
                "report": own_report(requests, **more), "health": {"cpu": 1.0, "memory": 1000, "lag_ms": 0.0},
            },
            "user_classes_count": self.counts, "user_count": sum(self.counts.values()),
        })

    def stop(self):
        self.state = "ready"
        self.send("client_stopped")
        self.send("client_ready", self.version)
