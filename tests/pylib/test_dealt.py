# SPDX-License-Identifier: MIT
"""Shares of arrivals: each is followed once, in order, whatever is lost or comes twice on the way."""

from types import SimpleNamespace

import pytest

from locust import _scenarios
from locust._dealt import Dealt
from locust._silence import clock


class Runner:
    """What the shares are followed by."""

    def __init__(self):
        self.followed, self.graceful_s = [], 0.0
        self._scenarios = self
        self.environment = SimpleNamespace(stop_timeout=0.0)

    def change(self, texts):
        pass

    def follow(self, elapsed_s, told_s, shares, pieces, away):
        self.followed.append((told_s, shares))


@pytest.fixture
def dealt():
    one = Dealt(Runner(), None)
    one._run = "r"
    return one


def shares(number, after, run="r"):
    return {"run": run, "number": number, "after": after, "elapsed": 5.0, "told": float(number), "shares": [number]}


def hear(dealt, message):
    if dealt.hears(message):
        dealt.follow(message, clock())


def test_shares_that_come_twice_count_once(dealt):
    for message in (shares(4, 0), shares(4, 0), shares(7, 4), shares(4, 0), shares(7, 4)):
        hear(dealt, message)
    assert dealt._runner.followed == [(4.0, [4]), (7.0, [7])]
    assert dealt.beat()["shares"] == 7


def test_shares_behind_some_that_were_lost_wait_for_these(dealt):
    for message in (shares(4, 0), shares(9, 7), shares(7, 4), shares(9, 7)):
        hear(dealt, message)
    assert [one for _, one in dealt._runner.followed] == [[4], [7], [9]]


def test_a_heartbeat_says_that_none_came(dealt):
    hear(dealt, shares(9, 7))
    assert dealt._runner.followed == [] and dealt.beat()["shares"] == 0


def test_all_that_came_before_the_first_order_is_followed_then(monkeypatch):
    runner = Runner()
    one = Dealt(runner, None)
    monkeypatch.setattr(_scenarios, "Scenarios", lambda *_: runner)
    for message in (shares(2, 0, "old"), shares(4, 0), shares(7, 4)):
        hear(one, message)
    assert runner.followed == []
    one.take("r", ["a scenario"])
    assert [share for _, share in runner.followed] == [[4], [7]]
    one.take("r", ["a scenario"])
    assert len(runner.followed) == 2
