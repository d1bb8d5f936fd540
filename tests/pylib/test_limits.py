# SPDX-License-Identifier: MIT
"""So many iterations of a worker: what it asks for, whom it lets go on, and what it counts."""

from collections import Counter

import gevent
import pytest

from locust._limits import Ration
from locust.exception import StopUser


class Scenario:
    is_of_all = False

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


def test_what_is_left_of_users_elsewhere_is_done_by_users_of_their_own():
    one, numbers, _ = ration(iterations=5, is_each=True)
    one.grant(10, True)
    there = [User(), User()]
    for user in there:
        one.take(user)
    one.grant(18, True)  # a whole one, and the last three of another
    users = [*there, *(User() for _ in range(one.users - 2))]
    assert len(users) == 4
    done = []
    for user in users:
        with pytest.raises(StopUser):
            while True:
                one.take(user)
        done.append(user._begun)
    assert sorted(done) == [3, 5, 5, 5] and done[:2] == [5, 5] and numbers["started"] == 18 and one.is_used_up()


def test_users_of_all_wait_for_what_others_leave():
    one, numbers, _ = ration()
    one._scenario.is_of_all = True
    one.grant(1, True)
    one.take(User())
    waiting = gevent.spawn(one.take, User())
    gevent.sleep(0)
    assert not waiting.ready()
    one.grant(2, True)
    gevent.sleep(0)
    assert waiting.ready() and numbers["started"] == 2
    ended = gevent.spawn(one.take, User())
    gevent.sleep(0)
    one.end()
    with pytest.raises(StopUser):
        ended.get(timeout=60)


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
