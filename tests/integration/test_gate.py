"""The gate from end to end: what is worse is named and has a code of its own, what is another load is not compared."""

import json
import re
import subprocess
import textwrap

from harness import KATYDID, run_katydid

REGRESSION = 94
SCENARIO = """
    from locust import User, task

    class Shop(User):
        @task
        def buy(self):
            self.environment.events.request.fire(request_type="GET", name="/buy", response_time=12, response_length=3, exception=None, context={})
"""


def valid_run(summary, *words, tries=3, **kwargs):
    """A measurement is not valid when the machine was too busy; then once more."""
    for left in reversed(range(tries)):
        run = run_katydid("--headless", "--summary", summary, *words, **kwargs)
        if json.loads(summary.read_text())["verdict"]["valid"] or not left:
            return run


def compare(*words):
    return subprocess.run([KATYDID, "compare", *map(str, words)], capture_output=True, text=True, timeout=60)


def test_runs_of_other_arrival_rates_are_not_compared(tmp_path):
    file, none = tmp_path / "shop.py", ["--history", tmp_path / "none"]
    file.write_text(textwrap.dedent(SCENARIO))
    for name, rate, seconds in (("a", 20, 1), ("b", 40, 1), ("c", 20, 2)):
        run = valid_run(tmp_path / f"{name}.json", "-f", file, "--scenario", f"s:constant-arrival-rate:rate={rate}/s,duration={seconds}s", "--history", tmp_path / "h", "--tag", f"as={name}")
        assert run.code == 0, run.describe()
    other = compare(tmp_path / "a.json", tmp_path / "b.json", *none)
    assert other.returncode == 1 and re.search(r"Not compared: the load differs: 20 arrivals/s in .*a\.json\), 40 in .*b\.json\)", other.stdout), other
    same = compare(tmp_path / "a.json", tmp_path / "c.json", *none)
    assert same.returncode == 0 and "| p95 | 12 ms | 12 ms |" in same.stdout, same
    stored = compare(tmp_path / "a.json", "tag:as=b", "--history", tmp_path / "h")
    assert re.search(r"the load differs: 20 arrivals/s in .*a\.json\), 40 in ", stored.stdout), stored
    gated = run_katydid("-f", file, "--headless", "--scenario", "s:constant-arrival-rate:rate=40/s,duration=1s", *none, "--baseline", tmp_path / "a.json", "--summary", tmp_path / "d.json")
    assert gated.code == 0 and (re.search(r"the load differs: 20 arrivals/s in .*a\.json\), 40 in this run", gated.stderr) or "was not valid" in gated.stderr), gated.describe()
