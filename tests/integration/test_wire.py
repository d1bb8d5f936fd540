"""The master's side of docs/wire.md, with workers that do strange things."""

import os
import signal
import time
from contextlib import contextmanager

import msgpack
from fake_worker import FakeWorker
from harness import free_port, get_json, katydid, locustfile, wait_for

FILE = """
    from locust import User, constant, task

    class Visitor(User):
        wait_time = constant(1)

        @task
        def nothing(self):
            pass
"""


class Boss:
    def __init__(self, process, port, web):
        self.process, self.port, self.web = process, port, web

    def state(self):
        try:
            return get_json(f"http://127.0.0.1:{self.web}/stats/requests")
        except OSError:
            return {"state": "", "workers": [], "user_count": 0, "stats": []}

    def total(self):
        return next((row["num_requests"] for row in self.state()["stats"] if row["name"] == "Aggregated"), 0)

    def workers(self):
        return {w["id"]: w["state"] for w in self.state()["workers"]}

    def worker(self, **more):
        return FakeWorker(self.port, **more)


@contextmanager
def master(*more, users=4, rate=4, wait_for_workers=1):
    port, web = free_port(), free_port()
    with locustfile(FILE) as file:
        with katydid("-f", file, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--web-port", web,
                     "--autostart", "--expect-workers", wait_for_workers, "-u", users, "-r", rate, *more) as process:
            boss = Boss(process, port, web)
            wait_for(lambda: boss.state()["state"], "the page")
            yield boss
            if process.popen.poll() is None:
                process.signal(signal.SIGINT)
                process.wait(90)


def test_joining():
    with master(wait_for_workers=9) as boss:
        with boss.worker() as ours, boss.worker(version="2.47.0") as stock, boss.worker(version=-1) as boomer:
            ack = ours.join()
            assert ack["index"] == 0 and ack["katydid"]["protocol"] == 4 and ack["katydid"]["boot_id"]
            assert stock.join() == {"index": 1}
            assert boomer.join() == {"index": 2}
            assert ours.join()["index"] == 0
            with boss.worker(version="") as old:
                old.send("client_ready", "")
                assert old.receive(1.5) is None
            wait_for(lambda: len(boss.workers()) == 3, "three workers")


def test_a_report_counts_once():
    with master() as boss, boss.worker() as one:
        one.join()
        assert one.obey_spawn() == {"Visitor": 4}
        one.report(10)
        assert one.wait("katydid_ack") == {"epoch": one.epoch, "seq": 1, "report_interval": 1.0}
        for _ in range(3):
            one.report(10, seq=1)
            assert one.wait("katydid_ack")["seq"] == 1
        one.report(1, seq=3)
        one.report(2, seq=2)
        one.report(1000, seq=4, run="another run")
        one.wait("katydid_ack")
        one.wait("katydid_ack")
        assert one.wait("katydid_ack")["seq"] == 4
        wait_for(lambda: boss.total() == 13, "thirteen requests")
        with boss.worker() as stranger:
            stranger.report(500, run=one.run)
            assert stranger.receive(1) is None
            one.beat()
        assert boss.total() == 13


def test_rubbish_harms_nobody():
    with master() as boss, boss.worker() as one:
        one.join()
        one.obey_spawn()
        with boss.worker() as rude:
            for bytes_ in (b"", b"\x93", b"\x93\xa5stats\xdd\xff\xff\xff\xff", b"\xc1" * 50, os.urandom(2000), msgpack.packb({"a": 1}),
                           msgpack.packb(["stats", {"katydid": {"report": b"x"}}, "me"]), msgpack.packb(["heartbeat", None, "me"]),
                           msgpack.packb(["katydid_call", {"method": "quit"}, "me"]), msgpack.packb(["katydid_script", {}, "me"])):
                rude.send_raw(bytes_)
            rude.send_raw(b"two", b"frames")
        one.send("stats", {"katydid": {"epoch": one.epoch, "seq": 1, "run": one.run, "t": 1.0, "report": b"\xc1junk"}})
        one.send("spawning_complete", "nonsense")
        one.send("stats", {"stats": 7})
        one.report(5, seq=2)
        wait_for(lambda: one.beat() or boss.total() == 5, "the good report")
        one.beat()
        boss.process.wait_line(r"dropped messages so far: \d+ malformed")
        assert boss.state()["state"] == "running"


def test_a_silent_worker_is_missing_and_comes_back():
    with master(wait_for_workers=2, users=6, rate=6) as boss, boss.worker() as one, boss.worker() as two:
        one.join()
        two.join()
        assert one.obey_spawn() == {"Visitor": 3}
        two.obey_spawn()
        assert one.obey_spawn() == {"Visitor": 6}  # the other one has been silent meanwhile
        assert boss.workers()[two.id] in ("missing", "lost")
        boss.process.wait_line(f"Worker {two.id} failed to send heartbeat")
        two.beat()
        assert one.obey_spawn() == {"Visitor": 3}
        assert two.obey_spawn() == {"Visitor": 3}
        one.beat()
        two.report(7)
        wait_for(lambda: boss.total() == 7, "what the returned worker had kept")
        boss.process.wait_line("self-healed")


def test_unknown_workers_are_asked_to_join():
    with master(wait_for_workers=9) as boss, boss.worker() as lost:
        lost.beat()
        assert lost.receive()[0] == "reconnect"
        for _ in range(3):
            lost.beat()
        assert [lost.receive()[0] for _ in range(3)] == ["reconnect", "reconnect", "stop"]
        lost.join()
        wait_for(lambda: boss.workers().get(lost.id) == "ready", "the worker on the page")


def test_stop_waits_for_the_last_report():
    with master() as boss, boss.worker() as one:
        one.join()
        one.obey_spawn()
        wait_for(lambda: boss.state()["state"] == "running", "the run")
        boss.process.signal(signal.SIGINT)
        one.wait("stop")
        until = time.monotonic() + 3
        while time.monotonic() < until:
            one.beat()
            time.sleep(0.5)
        assert boss.process.popen.poll() is None
        one.report(21)
        one.stop()
        one.wait("quit")
        one.send("quit")
        assert boss.process.wait(90) == 0, boss.process.describe()
    assert "Aggregated" in boss.process.stderr and " 21 " in boss.process.stderr
