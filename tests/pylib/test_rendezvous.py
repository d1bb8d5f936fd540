# SPDX-License-Identifier: MIT
"""Who meets whom at a rendezvous: so many go on together, or each by itself, never both."""

import pytest
from katydid import _exchange, _rendezvous

from locust import SequentialTaskSet, User


@pytest.fixture
def meetings(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(_rendezvous.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(_exchange.desk, "nudge", lambda name: None)
    meetings = _rendezvous.Meetings()
    meetings.clock = clock
    return meetings


def ask(meetings, client, *new, left=()):
    return meetings.serve(client, {"new": [list(each) for each in new], "left": list(left)})["over"]


def test_so_many_go_on_together(meetings):
    assert ask(meetings, "a", (1, "x", 3, 10), (2, "x", 3, 10)) == [] and ask(meetings, "b", (1, "y", 3, 10)) == []
    assert ask(meetings, "b", (2, "x", 3, None)) == [[2, True]] and ask(meetings, "a") == [[1, True], [2, True]]
    assert ask(meetings, "a", (3, "x", 3, 10)) == [] and ask(meetings, "a") == []  # the next meeting


def test_more_than_so_many_meet_in_turns(meetings):
    assert ask(meetings, "a", *((n, "x", 2, 10) for n in range(5))) == [[0, True], [1, True], [2, True], [3, True]]


def test_who_waited_too_long_is_not_met_any_more(meetings):
    assert ask(meetings, "a", (1, "x", 2, 10)) == []
    meetings.clock[0] += 10
    assert ask(meetings, "a") == [[1, False]] and ask(meetings, "b", (1, "x", 2, 10)) == []


def test_who_left_or_was_lost_is_not_met(meetings):
    ask(meetings, "a", (1, "x", 2, None))
    ask(meetings, "a", left=[1])
    assert ask(meetings, "b", (1, "x", 2, None)) == []
    meetings.gone("b")
    assert ask(meetings, "c", (1, "x", 2, None)) == [] and ask(meetings, "a", (2, "x", 2, None)) == [[2, True]]
    assert ask(meetings, "c") == [[1, True]]


def test_users_and_task_sets_have_it():
    assert User.rendezvous is SequentialTaskSet.rendezvous
    for count in (0, 1.5, None):
        with pytest.raises(ValueError, match="count="):
            User.rendezvous(None, "x", count)
