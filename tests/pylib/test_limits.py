# SPDX-License-Identifier: MIT
"""So many iterations of a worker: what it asks for, whom it lets go on, and what it counts."""

from collections import Counter

import gevent
import pytest

from locust._limits import Ration
from locust.exception import StopUser


class Scenario:
    def __init__(self, iterations=10, is_each=False):
        self.iterations, self.is_each = iterations, is_each
        self.numbers = Counter()

    def count(self, word, n):
        self.numbers[word] += n


class User:
    pass


def ration(users=3, **of):
    asked = []
    one = Ration(Scenario(**of), lambda *words: asked.append(words), lambda: users)
    return one, one._scenario.numbers, asked


def test_a_user_waits_until_one_is_granted():
    one, numbers, asked = ration()
    waiting = gevent.spawn(one.take, User())
    gevent.sleep(0)
    assert not waiting.ready() and asked == [(0, 0, 3)]
    one.grant(3, False)
    gevent.sleep(0)
    assert waiting.ready() and numbers == {"due": 1, "started": 1}


def test_no_more_than_granted_start_and_the_end_is_told():
    one, numbers, asked = ration()
    one.grant(2, True)
    for _ in range(2):
        one.take(User())
    with pytest.raises(StopUser):
        one.take(User())
    assert one.is_used_up() and asked == []
    one.give_back()
    assert asked == []
    one.give_back()
    one.again()
    assert asked == [(2, 2, 0), (2, 2, 0)] and numbers == {"due": 2, "started": 2}


def test_an_old_grant_takes_nothing_away():
    one, numbers, _ = ration()
    one.grant(5, False)
    one.grant(3, False)
    one.grant(5, False)
    for _ in range(5):
        one.take(User())
    assert numbers["due"] == numbers["started"] == 5 and not one.is_used_up()


def test_each_user_has_so_many():
    one, numbers, asked = ration(iterations=2, is_each=True)
    one.again()
    assert asked == [(0, 0, 1)]
    one.grant(6, True)
    assert one.users == 3
    user = User()
    one.take(user)
    one.take(user)
    with pytest.raises(StopUser):
        one.take(user)
    assert not one.is_used_up() and numbers["started"] == 2


def test_what_is_left_is_counted_once_and_wakes_who_waits():
    one, numbers, _ = ration()
    one.grant(1, False)
    one.take(User())
    waiting = gevent.spawn(one.take, User())
    gevent.sleep(0)
    one.grant(4, False)
    one.end("dropped")
    one.end("cut")
    with pytest.raises(StopUser):
        waiting.get(timeout=5)
    assert numbers == {"due": 4, "started": 1, "dropped": 3}


def test_what_others_are_to_do_is_not_counted():
    one, numbers, _ = ration()
    one.grant(4, True)
    one.take(User())
    one.end()
    one.end("cut")
    with pytest.raises(StopUser):
        one.take(User())
    assert numbers == {"due": 1, "started": 1}
