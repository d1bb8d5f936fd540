# SPDX-License-Identifier: MIT
"""A node against a master that is played by the test, message by message."""

import time

import gevent
import msgpack
import pytest
from played import Master, Waiting, no_node_outlives_its_test, quick, until  # noqa: F401

from locust import LoadTestShape, User, _hold, constant, runners, task

pytestmark = pytest.mark.usefixtures("deadline")


def test_handshake_names_the_dialect(core):
    master = Master(core)
    assert master.expect("client_ready") == "2.47.0+katydid.1"
    master.ack()
    assert master.node.speaks_katydid
    assert master.runner.worker_index == 3


def test_a_test_from_spawn_to_stop(core, quick):
    master = Master(core)
    master.ack()
    master.spawn(Waiting=3, Other=1)
    master.expect("spawning")
    done = master.expect("spawning_complete")
    assert done == {"user_classes_count": {"Waiting": 3, "Other": 1}, "user_count": 4}
    options = master.environment.parsed_options
    assert (options.own, options.web_port) == ("given", 8089), "only its own options are taken"
    assert Waiting.host == "http://h"
    assert master.expect("heartbeat")["state"] == "running"
    report = master.expect("stats")
    assert report["katydid"]["run"] == "r1" and report["user_count"] == 4

    master.spawn(Waiting=1)
    assert master.expect("spawning_complete")["user_count"] == 1
    master.say("spawning_complete", {"user_count": 4})
    master.stop()
    last = master.expect("stats")
    assert last["user_count"] in (0, 1)
    master.expect("client_stopped")
    master.expect("client_ready")
    assert master.fired == ["test_start", "spawning_complete", "test_stopping", "test_stop"]
    assert master.runner.user_count == 0


def test_old_spawn_is_discarded(core):
    master = Master(core)
    master.ack()
    master.spawn(Waiting=1)
    master.expect("spawning_complete")
    master.say("spawn", {"timestamp": 1.0, "user_classes_count": {"Waiting": 5}, "host": None,
                         "stop_timeout": 0, "parsed_options": {}})
    master.expect("spawning")
    gevent.sleep(0.05)  # nothing happens
    assert master.runner.user_count == 1


def order(timestamp, users, **more):
    return {"timestamp": timestamp, "user_classes_count": {"Waiting": users}, "host": None, "stop_timeout": 0,
            "parsed_options": {}, "run": "r1", **more}


def test_orders_of_a_katydid_master_are_taken_by_their_number(core):
    master = Master(core)
    master.ack()
    for number, timestamp, users in ((1, 5000.0, 1), (2, 1400.0, 3), (2, 6000.0, 7), (1, 9000.0, 8)):
        master.say("spawn", order(timestamp, users, sequence=number))
    until(lambda: master.runner.user_count == 3)
    gevent.sleep(0.05)  # the others change nothing
    assert master.runner.user_count == 3, "its clock was set back between the first and the second"


def test_a_new_katydid_master_counts_from_one(core):
    master = Master(core)
    master.ack()
    master.say("spawn", order(5000.0, 1, sequence=40))
    until(lambda: master.runner.user_count == 1)
    master.ack("b2")
    master.say("spawn", order(1.0, 2, sequence=1))
    until(lambda: master.runner.user_count == 2)


def test_orders_of_a_locust_master_are_taken_by_their_time(core):
    master = Master(core, katydid=False)
    master.ack()
    for number, timestamp, users in ((1, 5000.0, 1), (2, 1400.0, 3)):
        master.say("spawn", order(timestamp, users, sequence=number))
    until(lambda: master.runner.user_count == 1)
    gevent.sleep(0.05)  # the other changes nothing
    assert master.runner.user_count == 1


def test_reports_are_sent_again_until_acknowledged(core, quick, monkeypatch):
    monkeypatch.setattr("locust._reports._RESEND_S", 0.1)
    master = Master(core)
    master.ack()
    first = master.expect("stats")["katydid"]
    again = master.expect("stats")["katydid"]
    assert (again["seq"], again["epoch"]) == (first["seq"], first["epoch"])
    master.say("katydid_ack", {"epoch": first["epoch"], "seq": first["seq"]})
    gevent.sleep(0.01)
    master.took = len(master.link.sent)
    while (late := master.expect("stats")["katydid"])["seq"] == first["seq"]:
        raise AssertionError("sent although acknowledged")
    assert late["seq"] == first["seq"] + 1


def test_a_replaced_send_stats_is_every_report(core, quick):
    master = Master(core)
    master.ack()
    master.expect("stats")
    runner, reported = master.node.runner, []
    original = runner._send_stats

    def sent():
        reported.append(1)
        original()

    runner._send_stats = sent
    master.expect("stats")
    assert reported
    before = len(reported)
    master.say("quit")
    assert master.node.finished.get(timeout=5) == 0
    assert len(reported) > before


def test_a_report_tells_of_all_the_time_since_the_last_one(core, monkeypatch):
    from locust._health import Health
    told = iter([(0.0, 10.0, 1.0, 90.0), (6500.0, 90.0, 60.0, 80.0), (1.0, 20.0, 5.0, 2.0)])
    usual = core.health()

    def measure():
        lag_ms, cpu, starved, late = next(told)
        return {**usual, "lag_ms": lag_ms, "cpu_percent": cpu, "starved": starved, "late_starts": late}

    monkeypatch.setattr(core, "health", measure)
    health = Health()
    for _ in range(3):
        health.measure()
    assert health.latest["lag_ms"] == 1.0, "what a heartbeat says is of now"
    report = health.of_report()
    assert (report["lag_ms"], report["cpu"], report["starved"]) == (6500.0, 40.0, 22.0)
    assert report["late_starts"] == 2.0, "the least: of each of these seconds"


def test_a_master_that_is_behind_gets_fewer_reports(core):
    master = Master(core)
    master.ack()
    first = master.expect("stats")["katydid"]
    master.say("katydid_ack", {"epoch": first["epoch"], "seq": first["seq"], "report_interval": 5.0})
    until(lambda: master.node._report_interval == 5.0)


def test_at_most_eight_reports_are_under_way(core):
    master = Master(core)
    master.ack()
    for _ in range(20):
        master.node.report()
    assert len([m for m in master.link.sent if m[0] == "stats"]) == 8


def test_restarted_master_finds_no_users(core, quick):
    master = Master(core)
    master.ack()
    master.spawn(Waiting=2)
    master.expect("spawning_complete")
    master.node.report()
    old = master.node._reports._seq
    master.ack(boot_id="b2")
    until(lambda: master.runner.user_count == 0)
    until(lambda: min(master.node._reports._pending, default=old + 1) > old)  # old figures are dropped


def patience(monkeypatch, seconds):
    """Of a node with its master. Little only while the master is to be silent: a machine that stands still is silent too."""
    monkeypatch.setattr(runners, "MASTER_HEARTBEAT_TIMEOUT", 3 * seconds)
    monkeypatch.setattr(runners, "HEARTBEAT_LIVENESS", seconds)


def test_users_end_when_the_master_is_silent_for_too_long(core, quick, monkeypatch):
    monkeypatch.setattr("locust.runners.CONNECT_TIMEOUT", 0.2)
    master = Master(core)
    master.ack()
    master.spawn(Waiting=2)
    master.expect("spawning_complete")
    patience(monkeypatch, 0.1)
    until(lambda: master.fired[-1] == "test_stop")
    assert master.runner.user_count == 0
    master.expect("client_ready")


class Busy(User):
    wait_time = constant(0.01)
    done = 0

    @task
    def work(self):
        Busy.done += 1


def test_users_wait_while_the_master_does_not_answer_and_go_on_when_it_does(core, quick, monkeypatch):
    master = Master(core)
    master.environment.user_classes.append(Busy)
    master.ack()
    master.spawn(Busy=3)
    master.expect("spawning_complete")
    monkeypatch.setattr(runners, "HEARTBEAT_LIVENESS", 0.2)
    until(lambda: _hold.is_on)
    assert core.held, "the clients hold requests too"
    users = [greenlet.args[0] for greenlet in master.runner.user_greenlets]
    of_a_user = gevent.spawn(core.held, users[0])  # in a greenlet that it made
    of_a_listener = gevent.spawn(core.held, None)
    of_a_listener.join(10)
    assert of_a_listener.successful() and not of_a_user.ready()
    before = Busy.done
    gevent.sleep(0.1)  # nothing happens
    assert (Busy.done, master.runner.user_count) == (before, 3)
    master.say("spawn", {"timestamp": 0.0, "user_classes_count": {}, "host": None,
                         "stop_timeout": 0, "parsed_options": {}})
    gevent.sleep(0.05)  # nothing happens
    assert _hold.is_on, "only an answer shows that the master hears us"
    patience(monkeypatch, 60)
    master.say("heartbeat")
    until(lambda: Busy.done != before)
    of_a_user.join(10)
    assert of_a_user.successful() and not core.held and "test_stop" not in master.fired


@pytest.mark.parametrize("role, katydid", [("local", True), ("worker", False)])
def test_users_are_not_held_back_where_nobody_else_would_have_them(core, quick, monkeypatch, role, katydid):
    monkeypatch.setattr(runners, "HEARTBEAT_LIVENESS", 0.1)
    master = Master(core, role=role, katydid=katydid)
    master.ack()
    master.spawn(Waiting=1)
    master.expect("spawning_complete")
    gevent.sleep(0.5)  # nothing happens
    assert not _hold.is_on


def test_held_users_end_at_once(core, quick, monkeypatch):
    master = Master(core)
    master.environment.user_classes.append(Busy)
    master.ack()
    master.spawn(Busy=2)
    master.expect("spawning_complete")
    monkeypatch.setattr(runners, "HEARTBEAT_LIVENESS", 0.1)
    until(lambda: _hold.is_on)
    master.environment.stop_timeout = 50.0
    master.stop()
    master.expect("client_stopped")
    assert not _hold.is_on and not core.held


def test_what_was_measured_stays_when_a_silent_master_returns_in_the_same_run(core, quick, monkeypatch):
    cleared = []
    monkeypatch.setattr(core.stats, "clear", lambda: cleared.append(1), raising=False)
    master = Master(core)
    master.ack()
    master.spawn(run="r1", Waiting=2)
    master.expect("spawning_complete")
    at_first = len(cleared)
    patience(monkeypatch, 0.1)
    until(lambda: master.fired[-1] == "test_stop")
    assert master.runner.user_count == 0
    patience(monkeypatch, 60)
    master.ack()
    master.spawn(run="r1", Waiting=1)
    master.expect("spawning_complete")
    assert len(cleared) == at_first and master.runner.user_count == 1
    master.spawn(run="r2", Waiting=1)
    master.expect("spawning_complete")
    assert len(cleared) > at_first, "another test begins with nothing"


def test_new_run_ends_the_old_one(core):
    master = Master(core)
    master.ack()
    master.spawn(run="r1", Waiting=2)
    master.expect("spawning_complete")
    master.spawn(run="r2", Waiting=1)
    assert master.expect("spawning_complete")["user_count"] == 1
    assert master.fired == ["test_start", "test_stopping", "test_stop", "test_start"]


def test_reconnect_says_ready_on_the_new_link(core):
    master = Master(core)
    master.ack()
    old = master.link
    master.say("reconnect")
    until(lambda: core.Link.made[-1] is not old and core.Link.made[-1].sent)
    assert old.is_closed
    assert core.Link.made[-1].sent[0][0] == "client_ready"


def test_what_a_listener_adds_and_cannot_be_sent_is_left_out(core, quick, caplog):
    master = Master(core, katydid=False)

    def add(data, **_):
        data["mine"] = object()

    master.events.report_to_master.add_listener(add)
    master.ack()
    master.spawn(Waiting=1)
    master.expect("spawning_complete")
    master.say("stop")
    report = master.expect("stats")
    assert report["user_count"] in (0, 1) and "mine" not in report
    assert "report_to_master" in caplog.text
    master.expect("client_stopped")


def test_locust_dialect(core, quick, monkeypatch):
    monkeypatch.setattr(runners, "WORKER_REPORT_INTERVAL", 0.1)
    master = Master(core, katydid=False)
    master.ack()
    data = master.expect("stats")
    assert set(data) == {"stats", "stats_total", "errors", "user_classes_count", "user_count"}


def test_exceptions_reach_a_locust_master(core):
    master = Master(core, katydid=False)
    master.ack()
    error = ValueError("no")
    master.events.user_error.fire(user_instance=None, exception=error, tb=None)
    assert master.expect("exception")["msg"] == "no"


def test_custom_messages(core):
    master = Master(core)
    master.ack()
    got = []
    master.runner.register_message("mine", lambda environment, msg: got.append(msg.data))
    master.say("mine", {"a": 1})
    until(lambda: got)
    assert got == [{"a": 1}]
    master.runner.send_message("yours", [1])
    assert master.expect("yours") == [1]


def test_host_introduces_itself_before_it_is_ready(core):
    master = Master(core, role="local")
    kinds = [m[0] for m in master.link.sent]
    assert kinds[:2] == ["katydid_script", "client_ready"]
    script = master.link.sent[0][1]
    assert script["role"] == "local"
    assert script["user_classes"][0]["name"] == "Waiting"
    assert script["user_classes"][0]["tasks"] == {"work": {"ratio": 1.0}}
    assert script["options"]["own"] == "default"


class Steps(LoadTestShape):
    use_common_options = True
    ticks = 0

    def tick(self):
        self.ticks += 1
        if self.ticks == 1:
            return 5, 2.0
        if self.ticks == 2:
            return 6, 1.0, [Waiting]
        if self.ticks == 3:
            return 1 / 0
        return None


def test_shape_is_asked_by_the_master(core):
    master = Master(core, role="script-host", shape=Steps())
    answers = []
    for _ in range(4):
        master.say("katydid_tick")
        answers.append(master.expect("katydid_ticked"))
    assert answers[0] == {"users": 5, "spawn_rate": 2.0, "user_classes": None}
    assert answers[1]["user_classes"] == ["Waiting"]
    assert "ZeroDivisionError" in answers[2]["error"]
    assert answers[3] is None


def test_script_host_fires_the_masters_events(core):
    master = Master(core, role="script-host")
    seen = []
    master.events.worker_report.add_listener(lambda **kwargs: seen.append(kwargs))
    for number, (name, args) in enumerate([
        ("worker_connect", {"client_id": "w"}),
        ("test_start", {}),
        ("worker_report", {"client_id": "w", "data": {"user_classes_count": {"Waiting": 2}}}),
        ("quitting", {}),
    ]):
        master.say("katydid_event", {"id": number, "name": name, "args": args})
        assert master.expect("katydid_done")["id"] == number
    assert master.fired == ["test_start", "quitting"]
    assert seen[0]["client_id"] == "w"
    assert master.runner.clients["w"].user_count == 2
    master.environment.process_exit_code = 5
    master.say("katydid_event", {"id": 9, "name": "quit", "args": {"exit_code": 5}})
    assert master.expect("katydid_done")["process_exit_code"] == 5
    assert master.node.finished.get(timeout=4) == 5
    assert master.fired == ["test_start", "quitting", "quit"]


def test_events_of_each_beat_are_only_asked_for_by_listeners(core):
    master = Master(core, role="script-host")
    assert master.expect("katydid_script")["listens"] == []
    master.events.heartbeat_sent.add_listener(lambda **_: None)
    master.say("katydid_state", {
        "state": "ready", "user_count": 0, "target_user_count": 0, "spawn_rate": 0.0, "worker_count": 0,
        "user_classes_count": {}, "stats": {"requests": 0, "failures": 0, "cut": 0},
    })
    assert master.expect("katydid_script")["listens"] == ["heartbeat_sent"]


def test_runner_calls_go_to_the_master(core):
    master = Master(core, role="local")
    master.runner.start(5, 2.5, user_classes=[Waiting])
    assert master.expect("katydid_call") == {
        "method": "start", "user_count": 5, "spawn_rate": 2.5, "user_classes": ["Waiting"],
        "exit_code": None,
    }
    master.runner.quit()
    assert master.expect("katydid_call")["method"] == "quit"


@pytest.mark.parametrize("event", ["test_start", "usage_monitor", "test_stop"])
def test_sys_exit_in_a_listener_is_a_call_and_ends_no_greenlet_of_ours(core, event):
    import sys

    master = Master(core, role="local")
    getattr(master.events, event).add_listener(lambda **_: sys.exit(3))
    master.node.ends.run(master.runner._fire, event, environment=master.environment)
    call = master.expect("katydid_call")
    assert (call["method"], call["exit_code"]) == ("quit", 3)
    assert not any(greenlet.dead for greenlet in master.node._greenlets)


def test_state_of_the_master_is_the_runners(core):
    master = Master(core, role="script-host")
    master.say("katydid_state", {
        "state": "running", "user_count": 7, "target_user_count": 9, "spawn_rate": 2.5, "worker_count": 2,
        "user_classes_count": {"Waiting": 7}, "stats": {"requests": 10, "failures": 5, "cut": 0},
    })
    runner = master.runner
    until(lambda: runner.state == "running")
    assert (runner.state, runner.user_count, runner.worker_count) == ("running", 7, 2)
    assert (runner.target_user_count, runner.spawn_rate) == (9, 2.5)
    assert not [m for m in master.link.sent if m[0] == "katydid_want"], "nobody looked yet"


def row(name, method, requests, failures):
    return {
        "name": name, "method": method, "last_request_timestamp": 1e9 + 10, "start_time": 1e9,
        "num_requests": requests, "num_none_requests": 0, "num_failures": failures,
        "total_response_time": 5.0 * requests, "max_response_time": 9.0, "min_response_time": 1.0,
        "total_content_length": 7, "response_times": {5: requests}, "num_reqs_per_sec": {},
        "num_fail_per_sec": {}, "cut": 1,
    }


def numbers_of_the_master(requests, first=0):
    return {
        "stats": [row("/a", "GET", requests, 2)],
        "stats_total": row("Aggregated", "", requests, 2),
        "errors": {"k": {"name": "/a", "method": "GET", "error": "boom", "occurrences": 2,
                         "first_seen": 1.0, "last_seen": 2.0}},
        "workers": [{"id": "w_1", "index": 4, "state": "running", "user_count": 7,
                     "user_classes_count": {"Waiting": 7}, "cpu_usage": 12.5, "memory_usage": 99}],
        "exceptions": [{"count": 3, "msg": "no", "traceback": "tb", "nodes": ["w_1"]}],
        "history": {"from": first, "rows": [{"time": str(first)}]},
    }


def test_who_looks_at_the_masters_numbers_has_them_at_once(core):
    master = Master(core, role="script-host")
    stats = master.runner.stats
    looked = gevent.spawn(lambda: stats.total.num_requests)
    assert master.expect("katydid_want") == {"stats": True}
    master.say("katydid_stats", numbers_of_the_master(10))
    assert looked.get(timeout=1) == 10
    entry = stats.entries[("/a", "GET")]
    assert (entry.fail_ratio, entry.cut, entry.get_response_time_percentile(0.5)) == (0.2, 1, 5)
    assert stats.total.total_rps == 1.0
    assert [e.to_name() for e in stats.errors.values()] == ["GET /a: boom"]
    client = master.runner.clients["w_1"]
    assert (client.user_count, client.cpu_usage, master.runner.get_worker_index("w_1")) == (7, 12.5, 4)
    assert [row["nodes"] for row in master.runner.exceptions.values()] == [{"w_1"}]
    master.say("katydid_stats", numbers_of_the_master(20, first=1))
    until(lambda: entry.num_requests == 20)  # the same object goes on telling
    assert [row["time"] for row in stats.history] == ["0", "1"]
    stats.clear_all()
    assert master.expect("katydid_call")["method"] == "clear_stats"


def test_broken_messages_are_survived(core):
    master = Master(core)
    master.link.inbox.put(b"\xc1")
    master.link.inbox.put(msgpack.packb([1]))
    master.say("spawn", None)
    master.say("katydid_ack", {})
    master.ack()
    assert master.node.speaks_katydid
