# SPDX-License-Identifier: MIT
"""The shared test vectors (tests/vectors/make.py): entries that Python counts itself, and those that it
takes over from the real core, have these numbers."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BUILD, REAL

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors" / "statistics.json"
CASES = json.loads(VECTORS.read_text())


def counted_here(case, monkeypatch, taken):
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


@pytest.fixture(scope="module")
def taken():
    """{case: [what _katydid.Stats.take gives for each part]}"""
    clock = Path(BUILD) / "support" / "still_clock.so"
    done = subprocess.run([sys.executable, HERE / "take_vectors.py", REAL.__file__, VECTORS], env={**os.environ, "LD_PRELOAD": str(clock)},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Core:
    """Gives them, one part at a look."""

    def __init__(self, parts):
        self._parts = parts

    def take(self, fine):
        return self._parts and self._row(*self._parts.pop(0)) or None

    def _row(self, total, rows, failures):
        for row in (total, *rows):
            for table in ("num_reqs_per_sec", "num_fail_per_sec", "response_times"):
                row[table] = {int(key): count for key, count in row[table].items()}  # JSON made texts of them
        return total, rows, failures


def counted_by_the_core(case, monkeypatch, taken):
    from locust import stats as module
    from locust._feeds import CoreFeed

    monkeypatch.setattr("locust._stats.steady", lambda: case["start"])
    whole = module.RequestStats()
    parts = copy.deepcopy(taken[case["name"]])
    whole._feed = CoreFeed(Core(parts))
    while parts:
        whole._pull()
    return whole


@pytest.mark.parametrize("name", ["/", "Aggregated"])
@pytest.mark.parametrize("counted, buckets", [(counted_here, "locusts_buckets"), (counted_by_the_core, "core_buckets")])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_python_agrees(core, monkeypatch, taken, case, counted, buckets, name):
    stats = counted(case, monkeypatch, taken)
    entry = stats.total if name == "Aggregated" else stats.get("/", "GET")
    expected = case["expected"]
    got = {
        "count": entry.num_requests, "failed": entry.num_failures, "none": entry.num_none_requests,
        "mean_ms": entry.avg_response_time, "min_ms": entry.min_response_time, "mean_bytes": entry.avg_content_length,
        "total_rps": entry.total_rps, "total_fail_rps": entry.total_fail_per_sec, "current_rps": entry.current_rps,
        "current_fail_rps": entry.current_fail_per_sec,
    }
    timed = expected["count"] > expected["none"]
    if timed:  # by adding up floats
        assert got.pop("mean_ms") == pytest.approx(expected["mean_ms"], rel=1e-12)
    assert got == {key: expected[key] for key in got}
    assert entry.max_response_time == (expected["max_ms"] if timed else entry.max_response_time)
    assert sorted(map(list, entry.response_times.items())) == expected[buckets]
    if buckets == "locusts_buckets":
        for share, milliseconds in expected["locusts_percentiles"]:
            assert entry.get_response_time_percentile(share) == milliseconds, share
