# SPDX-License-Identifier: MIT
"""Signals that are no order to end at once: Ctrl+Z, a terminal that closes; and the first process of a container."""

import json
import signal as signals
import subprocess
from pathlib import Path

import pytest

from harness import KATYDID, Process, children, free_port, is_alive, katydid, locustfile, target, wait_for
from hosts import privileges

FILE = '''
import os, subprocess
from locust import HttpUser, constant, task

class One(HttpUser):
    wait_time = constant(0.02)
    host = os.environ["TARGET"]

    def on_start(self):
        if os.environ.get("ORPHANS"):
            for _ in range(3):
                subprocess.run(["sh", "-c", "sleep 0.3 &"])

    @task
    def page(self):
        self.client.get("/page")
'''


@pytest.fixture(scope="module")
def served():
    with target() as server, locustfile(FILE) as path:
        server.file = path
        yield server


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("how", [[], ["--processes", "2"]])
def test_ctrl_z_stops_the_load_and_everything_goes_on(served, tmp_path, how):
    served.reset()
    with katydid("-f", served.file, "--headless", "-u", 4, "-r", 4, "-t", 3, "--only-summary", "--json-file", tmp_path / "j", *how,
                 env={"TARGET": served.url}) as run:
        wait_for(lambda: served.log()["requests"] > 20, "load")
        run.signal(signals.SIGTSTP)
        wait_for(lambda: state_of(run.pid) == "T", "a stopped master")
        wait_for(lambda: all(state_of(pid) == "T" for pid in children(run.pid)), "stopped children")
        before = served.log()["requests"]
        run.signal(signals.SIGCONT)
        wait_for(lambda: served.log()["requests"] > before + 5, "load again")
        assert run.wait() == 0, run.describe()
        cut = sum(int(line.split()[0]) for line in run.err if "cut off in flight" in line)
    reported = sum(row["num_requests"] for row in json.loads((tmp_path / "j.json").read_text()))
    assert served.log()["requests"] == reported + cut, run.describe()


@pytest.mark.parametrize("times", [1, 2])
def test_a_terminal_that_closes_is_an_end_in_order(served, tmp_path, times):
    with katydid("-f", served.file, "--headless", "-u", 2, "-r", 2, "--csv", tmp_path / "o", "--html", tmp_path / "r.html",
                 env={"TARGET": served.url}) as run:
        run.wait_line("All users spawned")
        own = children(run.pid)
        for _ in range(times):
            run.signal(signals.SIGHUP)
        assert run.wait() == 0, run.describe()
    assert "Response time percentiles" in run.stderr and (tmp_path / "r.html").stat().st_size > 0
    assert own and not any(is_alive(pid) for pid in own)


LISTENS = """
import time
from locust import User, constant, events, task

@events.quitting.add_listener
def _(**_):
    print("listens", flush=True)
    time.sleep(600)

class Idle(User):
    wait_time = constant(1)

    @task
    def rest(self):
        pass
"""


@pytest.mark.parametrize("how", [[], ["--processes", "2"]])
def test_a_second_signal_waits_for_no_listener(how):
    with locustfile(LISTENS) as path, katydid("-f", path, "--headless", "-u", 2, "-r", 2, *how) as run:
        run.wait_line("All users spawned")
        own = children(run.pid)
        run.signal(signals.SIGTERM)
        wait_for(lambda: "listens" in run.stdout, "the listener")
        run.signal(signals.SIGTERM)
        assert run.wait() == 143, run.describe()
    assert own and not any(is_alive(pid) for pid in own)


def test_nohup(served):
    with katydid("-f", served.file, "--headless", "-u", 1, "-t", 2, "--only-summary", prefix=["nohup"], env={"TARGET": served.url}) as run:
        run.wait_line("All users spawned")
        run.signal(signals.SIGHUP)
        assert run.wait() == 0 and "--run-time limit reached" in run.stderr, run.describe()


# Eight looks, half a second apart, each after an orphan that ends; what is seen is "orphan Z<pid> Z<pid> …".
ZOMBIES = """
for look in 1 2 3 4 5 6 7 8; do
    sh -c 'sleep 0.1 & echo -n orphan'
    sleep 0.5
    for p in /proc/[0-9]*/stat; do
        if read -r line < $p; then case "$line" in *") Z "*) echo -n " Z${line%% *}";; esac; fi
    done 2>/dev/null
    echo
done
"""


def named(name, pid):
    """Of a process and what it started, the first one of that name; or None."""
    if Path(f"/proc/{pid}/comm").read_text().strip() == name:
        return pid
    return next(filter(None, (named(name, child) for child in children(pid))), None)


@pytest.mark.parametrize("how", ["local", "worker"])
def test_the_first_process_of_a_container_leaves_no_zombies(served, how):
    """In a process namespace of its own, of which /proc shows the zombies."""
    before, into = privileges()
    env = {"TARGET": served.url, "ORPHANS": "1"}
    kept = ["env", "PYTHONDONTWRITEBYTECODE=1", *(f"{name}={value}" for name, value in env.items())]  # sudo passes none on
    alone = [*before, "unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *kept]
    sudo = ["sudo", "-n"] if into is None else []
    enter = [*sudo, "nsenter", *(into or [])]
    words = ["-f", served.file, "--headless", "-u", 3, "-r", 3]
    port = free_port()
    if how == "worker":
        inner, others = [KATYDID, "-f", served.file, "--worker", "--master-port", port], [[*words, "--master", "--master-bind-port", port]]
    else:
        inner, others = [KATYDID, *words], []
    with Process([*alone, *inner], env=env) as run:
        started = [katydid(*other, env=env) for other in others]
        try:
            (started or [run])[0].wait_line("All users spawned")
            first = wait_for(lambda: named("katydid", run.pid), "the first process")
            look = [*enter, "--target", str(first), "--pid", "--mount", "sh", "-c", ZOMBIES]
            with Process(look) as looked:
                looked.wait()
                sights = [line.split() for line in looked.stdout.splitlines()]
                assert [sight[0] for sight in sights] == ["orphan"] * 8, looked.describe()
                for four in zip(sights, sights[1:], sights[2:], sights[3:]):  # each is one for a moment
                    assert set.intersection(*map(set, four)) == {"orphan"}, looked.describe()
            subprocess.run([*sudo, "kill", str(first)], check=True)  # unshare may be deaf to SIGTERM (util-linux 2.41)
            run.wait()
        finally:
            for process in started:
                process.stop()
