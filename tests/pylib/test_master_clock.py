# SPDX-License-Identifier: MIT
"""How far the master's clock is from ours: whatever way heartbeats take, it is within the bound that is told."""

import random

from locust import _master_clock
from locust._master_clock import MasterClock


class Times:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


def clock(monkeypatch):
    times = Times()
    monkeypatch.setattr(_master_clock, "time", times)
    monkeypatch.setattr(_master_clock, "machine", lambda: "here")
    return times, MasterClock()


def beat(times, one, ahead_s, there_s, back_s, machine="there"):
    asked = one.ask()["clock"]
    times.now += there_s
    answer = {"clock": asked, "mono": times.now + ahead_s, "machine": machine}
    times.now += back_s
    one.hear(answer)


def test_the_bound_holds_whatever_the_ways_are(monkeypatch):
    times, one = clock(monkeypatch)
    ways, least = random.Random(3), 1.0
    assert "clock_error_ms" not in one.ask() and one.error_s() is None and one.ahead_s is None
    for _ in range(200):
        there, back = ways.uniform(0.001, 0.2), ways.uniform(0.001, 0.2)
        least = min(least, (there + back) / 2)
        beat(times, one, 500.0, there, back)
        assert abs(one.ahead_s - 500.0) <= one.error_s() <= least + 0.02
        assert one.ask()["clock_error_ms"] == one.error_s() * 1000
        times.now += 0.5


def test_an_old_measure_gives_way_to_a_longer_one_as_clocks_drift(monkeypatch):
    times, one = clock(monkeypatch)
    beat(times, one, 5.0, 0.001, 0.001)
    beat(times, one, 5.1, 0.01, 0.01)
    assert abs(one.ahead_s - 5.0) < 1e-6
    times.now += 600
    beat(times, one, 5.05, 0.01, 0.01)
    assert abs(one.ahead_s - 5.05) < 1e-6 and one.error_s() < 0.011


def test_on_the_masters_machine_there_is_no_error(monkeypatch):
    times, one = clock(monkeypatch)
    beat(times, one, 0.0, 0.1, 0.2, machine="here")
    times.now += 100
    assert one.ahead_s == 0 and one.error_s() == 0 and one.ask()["clock_error_ms"] == 0


def test_clocks_that_are_set_apart_on_one_machine_are_measured(monkeypatch):
    times, one = clock(monkeypatch)
    beat(times, one, 86400.0, 0.001, 0.003, machine="here")
    assert abs(one.ahead_s - 86400) <= one.error_s() < 0.01


def test_what_says_nothing_of_it_changes_nothing(monkeypatch):
    times, one = clock(monkeypatch)
    for answer in (None, {}, {"clock": 1, "mono": "x"}, {"clock": times.now + 5, "mono": 1.0, "machine": "there"}):
        one.hear(answer)
    assert one.ahead_s is None
