# SPDX-License-Identifier: MIT
"""The shared test vectors (tests/vectors/make.py): entries that Python counts itself, and those that it
takes over from the core, have these numbers."""

import json
from pathlib import Path

import pytest

CASES = json.loads((Path(__file__).parent.parent / "vectors" / "statistics.json").read_text())


def counted_here(case, monkeypatch):
    """One RequestStats a part, by log_request and log_error; then all in one."""
    from locust import stats as module

    now = [case["start"]]
    monkeypatch.setattr("locust._stats.steady", lambda: now[0])
    parts = [module.RequestStats() for _ in case["parts"]]
    whole = module.RequestStats()
    for part, second, us, size, failed in case["samples"]:
        now[0] = second
        parts[part].log_request("GET", "/", None if us is None else us / 1000, size)
        if failed:
            parts[part].log_error("GET", "/", "bad")
    for part in parts:
        whole.total.extend(part.total)
        whole.get("/", "GET").extend(part.get("/", "GET"))
    return whole


class Core:
    """What _katydid.Stats gives to Python (worker/py/py_stats_read.c)."""

    def __init__(self, case):
        self._case = case

    def take(self, fine):
        case, self._case = self._case, None
        return case and (self._row(case, "Aggregated", ""), [self._row(case, "/", "GET")], [])

    def _row(self, case, name, method):
        expected = case["expected"]
        seconds, failures = {}, {}
        for _, second, _, _, failed in case["samples"]:
            seconds[second] = seconds.get(second, 0) + 1
            failures[second] = failures.get(second, 0) + failed
        return {
            "name": name, "method": method, "num_requests": expected["count"], "num_none_requests": expected["none"],
            "num_failures": expected["failed"], "cut": 0, "discarded": 0, "resent": 0,
            "total_response_time": sum(part["sum_us"] for part in case["parts"]) / 1000,
            "min_response_time": expected["min_ms"], "max_response_time": expected["max_ms"],
            "total_content_length": sum(part["bytes"] for part in case["parts"]), "start_time": case["start"],
            "last_request_timestamp": max(seconds), "num_reqs_per_sec": seconds,
            "num_fail_per_sec": failures, "response_times": dict(expected["core_buckets"]),
        }


def counted_by_the_core(case, monkeypatch):
    from locust import stats as module
    from locust._feeds import CoreFeed

    monkeypatch.setattr("locust._stats.steady", lambda: case["start"])
    whole = module.RequestStats()
    whole._feed = CoreFeed(Core(case))
    return whole


@pytest.mark.parametrize("name", ["/", "Aggregated"])
@pytest.mark.parametrize("counted, buckets", [(counted_here, "locusts_buckets"), (counted_by_the_core, "core_buckets")])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_python_agrees(core, monkeypatch, case, counted, buckets, name):
    stats = counted(case, monkeypatch)
    entry = stats.total if name == "Aggregated" else stats.get("/", "GET")
    expected = case["expected"]
    got = {
        "count": entry.num_requests, "failed": entry.num_failures, "none": entry.num_none_requests,
        "mean_ms": entry.avg_response_time, "min_ms": entry.min_response_time, "mean_bytes": entry.avg_content_length,
        "total_rps": entry.total_rps, "total_fail_rps": entry.total_fail_per_sec, "current_rps": entry.current_rps,
        "current_fail_rps": entry.current_fail_per_sec,
    }
    timed = expected["count"] > expected["none"]
    if counted is counted_here and timed:  # by adding up floats
        assert got.pop("mean_ms") == pytest.approx(expected["mean_ms"], rel=1e-12)
    assert got == {key: expected[key] for key in got}
    assert entry.max_response_time == (expected["max_ms"] if timed else entry.max_response_time)
    assert sorted(map(list, entry.response_times.items())) == expected[buckets]
    if buckets == "locusts_buckets":
        for share, milliseconds in expected["locusts_percentiles"]:
            assert entry.get_response_time_percentile(share) == milliseconds, share
