"""The gate from end to end: what is worse is named and has a code of its own, what is another load is not compared."""

import json
import re
import subprocess
import textwrap

from harness import KATYDID, run_katydid, target
from test_history import locustfile

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


def test_runs_of_so_many_iterations_have_the_users_that_were_asked_for(tmp_path):
    file = tmp_path / "shop.py"
    file.write_text(textwrap.dedent(SCENARIO))
    run = run_katydid("-f", file, "--headless", "-u", 2, "-r", 100, "-i", 40, "--history", tmp_path / "h")
    assert run.code == 0, run.describe()
    shown = subprocess.run([KATYDID, "runs", "show", "latest", "--json", "--history", tmp_path / "h"], capture_output=True, text=True, timeout=60)
    one = json.loads(shown.stdout)
    assert (one["users"], one["iterations"]["due"], "load" in one) == (2, 40, False), one


SHOP = """
    import os
    from locust import FastHttpUser, constant_pacing, task

    class Shop(FastHttpUser):
        wait_time = constant_pacing(0.04)

        @task
        def look_and_buy(self):
            self.client.get("/delay/2", name="/look")
            self.client.get("/delay/" + os.environ["BUY_MS"], name="/buy")
"""
RULES = """
    rules = [
      {stat = "p50", where = "rows>=1%", margin = "100%", floor = "8ms"},
      {stat = "fail_ratio", where = "total", margin = "5pp"},
    ]
"""


def test_a_run_with_a_slower_request_fails_by_that_row_and_an_equal_one_passes(tmp_path):
    file, gate, first = tmp_path / "shop.py", tmp_path / "gate.toml", tmp_path / "first.json"
    file.write_text(textwrap.dedent(SHOP))
    gate.write_text(textwrap.dedent(RULES))
    with target() as shop:
        words = ["-f", file, "--host", shop.url, "-u", 30, "-r", 1000, "-t", 2, "--no-history", "--gate", gate]
        run = valid_run(first, *words, env={"BUY_MS": "2"})
        assert run.code == 0, run.describe()
        words += ["--baseline", first]
        equal = valid_run(tmp_path / "equal.json", *words, env={"BUY_MS": "2"})
        slow = valid_run(tmp_path / "slow.json", *words, env={"BUY_MS": "20"})
    assert equal.code == 0 and "| **worse** |" not in equal.stderr, equal.describe()
    assert {line["name"]: line["answer"] for line in json.loads((tmp_path / "equal.json").read_text())["baseline"]["lines"]} == {"": "not worse", "/look": "not worse", "/buy": "not worse"}, equal.describe()
    told = json.loads((tmp_path / "slow.json").read_text())["baseline"]
    assert {line["name"]: line["answer"] for line in told["lines"]} == {"": "not worse", "/look": "not worse", "/buy": "worse"}, told
    assert slow.code == REGRESSION and re.search(r"^\| p50 of `GET /buy` \|.*\| \*\*worse\*\* \|$", slow.stderr, re.M) and "Exit code 94: worse than the baseline" in slow.stderr, slow.describe()
    for other, code in (("equal", 0), ("slow", REGRESSION)):
        said = compare(first, tmp_path / f"{other}.json", "--gate", gate, "--history", tmp_path / "none")
        assert (said.returncode, "**worse**" in said.stdout) == (code, code != 0), said


APDEX = """
    from locust import User, constant, task

    class Shop(User):
        wait_time = constant(0.01)

        @task
        def buy(self):
            for ms, error in ((10, None), (300, None), (5000, None), (10, ValueError("no"))):
                self.environment.events.request.fire(request_type="GET", name="/buy", response_time=ms, response_length=3, exception=error, context={})
"""


def test_a_run_with_an_apdex_threshold_has_it_of_each_row(tmp_path):
    """Satisfied, half so, not at all, and failed: 1.5 of 4."""
    file = tmp_path / "shop.py"
    file.write_text(textwrap.dedent(APDEX))
    run = run_katydid("-f", file, "--headless", "-t", 1, "--history", tmp_path / "h", "--threshold", "apdex(250ms) > 0.3", "--exit-code-on-error", 0)
    assert run.code == 0, run.describe()
    shown = subprocess.run([KATYDID, "runs", "show", "latest", "--json", "--history", tmp_path / "h"], capture_output=True, text=True, timeout=60)
    one = json.loads(shown.stdout)
    found = {metric["name"]: metric for metric in one["intervals"] if metric["metric"] == "apdex"}
    assert one["apdex_ms"] == 250 and set(found) == {"", "/buy"}, one
    for metric in found.values():
        assert metric["value"] == 0.375 and metric["low"] < 0.375 < metric["high"] and metric["n"] == one["totals"]["requests"], metric
    words = subprocess.run([KATYDID, "runs", "show", "latest", "--history", tmp_path / "h"], capture_output=True, text=True, timeout=60)
    assert re.search(r"^  apdex +0\.375  \[0\.\d+, 0\.\d+\]  by the number of requests alone$", words.stdout, re.M), words


def test_the_project_has_the_gate_where_the_command_line_has_none(tmp_path):
    """As with its thresholds: who is in its folder need not name the file."""
    file = locustfile(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.katydid.gate]\nbaseline = "latest valid 3"\ncant_tell = "fail"\n')
    words = ["-f", file, "--headless", "-u", 1, "-t", 1, "--history", tmp_path / "h"]
    first, second = (run_katydid(*words, cwd=tmp_path) for _ in range(2))
    assert first.code == 0 and "there is no baseline" in first.stderr, first.describe()
    assert second.code == REGRESSION and "Exit code 94: not compared with the baseline" in second.stderr, second.describe()
    (tmp_path / "pyproject.toml").write_text('[tool.katydid.gate]\nrule = 1\n')
    wrong = run_katydid(*words, cwd=tmp_path)
    assert wrong.code == 2 and "pyproject.toml: there is no key 'rule' (did you mean rules?)" in wrong.stderr, wrong.describe()
