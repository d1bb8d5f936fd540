# SPDX-License-Identifier: MIT
"""A master that is played by the test, message by message, and a node of ours that listens to it."""

import argparse
import time

import gevent
import msgpack
import pytest

from locust import User, _hold, constant, runners, task
from locust._host import Host
from locust._hosted import HostedLocalRunner, HostedMasterRunner, HostedWorkerRunner
from locust._node import Node
from locust.argument_parser import default_args_dict
from locust.env import Environment
from locust.event import Events


class Waiting(User):
    wait_time = constant(100)

    @task
    def work(self):
        pass


class Other(Waiting):
    pass


def until(condition):
    """The test's deadline ends it (conftest.py)."""
    while not condition():
        gevent.sleep(0.005)


class Master:
    """The other end of the link."""

    nodes = []  # of this test

    def __init__(self, core, role="worker", shape=None, katydid=True):
        self.events = Events()
        self.environment = Environment(
            user_classes=[Waiting, Other],
            events=self.events,
            shape_class=shape,
            parsed_options=argparse.Namespace(**default_args_dict(), own="default"),
        )
        self.fired = []
        for name in ("test_start", "spawning_complete", "test_stopping", "test_stop", "quitting",
                     "quit"):
            getattr(self.events, name).add_listener(
                lambda name=name, **kwargs: self.fired.append(name)
            )
        host = None if role == "worker" else Host(self.environment, role, {})
        runner = {
            "worker": (HostedWorkerRunner, "127.0.0.1", 5557),
            "local": (HostedLocalRunner,),
            "script-host": (HostedMasterRunner, "*", 5557),
        }[role]
        runner = self.environment._create_runner(*runner)
        self.runner = runner
        self.node = Node(runner, "tcp://127.0.0.1:5557", "me", host)
        self.node.start()
        Master.nodes.append(self.node)
        self.links = core.Link.made
        self.seen = self.links[-1]
        self.katydid = katydid
        self.took = 0

    @property
    def link(self):
        """The node's present one."""
        if self.seen is not self.links[-1]:
            self.seen, self.took = self.links[-1], 0
        return self.seen

    def say(self, kind, data=None):
        self.link.inbox.put(msgpack.packb([kind, data, "me"]))

    def ack(self, boot_id="b1"):
        data = {"index": 3}
        if self.katydid:
            data["katydid"] = {"protocol": 1, "boot_id": boot_id, "report_interval": 1.0}
        self.say("ack", data)
        self.say("heartbeat")
        gevent.sleep(0.01)

    def stop(self):
        """The end of a test, every report acknowledged; what the node says is still to be expected."""
        self.say("stop")
        heard = set()
        while not any(message[0] == "client_stopped" for message in self.link.sent[self.took:]):
            for report in [message[1]["katydid"] for message in self.link.sent if message[0] == "stats"]:
                if report["seq"] not in heard:
                    heard.add(report["seq"])
                    self.say("katydid_ack", {"epoch": report["epoch"], "seq": report["seq"]})
            gevent.sleep(0.005)

    def expect(self, kind, timeout=60):
        """The next message of that type; others before it are skipped."""
        ends = time.monotonic() + timeout
        while time.monotonic() < ends:
            while self.took < len(self.link.sent):
                message = self.link.sent[self.took]
                self.took += 1
                if message[0] == kind:
                    return message[1]
            gevent.sleep(0.005)
        raise AssertionError(f"no {kind}: {[m[0] for m in self.link.sent]}")

    def spawn(self, run="r1", **counts):
        self.say("spawn", {
            "timestamp": time.time(),
            "user_classes_count": {"Waiting": 0, "Other": 0, **counts},
            "host": "http://h",
            "stop_timeout": 0.0,
            "parsed_options": {"own": "given", "tags": None, "web_port": 1},
            "run": run,
        })


@pytest.fixture(autouse=True)
def no_node_outlives_its_test():
    yield
    for node in Master.nodes:
        gevent.killall(node._greenlets)
    Master.nodes.clear()
    _hold.end()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(runners, "HEARTBEAT_INTERVAL", 0.05)
