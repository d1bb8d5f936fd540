# SPDX-License-Identifier: MIT
"""LocalRunner and MasterRunner of the library: the run machine of the core decides, they carry out."""

import argparse

import gevent
import pytest

from locust import User, constant, log, task
from locust.exception import StopTest
from locust.rpc import Message

pytestmark = pytest.mark.usefixtures("deadline")

TEST = ("test_start", "spawning_complete", "test_stopping", "test_stop")


class Visitor(User):
    wait_time = constant(100)

    @task
    def rest(self):
        pass


class Fixed(Visitor):
    fixed_count = 1


def until(condition):
    while not condition():
        gevent.sleep(0.01)


@pytest.fixture
def heard(environment):
    """(event, the runner's state) as they come."""
    seen = []
    for name in TEST:
        getattr(environment.events, name).add_listener(
            lambda name=name, **_: seen.append((name, environment.runner.state)))
    return seen


# ---- a LocalRunner ----


@pytest.fixture
def local(environment):
    environment.user_classes = [Visitor]
    runner = environment.create_local_runner()
    yield runner
    runner.quit()


def test_states_that_listeners_see(local, heard):
    for before in ("ready", "stopped"):
        heard.clear()
        local.start(3, spawn_rate=100, wait=True)
        assert local.state == "running" and local.user_count == local.target_user_count == 3
        local.stop()
        assert heard == [("test_start", before), ("spawning_complete", "running"), ("test_stopping", "running"),
                         ("test_stop", "stopped")]
        assert local.final_user_classes_count == {"Visitor": 3} and local.user_count == 0


def test_other_users_in_the_middle_begin_no_other_test(local, heard):
    local.start(5, spawn_rate=1)
    until(lambda: local.user_count == 1)
    local.start(2, spawn_rate=100, wait=True)
    local.start(1, spawn_rate=100, wait=True)
    assert local.user_count == 1 and [name for name, _ in heard] == ["test_start", "spawning_complete", "spawning_complete"]


def test_a_listener_of_test_start_may_stop_the_test(environment, local, heard):
    environment.events.test_start.add_listener(lambda **_: local.stop())
    local.start(3, spawn_rate=100, wait=True)
    until(lambda: local.state == "stopped")
    assert local.user_count == 0 and [name for name, _ in heard] == ["test_start", "test_stopping", "test_stop"]
    environment.events.test_start._handlers.pop()
    local.start(3, spawn_rate=100, wait=True)
    assert local.user_count == 3, "the next one runs"


def test_stop_test_in_test_start(environment, local, heard, monkeypatch):
    monkeypatch.setattr(log, "unhandled_greenlet_exception", False)

    @environment.events.test_start.add_listener
    def refuse(**_):
        raise StopTest("no")

    local.start(3, spawn_rate=100, wait=True)
    until(lambda: local.state == "stopped")
    assert local.user_count == 0 and [name for name, _ in heard] == ["test_start", "test_stopping", "test_stop"]


def test_a_stop_beside_another_waits_for_it(environment, local, heard):
    environment.events.test_stopping.add_listener(lambda **_: gevent.sleep(0.2))
    local.start(2, spawn_rate=100, wait=True)
    stops = [gevent.spawn(local.stop) for _ in range(3)]
    for stop in stops:
        stop.join()
        assert local.state == "stopped"
    assert [name for name, _ in heard].count("test_stop") == 1


def test_a_start_waits_for_the_stop(environment, local, heard):
    environment.events.test_stop.add_listener(lambda **_: gevent.sleep(0.1))
    local.start(2, spawn_rate=100, wait=True)
    stop = gevent.spawn(local.stop)
    until(lambda: local.state != "running")
    local.start(1, spawn_rate=100, wait=True)
    assert stop.dead and local.user_count == 1 and local.state == "running"
    assert [name for name, _ in heard] == [*TEST, *TEST[:2]]


@pytest.mark.parametrize("event", TEST)
@pytest.mark.parametrize("call", ["stop", "quit"])
def test_each_listener_may_end_the_test(environment, local, heard, event, call):
    getattr(environment.events, event).add_listener(lambda **_: getattr(local, call)())
    local.start(1, spawn_rate=100, wait=True)
    local.stop()
    assert local.state == "stopped" and local.user_count == 0 and [name for name, _ in heard].count("test_stop") == 1


def test_users_without_a_test_end_with_a_stop(local, heard):
    local.spawn_users({"Visitor": 2})
    assert local.state == "spawning"
    local.stop()
    assert local.user_count == 0 and [name for name, _ in heard] == ["test_stopping", "test_stop"]


def test_a_user_may_stop_the_test(environment, local):
    class Stopping(User):
        @task
        def stop(self):
            self.environment.runner.stop()

    environment.user_classes = [Stopping]
    local.start(1, spawn_rate=1)
    until(lambda: local.state == "stopped" and local.user_count == 0)


def test_numbers_that_are_no_ramp_begin_no_test(local, heard, monkeypatch):
    monkeypatch.setattr(log, "unhandled_greenlet_exception", False)
    for users, rate in ((1, 0), (-1, 1), (1, float("nan"))):
        local.start(users, spawn_rate=rate, wait=True)
    assert heard == [] and local.state == "ready"


# ---- a MasterRunner ----


# ---- once a run ----


@pytest.fixture
def once(monkeypatch):
    """once(setup, teardown) marks them; what they were called with comes into the list."""
    from locust import _once

    marked, called = {}, []
    monkeypatch.setattr(_once, "_marked", marked)

    def mark(setup=None, teardown=None):
        def set_up(environment):
            called.append(("setup", environment.runner.user_count))
            return setup() if setup else {"token": 7}

        def tear_down(environment, data):
            called.append(("teardown", data))
            if teardown:
                teardown()
        marked.update(setup=set_up, teardown=tear_down)
        return called
    return mark


def test_setup_and_teardown_run_once_around_each_test(environment, local, heard, once):
    called = once()
    for _ in range(2):
        called.clear(), heard.clear()
        local.start(2, spawn_rate=100, wait=True)
        assert called == [("setup", 0)] and environment.setup_data == {"token": 7}
        assert [name for name, _ in heard] == ["test_start", "spawning_complete"]
        local.start(3, spawn_rate=100, wait=True)
        local.stop()
        assert called == [("setup", 0), ("teardown", {"token": 7})]
    local.quit()
    assert len(called) == 2 and environment.process_exit_code is None


@pytest.mark.parametrize(("setup", "words"), [
    (lambda: 1 / 0, "ZeroDivisionError"), (lambda: gevent.sleep(60), "has not ended after 0.1 s"), (object, "cannot be given"),
])
def test_a_setup_that_fails_begins_no_test(environment, local, heard, once, caplog, setup, words):
    environment.parsed_options = argparse.Namespace(setup_timeout=0.1)
    called = once(setup)
    local.start(2, spawn_rate=100, wait=True)
    assert local.user_count == 0 and heard == [] and local.state in ("ready", "stopped")
    assert environment.process_exit_code == 76 and words in caplog.text
    local.quit()
    assert [kind for kind, _ in called] == ["setup"], "no teardown of what was not set up"


def test_a_stop_ends_setup(environment, local, heard, once):
    called = once(lambda: gevent.sleep(600))
    local.start(2, spawn_rate=100)
    until(lambda: called)
    local.stop()
    assert local.user_count == 0 and heard == [] and environment.process_exit_code is None
    once()
    local.start(1, spawn_rate=100, wait=True)
    assert local.user_count == 1 and environment.setup_data == {"token": 7}, "the next one runs"


def test_a_teardown_that_fails_is_told(environment, local, once, caplog):
    once(teardown=lambda: 1 / 0)
    local.start(1, spawn_rate=100, wait=True)
    local.stop()
    assert environment.process_exit_code == 77 and "ZeroDivisionError" in caplog.text


def test_options_of_a_program_leave_them_out(environment, local, once):
    environment.parsed_options = argparse.Namespace(no_setup=True, no_teardown=True)
    called = once()
    local.start(1, spawn_rate=100, wait=True)
    local.stop()
    assert called == [] and environment.setup_data is None


class Wire:
    """Stands for _katydid.Server: what is sent, and what comes."""

    def __init__(self, endpoint):
        from gevent.queue import Queue

        self.endpoint = "tcp://127.0.0.1:5557"
        self.sent, self.inbox = [], Queue()

    def recv(self):
        return self.inbox.get()

    def send(self, node, payload):
        self.sent.append((Message.unserialize(payload), node))

    def close(self, linger_ms=0):
        pass


class Cluster:
    """A master, and workers that do what they are told, as far as they are not kept from it."""

    def __init__(self, environment, core):
        core.Server = Wire
        environment.user_classes = [Visitor]
        self.master = environment.create_master_runner("127.0.0.1", 0)
        self.wire = self.master.server.socket
        self.deaf, self.spawned = set(), {}
        self._seen = 0
        self._greenlet = gevent.spawn(self._answer)

    def say(self, worker, kind, data=None):
        self.wire.inbox.put((worker, Message(kind, data, worker).serialize()))

    def join(self, *workers, version="2.47.0"):
        for worker in workers:
            self.say(worker, "client_ready", version)
        until(lambda: all(worker in self.master.clients for worker in workers))

    def _answer(self):
        while True:
            for message, node in self.wire.sent[self._seen:]:
                self._seen += 1
                if node not in self.deaf:
                    self._obey(message, node)
            gevent.sleep(0.005)

    def _obey(self, message, node):
        if message.type == "spawn":
            self.spawned[node] = message.data["user_classes_count"]
            self.say(node, "spawning")
            self.say(node, "spawning_complete", {"user_classes_count": self.spawned[node],
                                                 "user_count": sum(self.spawned[node].values())})
        elif message.type == "stop":
            self.spawned[node] = {}
            self.say(node, "client_stopped")
            self.say(node, "client_ready", "2.47.0")

    def told(self, kind):
        return [node for message, node in self.wire.sent if message.type == kind]

    def end(self):
        self.master.quit()
        self._greenlet.kill()


@pytest.fixture
def cluster(environment, core, monkeypatch):
    monkeypatch.setattr("locust.runners.HEARTBEAT_INTERVAL", 0.05)
    cluster = Cluster(environment, core)
    yield cluster
    cluster.end()


def beat(cluster, state, *workers):
    for worker in workers:
        cluster.say(worker, "heartbeat", {"state": state, "current_cpu_usage": 5})


@pytest.fixture
def beating(cluster):
    """Workers that are in this list send heartbeats."""
    alive = []

    def body():
        while True:
            for worker in alive:
                beat(cluster, "running" if cluster.spawned.get(worker) else "ready", worker)
            gevent.sleep(0.02)

    greenlet = gevent.spawn(body)
    yield alive
    greenlet.kill()


def test_a_master_runs_a_test(cluster, beating, heard):
    master = cluster.master
    beating += ["a_1", "b_1"]
    cluster.join("a_1", "b_1")
    assert master.worker_count == 2 and [client.state for client in master.clients.values()] == ["ready", "ready"]
    master.start(5, spawn_rate=100)
    assert master.state == "running" and master.user_count == 5 and master.spawning_completed
    assert sorted(client.user_count for client in master.clients.running) == [2, 3]
    assert cluster.told("spawning_complete") == ["a_1", "b_1"] and cluster.told("stop") == []
    master.stop()
    assert heard == [("test_start", "ready"), ("spawning_complete", "running"), ("test_stopping", "running"),
                     ("test_stop", "stopped")]
    assert sorted(cluster.told("stop")) == ["a_1", "b_1"] and master.final_user_classes_count == {"Visitor": 5}
    until(lambda: len(master.clients.ready) == 2)
    master.start(1, spawn_rate=1)
    assert master.user_count == 1 and [name for name, _ in heard] == [*TEST, *TEST[:2]]


def test_every_katydid_worker_has_what_setup_gave(environment, cluster, beating, once):
    called = once()
    beating += ["a_1", "b_1", "c_1"]
    cluster.join("a_1", version="2.47.0+katydid.1")
    cluster.join("b_1")
    cluster.master.start(4, spawn_rate=100)
    cluster.join("c_1", version="2.47.0+katydid.1")
    until(lambda: "c_1" in cluster.spawned)
    sent = [(message.type, node) for message, node in cluster.wire.sent if message.type in ("katydid_setup", "spawn")]
    assert [node for kind, node in sent if kind == "katydid_setup"] == ["a_1", "c_1"], "a stock one knows no such message"
    for node in ("a_1", "c_1"):
        assert sent.index(("katydid_setup", node)) < sent.index(("spawn", node))
    assert {str(message.data) for message, _ in cluster.wire.sent if message.type == "katydid_setup"} == {"{'token': 7}"}
    cluster.master.stop()
    assert [kind for kind, _ in called] == ["setup", "teardown"]


def test_no_worker_no_test(cluster, heard, caplog):
    cluster.master.start(1, spawn_rate=1)
    assert heard == [] and cluster.master.state == "ready" and "before at least one worker" in caplog.text
    cluster.join("a_1")
    for users, rate in ((1, 0), (-1, 1)):
        with pytest.raises(ValueError):
            cluster.master.start(users, spawn_rate=rate)
    assert heard == [] and cluster.master.state == "ready"


def test_fixed_users_alone_are_all_users(cluster, environment, beating, caplog):
    environment.user_classes = [Fixed]
    beating.append("a_1")
    cluster.join("a_1")
    with caplog.at_level("INFO"):
        cluster.master.start(5, spawn_rate=100)
    assert 'All users spawned: {"Fixed": 1} (1 total users)' in caplog.text and "expired" not in caplog.text


def test_a_worker_that_does_not_tell_is_not_waited_for_for_ever(cluster, beating, monkeypatch, caplog):
    monkeypatch.setenv("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP", "0.1")
    beating.append("a_1")
    cluster.join("a_1")
    cluster.deaf.add("a_1")
    with caplog.at_level("INFO"):
        cluster.master.start(2, spawn_rate=100)
    assert "not all reports received from workers" in caplog.text and cluster.master.state == "running"


def test_the_last_worker_that_falls_silent_ends_the_test(cluster, beating, heard, caplog):
    beating.append("a_1")
    cluster.join("a_1")
    cluster.master.start(2, spawn_rate=100)
    beating.clear()
    with caplog.at_level("INFO"):
        until(lambda: cluster.master.state == "stopped")
        until(lambda: len(heard) == 4)
    assert "The last worker went missing, stopping test." in caplog.text
    assert cluster.master.clients["a_1"].state == "missing" and cluster.master.user_count == 0
    beat(cluster, "ready", "a_1")
    until(lambda: cluster.master.clients["a_1"].state == "ready")


def test_a_worker_that_is_heard_again_keeps_its_users(cluster, beating):
    beating += ["a_1", "b_1"]
    cluster.join("a_1", "b_1")
    cluster.master.start(4, spawn_rate=100)
    beating.remove("b_1")
    until(lambda: cluster.master.clients["b_1"].state == "missing")
    beating.append("b_1")
    until(lambda: cluster.master.clients["b_1"].state == "running" and cluster.master.user_count == 4)
    assert cluster.told("stop") == [] and cluster.master.state == "running"


def test_a_late_worker_gets_its_share(cluster, beating, heard):
    beating += ["a_1", "b_1"]
    cluster.join("a_1")
    cluster.master.start(4, spawn_rate=100)
    cluster.join("b_1")
    until(lambda: cluster.spawned.get("b_1") == {"Visitor": 2} == cluster.spawned["a_1"])
    until(lambda: cluster.master.state == "running")
    assert [name for name, _ in heard].count("test_start") == 1


def test_the_last_worker_that_quits_ends_the_test(cluster, beating, heard, caplog):
    beating.append("a_1")
    cluster.join("a_1")
    cluster.master.start(2, spawn_rate=100)
    with caplog.at_level("INFO"):
        cluster.say("a_1", "quit")
        until(lambda: len(heard) == 4 and cluster.master.state == "stopped")
    assert "Worker 'a_1' (index 0) quit. 0 workers ready." in caplog.text and "a_1" not in cluster.master.clients
    assert "The last worker quit, stopping test." in caplog.text


def test_a_stop_in_the_ramp(cluster, beating, heard):
    beating.append("a_1")
    cluster.join("a_1")
    start = gevent.spawn(cluster.master.start, 100, 1)
    until(lambda: cluster.master.user_count == 1)
    cluster.master.stop()
    start.join()
    assert [name for name, _ in heard] == ["test_start", "test_stopping", "test_stop"]
    assert cluster.master.user_count == 0 and cluster.master.state == "stopped"


@pytest.mark.parametrize("event", TEST)
@pytest.mark.parametrize("call", ["stop", "quit"])
def test_each_listener_may_end_a_masters_test(environment, cluster, beating, heard, event, call):
    beating.append("a_1")
    cluster.join("a_1")
    getattr(environment.events, event).add_listener(lambda **_: getattr(cluster.master, call)())
    cluster.master.start(1, spawn_rate=100)
    cluster.master.stop()
    assert cluster.master.state == "stopped" and [name for name, _ in heard].count("test_stop") == 1


def test_quit_waits_for_no_worker(cluster, beating, heard):
    beating.append("a_1")
    cluster.join("a_1")
    cluster.master.start(1, spawn_rate=100)
    cluster.deaf.add("a_1")
    cluster.master.quit()
    assert cluster.told("stop") == [] and cluster.told("quit") == ["a_1"]
    assert [name for name, _ in heard] == list(TEST) and cluster.master.state == "stopped"


@pytest.mark.parametrize("data", [None, {"user_classes_count": "many"}, {"user_classes_count": {"Visitor": "1"}}])
def test_a_message_that_cannot_be_understood_costs_that_message(cluster, beating, data, caplog):
    beating.append("a_1")
    cluster.join("a_1")
    cluster.say("a_1", "spawning_complete", data)
    until(lambda: "cannot be understood" in caplog.text)
    cluster.master.start(2, spawn_rate=100)
    assert cluster.master.user_count == 2
