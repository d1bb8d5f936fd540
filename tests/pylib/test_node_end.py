# SPDX-License-Identifier: MIT
"""How a node ends its users, a test and itself, against a master that is played by the test."""

import time

import gevent
import gevent.event
import pytest
from played import Master, no_node_outlives_its_test, quick  # noqa: F401

from locust import runners

pytestmark = pytest.mark.usefixtures("deadline")


def test_token_of_the_master_goes_with_what_ends_something(core, quick):
    master = Master(core)
    master.say("ack", {"index": 3, "katydid": {"protocol": 1, "boot_id": "b1", "token": "t1"}})
    master.ack()  # later ones do not repeat it
    assert master.expect("heartbeat")["token"] == "t1"
    master.stop()
    assert master.expect("client_stopped") == {"token": "t1"}
    master.say("quit")
    assert master.expect("quit") == {"token": "t1"}


def test_a_stop_is_heard_at_once_and_carried_out_once(core, quick, monkeypatch):
    master = Master(core)
    master.ack()
    master.spawn(Waiting=1)
    master.expect("spawning_complete")
    may_end, end = gevent.event.Event(), master.runner._end_test
    monkeypatch.setattr(master.runner, "_end_test", lambda: (may_end.wait(), end()))
    stopping = gevent.spawn(master.stop)
    while master.expect("heartbeat")["state"] != "stopping":
        pass
    master.say("stop")  # the master was in doubt
    may_end.set()
    stopping.get()
    master.expect("client_ready")
    gevent.sleep(0.05)  # nothing more is said
    assert [m[0] for m in master.link.sent].count("client_stopped") == 1
    master.stop()  # the answer was lost
    master.expect("client_stopped")


def test_last_report_is_sent_however_many_are_under_way(core):
    master = Master(core)
    master.ack()
    master.spawn(Waiting=1)
    master.expect("spawning_complete")
    for _ in range(20):
        master.node.report()
    sent = len([m for m in master.link.sent if m[0] == "stats"])
    master.stop()
    master.expect("client_stopped")
    assert len([m for m in master.link.sent if m[0] == "stats"]) > sent


def test_order_behind_the_quit_is_not_carried_out(core, caplog, monkeypatch):
    monkeypatch.setattr("locust._node._LAST_ACK_S", 0.1)
    master = Master(core)
    master.ack()
    master.node.leave()
    master.node._orders.put((master.node._spawn, {
        "timestamp": time.time(), "user_classes_count": {"Waiting": 1}, "host": None,
        "stop_timeout": 0, "parsed_options": {}}))
    assert master.node.finished.get(timeout=60) == 0
    gevent.sleep(0.05)  # nothing happens
    assert "test_start" not in master.fired
    assert not [line for line in caplog.records if line.levelname in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize("has_been_there, code", [(True, 0), (False, 72)])
def test_worker_whose_master_is_gone_ends(core, quick, monkeypatch, caplog, has_been_there, code):
    master = Master(core)
    if has_been_there:
        master.ack()
        master.spawn(Waiting=1)
        master.expect("spawning_complete")
    monkeypatch.setattr(runners, "HEARTBEAT_LIVENESS", 0.1)  # a node that had so little patience would take a busy machine for its master's silence
    monkeypatch.setattr("locust._node._LAST_ACK_S", 0.1)
    master.node.max_wait_s = lambda: 0.3
    assert master.node.finished.get(timeout=60) == code
    assert master.fired[-2:] == ["quitting", "quit"]
    told = "Didn't get heartbeat from master in over 0s" if has_been_there else "Failed to connect to the Locust master: "
    assert told in caplog.text


def test_quit_reports_and_fires_the_last_events(core):
    master = Master(core)
    master.ack()
    master.spawn(Waiting=1)
    master.expect("spawning_complete")
    master.say("quit")
    report = master.expect("stats")["katydid"]
    master.say("katydid_ack", {"epoch": report["epoch"], "seq": report["seq"]})
    master.expect("quit")
    assert master.node.finished.get(timeout=1) == 0
    assert master.fired[-2:] == ["quitting", "quit"]
    assert master.link.is_closed


def test_the_end_is_said_when_the_master_has_every_report(core, monkeypatch):
    """At that word its tables are final: what got lost on a broken connection just before comes first."""
    monkeypatch.setattr("locust._reports._RESEND_S", 0.1)
    monkeypatch.setattr("locust._node._LAST_ACK_S", 60.0)
    master = Master(core)
    master.ack()
    master.spawn(Waiting=1)
    master.expect("spawning_complete")
    master.node.report()
    lost = master.expect("stats")["katydid"]
    master.say("stop")
    said = []
    while "client_stopped" not in said:
        gevent.sleep(0.005)
        for kind, data, *_ in master.link.sent[master.took:]:
            again = kind == "stats" and data["katydid"]
            said.append("the lost one" if again and again["seq"] == lost["seq"] else kind)
            if again and (again["seq"] != lost["seq"] or said.count("the lost one")):
                master.say("katydid_ack", {"epoch": again["epoch"], "seq": again["seq"]})
        master.took = len(master.link.sent)
    assert "the lost one" in said[:said.index("client_stopped")]


def test_broken_link_does_not_keep_a_worker_from_ending(core, monkeypatch):
    master = Master(core)
    master.ack()

    def fail(*_):
        raise ConnectionError("it broke")

    monkeypatch.setattr(master.link, "send", fail)
    monkeypatch.setattr(master.link, "close", fail)
    master.node.leave()
    assert master.node.finished.get(timeout=30) == 0
    assert master.fired[-2:] == ["quitting", "quit"]


def test_exit_code_of_a_listener(core):
    master = Master(core)
    master.environment.process_exit_code = 7
    master.node.leave()
    assert master.node.finished.get(timeout=1) == 7
