# SPDX-License-Identifier: MIT
"""Attempts to log in: who fails is slowed down, who does not is let in."""

from locust._web_throttle import BURST, FREE, LONGEST_S, PEERS_MAX, Throttle


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def throttle():
    clock = Clock()
    return Throttle(clock), clock


def test_a_few_failures_are_free_and_then_each_wait_is_longer():
    slow, clock = throttle()
    assert [slow.begin("10.0.0.1") for _ in range(FREE)] == [0] * FREE
    waits = []
    for _ in range(9):
        waits.append(slow.begin("10.0.0.1"))
        assert slow.begin("10.0.0.1") == waits[-1]  # asking in between changes nothing
        clock.now += waits[-1]
        assert slow.begin("10.0.0.1") == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert slow.begin("10.0.0.2") == 0  # others are not concerned


def test_many_at_once_are_many():
    slow, _ = throttle()
    assert [slow.begin("10.0.0.1") for _ in range(50)].count(0) == FREE


def test_who_succeeds_is_not_slowed_but_does_not_wash_others_off():
    slow, _ = throttle()
    for _ in range(100):
        assert slow.begin("10.0.0.1") == 0
        slow.succeeded("10.0.0.1")
    for _ in range(FREE - 1):
        assert slow.begin("10.0.0.1") == 0
    assert slow.begin("10.0.0.1") == 0
    slow.succeeded("10.0.0.1")
    assert slow.begin("10.0.0.1") == 0
    assert slow.begin("10.0.0.1") > 0


def test_old_failures_are_forgotten():
    slow, clock = throttle()
    for _ in range(FREE):
        slow.begin("10.0.0.1")
    assert slow.begin("10.0.0.1") == 1
    clock.now += 1000
    assert [slow.begin("10.0.0.1") for _ in range(FREE)] == [0] * FREE


def test_many_peers_wait_for_turns_and_nobody_is_shut_out():
    slow, clock = throttle()
    addresses = [f"10.1.{i // 250}.{i % 250}" for i in range(BURST + 300)]
    waits = {each: slow.begin(each) for each in addresses}
    assert list(waits.values())[:BURST] == [0] * BURST
    late = list(waits.values())[BURST:]
    assert late[0] == 1 and late == sorted(late) and late[-1] == LONGEST_S
    honest = slow.begin("192.0.2.1")
    assert 0 < honest <= LONGEST_S
    clock.now += honest
    for each in range(500):  # the others go on
        slow.begin(f"10.2.{each // 250}.{each % 250}")
    assert slow.begin("192.0.2.1") == 0


def test_an_ipv6_network_is_one_peer_and_peers_are_bounded():
    slow, clock = throttle()
    assert [slow.begin(f"2001:db8:0:1::{i:x}") for i in range(20)].count(0) == FREE
    assert slow.begin("2001:db8:0:2::1") == 0
    assert [slow.begin(each) for each in ("10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1")] == [0] * 5 + [1]
    for i in range(PEERS_MAX + 500):
        clock.now += 1
        slow.begin(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(slow._peers) == PEERS_MAX
    assert slow.begin("") == 0 and slow.begin("somewhere") == 0


def test_credentials_that_were_right_are_known():
    slow, _ = throttle()
    assert not slow.is_known("Basic eA==")
    slow.know("Basic eA==")
    assert slow.is_known("Basic eA==") and not slow.is_known("Basic eB==")
    for i in range(300):
        slow.know(str(i))
    assert not slow.is_known("Basic eA==") and slow.is_known("299")
