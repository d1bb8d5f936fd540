"""A worker in another language, as far as the master can tell: the least that boomer and locust4j speak.

    foreign_worker.py MASTER_PORT TARGET_URL USER_CLASS

It knows nothing of Python's Locust or of Katydid: a DEALER socket, msgpack, and the messages client_ready (version -1),
spawning, spawning_complete, stats, heartbeat, client_stopped, quit; ack, spawn, stop, quit. Each user asks the target for one
page after the other. Prints `sent N` at the end.
"""

import http.client
import sys
import time
import urllib.parse
import uuid

import msgpack
import zmq

REPORT_S, BEAT_S = 3.0, 1.0


class Worker:
    def __init__(self, port, url, user_class):
        self.id = f"foreign_{uuid.uuid4().hex}"
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.identity = self.id.encode()
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.user_class, self.state, self.users, self.sent = user_class, "ready", 0, 0
        self.target = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self.clear()
        self.beat_at = self.report_at = 0

    def clear(self):
        self.count, self.total_ms, self.min_ms, self.max_ms, self.bytes = 0, 0.0, None, 0.0, 0
        self.times, self.seconds, self.began, self.last = {}, {}, time.time(), None

    def send(self, kind, data=None):
        self.socket.send(msgpack.packb([kind, data, self.id]))

    def entry(self, name, method):
        return {
            "name": name, "method": method, "last_request_timestamp": self.last, "start_time": self.began,
            "num_requests": self.count, "num_none_requests": 0, "num_failures": 0, "total_response_time": self.total_ms,
            "max_response_time": self.max_ms, "min_response_time": self.min_ms, "total_content_length": self.bytes,
            "response_times": self.times, "num_reqs_per_sec": self.seconds, "num_fail_per_sec": {},
        }

    def report(self):
        stats = [self.entry("/page", "GET")] if self.count else []
        self.send("stats", {"stats": stats, "stats_total": self.entry("Total", ""), "errors": {},
                            "user_classes_count": {self.user_class: self.users}, "user_count": self.users})
        self.clear()

    def ask(self):
        started = time.perf_counter()
        self.target.request("GET", "/page")
        body = self.target.getresponse().read()
        ms = (time.perf_counter() - started) * 1000
        self.sent += 1
        self.count += 1
        self.total_ms += ms
        self.min_ms = ms if self.min_ms is None else min(self.min_ms, ms)
        self.max_ms = max(self.max_ms, ms)
        self.bytes += len(body)
        self.last = time.time()
        self.times[round(ms)] = self.times.get(round(ms), 0) + 1
        self.seconds[int(self.last)] = self.seconds.get(int(self.last), 0) + 1

    def on_message(self, kind, data):
        if kind == "spawn":
            if self.state == "ready":
                self.clear()
            self.state = "spawning"
            self.send("spawning")
            self.users = sum(data["user_classes_count"].values())
            self.send("spawning_complete", {"user_classes_count": {self.user_class: self.users}, "user_count": self.users})
            self.state = "running"
        elif kind == "stop":
            self.users = 0
            self.report()
            self.send("client_stopped")
            self.state = "ready"
            self.send("client_ready", -1)
        elif kind == "quit":
            self.report()
            self.send("quit")
            return False
        return True

    def run(self):
        self.send("client_ready", -1)
        while True:
            while self.socket.poll(10 if self.users else 100):
                kind, data, _ = msgpack.unpackb(self.socket.recv(), strict_map_key=False)
                if not self.on_message(kind, data):
                    return
            for _ in range(self.users):
                self.ask()
            now = time.monotonic()
            if now >= self.beat_at:
                self.beat_at = now + BEAT_S
                self.send("heartbeat", {"state": self.state, "current_cpu_usage": 1.0})
            if now >= self.report_at and self.state == "running":
                self.report_at = now + REPORT_S
                self.report()


if __name__ == "__main__":
    worker = Worker(*sys.argv[1:])
    worker.run()
    worker.socket.close(linger=2000)
    print(f"sent {worker.sent}")
