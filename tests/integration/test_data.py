# SPDX-License-Identifier: MIT
"""Rows of a file as users get them: each once over all workers, whatever happens to one of them."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections import Counter

import pytest

from harness import BUILD, STOCK_LOCUST, children, free_port, get_json, katydid, locustfile, run_katydid, wait_for

USERS = '''
import os, time
import katydid
from locust import User, constant, task

accounts = katydid.data.rows("users.csv", KEYS)

class Buyer(User):
    wait_time = constant(0)
    @task
    def buy(self):
        name = accounts.take()["name"]
        with open("taken", "a") as file:
            file.write(f"{name} {os.getpid()}\\n")
        time.sleep(NAP)
'''
NAMES = [f"u{n}" for n in range(300)]
HEADLESS = ["--headless", "--only-summary", "-u", 6, "-r", 100]


def file_of(keys="", nap=0.005):
    return locustfile(USERS.replace("KEYS", keys).replace("NAP", str(nap)))


@pytest.fixture(autouse=True)
def users_csv(tmp_path):
    (tmp_path / "users.csv").write_text("name,password\n" + "".join(f"{name},secret\n" for name in NAMES))


def taken(tmp_path):
    path = tmp_path / "taken"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def names(tmp_path):
    return Counter(name for name, _ in taken(tmp_path))


def test_two_workers_take_each_row_once(tmp_path):
    with file_of() as file:
        ended = run_katydid("-f", file, *HEADLESS, "--processes", 2, cwd=tmp_path)
    assert ended.code == 0 and "users.csv: all rows are used, shutting down" in ended.stderr, ended.describe()
    assert names(tmp_path) == Counter(NAMES) and len({pid for _, pid in taken(tmp_path)}) == 2, ended.describe()


def start(port):
    body = {"users": 6, "spawn_rate": 100}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/start", json.dumps(body).encode(),
                                     {"X-Katydid": "1", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["ok"]
    except urllib.error.HTTPError:  # no worker is there yet
        return False


@pytest.mark.parametrize("more", [[], ["--processes", 2]], ids=["local", "distributed"])
def test_a_second_run_begins_with_the_first_row(tmp_path, more):
    port = free_port()
    with file_of() as file, katydid("-f", file, "-P", port, *more, cwd=tmp_path) as process:
        process.wait_line("Starting web interface")
        for run in (1, 2):
            wait_for(lambda: start(port), "a start")
            wait_for(lambda run=run: process.stderr.count("all rows are used") == run, "the end of data")
            wait_for(lambda: get_json(f"http://127.0.0.1:{port}/stats/requests")["state"] == "stopped", "the end of the run")
        assert names(tmp_path) == Counter(NAMES * 2), process.describe()


@pytest.mark.parametrize("lost", ["report", "return"])
def test_rows_of_a_killed_worker(tmp_path, lost):
    with file_of(f"lost={lost!r}", nap=0.05) as file, katydid("-f", file, *HEADLESS, "--processes", 2, cwd=tmp_path) as process:
        wait_for(lambda: len({pid for _, pid in taken(tmp_path)}) == 2, "both workers to take rows")
        victim = int(taken(tmp_path)[0][1])
        assert victim in children(process.pid)
        os.kill(victim, 9)
        process.wait()
    told = re.search(r"users.csv: (\d+) rows were with worker \S+ when it was lost \(lines ([\d, ]+)\): (.*)", process.stderr)
    assert told and "all rows are used, shutting down" in process.stderr, process.describe()
    lines = {NAMES[int(line) - 2] for line in told[2].split(", ")}
    counts = names(tmp_path)
    twice = {name for name, count in counts.items() if count > 1}
    assert max(counts.values()) <= 2 and twice <= (lines if lost == "return" else set()), process.describe()
    assert set(counts) | lines == set(NAMES) and int(told[1]) == len(lines) <= 3, process.describe()
    assert lost == "report" or set(counts) == set(NAMES), process.describe()


def test_the_end_of_data_fails_the_test_when_asked_to(tmp_path):
    with file_of('end="fail"') as file:
        ended = run_katydid("-f", file, *HEADLESS, "--processes", 2, cwd=tmp_path)
    assert ended.code == 1 and "users.csv: all rows are used (end='fail')" in ended.stderr, ended.describe()
    assert names(tmp_path) == Counter(NAMES), ended.describe()


def test_each_worker_may_have_all_rows_again_and_again(tmp_path):
    with file_of('"per-worker", end="stop"') as file:
        ended = run_katydid("-f", file, *HEADLESS, "--processes", 2, cwd=tmp_path)
    assert ended.code == 0 and names(tmp_path) == Counter(NAMES * 2), ended.describe()
    assert set(Counter(pid for _, pid in taken(tmp_path)).values()) == {len(NAMES)}, ended.describe()


@pytest.mark.parametrize("text, words, more", [
    (None, "users.csv: No such file", []), ("name,password\nx\n", "users.csv:2: 1 values for 2 columns", ["--processes", 2]),
], ids=["none", "ragged"])
def test_a_bad_file_is_refused_before_anything_starts(tmp_path, text, words, more):
    (tmp_path / "users.csv").unlink() if text is None else (tmp_path / "users.csv").write_text(text)
    with file_of() as file:
        ended = run_katydid("-f", file, *HEADLESS, *more, cwd=tmp_path)
    assert ended.code == 1 and words in ended.stderr and "Traceback" not in ended.stderr, ended.describe()
    assert "Ramping" not in ended.stderr and not taken(tmp_path), ended.describe()


@pytest.mark.parametrize("more", [[], ["--processes", "2"]], ids=["local", "distributed"])
def test_stock_locust_deals_them_out_as_well(tmp_path, more):
    (wheel,) = (BUILD / "dist").glob("katydid_for_locust-*.whl")
    with file_of() as file:
        stock = subprocess.run([STOCK_LOCUST, "-f", file, *map(str, HEADLESS), *more], capture_output=True, text=True, timeout=100, cwd=tmp_path,
                               env={**os.environ, "PYTHONPATH": str(wheel)})
    assert stock.returncode == 0 and "all rows are used, shutting down" in stock.stderr, stock.stderr
    assert names(tmp_path) == Counter(NAMES), stock.stderr
