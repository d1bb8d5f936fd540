# SPDX-License-Identifier: MIT
"""Every route of docs/openapi.json under Schemathesis: whatever is asked, the answer is one that the document has, and nobody
else notices."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from harness import ROOT, free_port, get_json, katydid, locustfile, signal, target, wait_for

SCHEMATHESIS = Path(os.environ["KATYDID_API_VENV"]) / "bin" / "schemathesis"
CASES = int(os.environ.get("KATYDID_API_CASES", "25"))  # of each route, beyond those of the document's bounds
MEMORY_KB = 64 << 10
# What a schema cannot say makes fields that fit it wrong (a range that ends before it begins); parameters that nobody knows are passed over; a
# path that is no route has no methods either.
NOT_CHECKED = "positive_data_acceptance,negative_data_rejection,unsupported_method"
SPEC = json.loads((ROOT / "docs" / "openapi.json").read_text())

SHOP = """
    import _katydid
    from locust import HttpUser, constant, task

    _katydid.watchdog(0)  # a slow machine: where a greenlet was, which it would tell, is a traceback too

    class Shopper(HttpUser):
        wait_time = constant(0.05)

        @task
        def buy(self):
            self.client.get("/tulips")

        @task
        def miss(self):
            self.client.get("/status?code=404")
"""


def memory_kb(pid):
    return int(next(line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")))


@contextlib.contextmanager
def a_run(*more):
    """A master whose test goes on; its page's address."""
    port = free_port()
    with target() as shop, locustfile(SHOP) as path:
        with katydid("-f", path, "-H", shop.url, "--web-port", port, "--autostart", "-u", 2, "-r", 2, *more) as master:
            url = f"http://127.0.0.1:{port}"
            master.wait_line("All users spawned")
            wait_for(lambda: get_json(f"{url}/stats/requests")["stats"][-1]["num_requests"] > 20, "requests")
            yield master, url


def stored_run():
    with a_run() as (master, url):
        master.signal(signal.SIGINT)
        assert master.wait() in (0, 1), master.describe()


def ask_everything(url, folder, *more, parameters=()):
    """Schemathesis against it; fails with what it found."""
    config = folder / "schemathesis.toml"
    config.write_text("[parameters]\n" + "".join(f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in parameters))
    done = subprocess.run(
        [SCHEMATHESIS, "--config-file", config, "run", ROOT / "docs" / "openapi.json", "--url", url, "-H", "X-Katydid: 1", "--no-color",
         "--phases", "examples,coverage,fuzzing", "-n", str(CASES), "--generation-deterministic", "--continue-on-failure",
         "--exclude-checks", NOT_CHECKED, "--request-timeout", "30", "--suppress-health-check", "all", *more],
        capture_output=True, text=True, cwd=folder, timeout=900)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
    return done.stdout


def test_the_document_has_an_answer_for_whatever_is_asked(tmp_path):
    with a_run() as (master, url):
        before = memory_kb(master.pid)
        said = ask_everything(url, tmp_path)
        assert f"{sum(map(len, SPEC['paths'].values()))} selected" in said
        assert memory_kb(master.pid) - before < MEMORY_KB
        assert "Traceback" not in master.stderr and master.popen.poll() is None, master.describe()
        assert get_json(f"{url}/api/v1/state")["type"] == "hello"


@pytest.mark.parametrize("run", ["latest", "latest~1"])
def test_the_same_of_runs_that_are_stored(tmp_path, run):
    stored_run()
    stored_run()
    with a_run() as (master, url):
        ask_everything(url, tmp_path, "--include-path-regex", "/runs/|/compare|/trend", parameters=[("path.run", run)])
        assert get_json(f"{url}/api/v1/state")["state"] == "running", master.describe()
