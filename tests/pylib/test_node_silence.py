# SPDX-License-Identifier: MIT
"""A node whose master is away for long, by clocks that the test sets: with the patience that it has in use."""

import time
from types import SimpleNamespace

import pytest
from played import Master, no_node_outlives_its_test, quick, until  # noqa: F401

from locust import User, _hold, constant, task

pytestmark = pytest.mark.usefixtures("deadline")

GIVEN_AWAY_S = 5  # silent for so long, a worker's users are the others' (tests/unit/common/run/test_roster.c)


class Busy(User):
    wait_time = constant(0.001)
    done = reported = 0

    @task
    def work(self):
        Busy.done += 1


class Clocks:
    """What a node sees: the monotonic clock, and the one that goes on while the machine is suspended."""

    def __init__(self, monkeypatch):
        self.now, self.suspended = 1000.0, 0.0
        seen = SimpleNamespace(time=time.time, monotonic=lambda: self.now, CLOCK_BOOTTIME=time.CLOCK_BOOTTIME,
                               clock_gettime=lambda clock: self.now + self.suspended)
        for module in ("_node", "_reports", "_silence"):
            monkeypatch.setattr(f"locust.{module}.time", seen)


@pytest.fixture
def clocks(monkeypatch):
    return Clocks(monkeypatch)


def take_report():
    """In place of the statistics: how many tasks were done since the last one."""
    Busy.reported, before = Busy.done, Busy.reported
    return str(Busy.done - before).encode()


@pytest.fixture
def master(core, quick, clocks, monkeypatch):  # noqa: F811
    Busy.done = Busy.reported = 0
    monkeypatch.setattr(core.stats, "report", take_report, raising=False)
    played = Master(core)
    played.environment.user_classes.append(Busy)
    played.ack()
    played.spawn(Busy=3)
    played.expect("spawning_complete")
    until(lambda: Busy.done > 0)
    return played


def beats(master):
    """On all its links: it takes a new one when it holds its users back."""
    return sum(message[0] == "heartbeat" for link in master.links for message in link.sent)


def counted(messages):
    """Of all reports among them, each once."""
    return sum({m[1]["katydid"]["seq"]: int(m[1]["katydid"]["report"]) for m in messages if m[0] == "stats"}.values())


def test_a_partition_of_70_seconds_gives_no_second_share_and_loses_nothing(master, clocks, caplog):
    held_after = ended_after = None
    for second in range(1, 71):
        before = beats(master)
        clocks.now += 1
        until(lambda before=before: beats(master) > before)
        if held_after is None and _hold.is_on:
            held_after, done = second, Busy.done
        if ended_after is None and "stopping the users" in caplog.text:
            ended_after = second
            until(lambda: master.runner.user_count == 0)
    assert held_after < GIVEN_AWAY_S and held_after < ended_after == 61
    assert Busy.done == done > 0, "no task begins while others have the users"
    assert master.fired[-1] == "test_stop"

    link, before = master.link, len(master.link.sent)
    master.ack()  # and hears of what it did not acknowledge
    clocks.now += 1
    until(lambda: counted(link.sent[before:]) == Busy.done)
    master.spawn(Busy=2)
    master.expect("spawning_complete")
    until(lambda: Busy.done > done)
    assert master.runner.user_count == 2 and not _hold.is_on


@pytest.mark.parametrize("when", ("between two beats", "within a beat"))
def test_a_worker_whose_machine_was_suspended_asks_its_master_before_it_goes_on(master, clocks, caplog, when):
    old = master.link

    def suspend(**_):
        if not clocks.suspended:
            clocks.suspended = 3600.0

    if when == "within a beat":
        master.events.report_to_master.add_listener(suspend)
        clocks.now += 1  # a report is due
    else:
        suspend()
    until(lambda: _hold.is_on)
    assert "This worker stood still for 3600s: the users wait until the master answers" in caplog.text
    assert master.link is not old and master.expect("client_ready"), "somebody else may have its name by now"
    done, before = Busy.done, beats(master)
    clocks.now += 1
    until(lambda: beats(master) > before)
    assert Busy.done == done and master.runner.user_count == 3
    master.say("heartbeat")
    until(lambda: Busy.done > done)
    assert not _hold.is_on and "test_stop" not in master.fired
