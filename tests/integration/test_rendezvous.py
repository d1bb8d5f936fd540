# SPDX-License-Identifier: MIT
"""Users of all workers wait for one another."""

import os

import pytest

from harness import BUILD, KATYDID, STOCK_LOCUST, Process, locustfile, wait_for

USERS = """
import os, time
import katydid
from locust import User, constant, task

class Buyer(User):
    wait_time = constant(0)
    def on_start(self):
        self.note("came")
        self.note("met" if self.rendezvous("start", count=10) else "alone")
        self.note("met" if self.rendezvous("never", count=11, timeout=0.5) else "alone")
    def note(self, word):
        with open("notes", "a") as file:
            file.write(f"{word} {os.getpid()}\\n")
    @task
    def rest(self):
        time.sleep(1)
"""
LOAD = ["--headless", "--only-summary", "-u", "10", "-r", "20"]


def check(tmp_path, program, processes, **more):
    def notes():
        path = tmp_path / "notes"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    with locustfile(USERS) as file, Process([program, "-f", file, *LOAD, *(["--processes", processes] if processes > 1 else [])], cwd=tmp_path,
                                            **more) as process:
        wait_for(lambda: len(notes()) >= 30, "all users to be over both")
    words = [word for word, _ in notes()]
    assert words[:10] == ["came"] * 10 and sorted(words[10:]) == ["alone"] * 10 + ["met"] * 10, (words, process.describe())
    assert len({pid for _, pid in notes()}) == processes, process.describe()


@pytest.mark.parametrize("processes", [1, 2])
def test_users_of_all_workers_meet_and_who_waits_too_long_goes_on(tmp_path, processes):
    check(tmp_path, KATYDID, processes)


def test_under_stock_locust_they_meet_as_well(tmp_path):
    (wheel,) = (BUILD / "dist").glob("katydid_for_locust-*.whl")
    check(tmp_path, STOCK_LOCUST, 2, env={**os.environ, "PYTHONPATH": str(wheel)})
