# SPDX-License-Identifier: MIT
import pytest

from locust import between, constant, constant_pacing, constant_throughput, poisson
from locust.user import wait_time


class Instance:
    _cp_last_run = 100.0
    _cp_last_wait_time = 0


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(wait_time, "perf_counter", lambda: now[0])
    return now


def test_between():
    waits = [between(1, 3)(None) for _ in range(200)]
    assert 1 <= min(waits) < 1.5 and 2.5 < max(waits) <= 3


def test_constant():
    assert constant(7)(None) == 7


def test_pacing_waits_for_the_rest(clock):
    pace = constant_pacing(10)
    user = Instance()
    clock[0] += 4
    assert pace(user) == pytest.approx(6)
    clock[0] += 6 + 3  # the wait, then a task of 3 s
    assert pace(user) == pytest.approx(7)
    clock[0] += 7 + 12  # a task that takes too long
    assert pace(user) == 0
    clock[0] += 1
    assert pace(user) == pytest.approx(9)


def test_throughput_is_pacing_by_rate(clock):
    user = Instance()
    clock[0] += 1
    assert constant_throughput(0.5)(user) == pytest.approx(1)


def test_poisson_has_the_mean_of_its_rate():
    wait = poisson(4)
    waits = [wait(None) for _ in range(4000)]
    assert sum(waits) / len(waits) == pytest.approx(0.25, rel=0.15)


@pytest.mark.parametrize("function", [poisson, constant_throughput])
def test_rates_must_be_positive(function):
    with pytest.raises(ValueError):
        function(0)
