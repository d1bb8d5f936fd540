# SPDX-License-Identifier: MIT
"""Faults on the way between workers and their master, and targets that end in the midst of an answer: the short forms of tests/drills.
Each request that the target counted is reported, cut off, sent again, or told as missing."""

import json
import random
import subprocess
import sys

import faulty
import pytest
from cluster import FILE, Account, Cluster
from courier import Courier
from harness import ROOT, locustfile, run_katydid, signal, wait_for

sys.path.append(str(ROOT / "tests" / "drills"))

import slopes  # noqa: E402
import soak  # noqa: E402


def assert_whole(c):
    account = c.end()
    assert account.missing == 0 and account.code == 0, (account, c.boss.describe())
    assert [worker.wait(90) for worker in c.workers] == [0] * c.count, c.workers[0].describe()


def test_reports_that_come_twice_and_overtake_each_other_count_once():
    courier = Courier(repeats=True, reorders=True)
    with Cluster(link=courier) as c:
        c.wait_for_load()
        wait_for(lambda: courier.repeated > 4 and courier.reordered > 2, "reports that came so")
        assert_whole(c)


@pytest.mark.parametrize("which", ["is_deaf", "is_mute"])
def test_a_link_of_one_direction_loses_nothing(which):
    courier = Courier()
    with Cluster(link=courier) as c:
        c.wait_for_load()
        setattr(courier, which, True)
        hurt = wait_for(lambda: next((one for one in c.workers if "users wait until the master answers" in one.stderr), None), "a worker that noticed")
        setattr(courier, which, False)
        hurt.wait_line("The users go on")
        wait_for(c.is_right, "users as before")
        assert_whole(c)


def test_an_order_that_is_lost_on_the_way_is_sent_again():
    courier = Courier()
    with Cluster(link=courier) as c:
        c.wait_for_load()
        courier.is_deaf = True
        c.edit(30)
        wait_for(lambda: c.counts() == [10, 15], "the other one to have its users")
        courier.is_deaf = False
        wait_for(c.is_right, "users of both")
        assert_whole(c)


ARRIVALS, RATE = 2000, 200


def test_arrivals_that_a_worker_and_its_heir_started_are_told_as_repeated():
    """One that is not heard goes on until it notices; the master gives its share to the other, and it is back later."""
    courier = Courier()
    scenario = f"look:constant-arrival-rate:class=Visitor,rate={RATE}/s,iterations={ARRIVALS}"
    with Cluster(file=FILE.replace("wait_time = constant(0.05)", ""), link=courier, scenario=scenario) as c:
        wait_for(lambda: c.seen() > RATE, "the first arrivals")
        courier.is_mute = True
        c.boss.wait_line("was lost at")
        before = c.seen()
        wait_for(lambda: c.loads(before, RATE), "arrivals that the other one starts")
        courier.is_mute = False
        account = c.end(waits=True)
        told = json.loads((c.folder / "summary.json").read_text())["scenarios"]["scenarios"][0]
        assert account.missing == 0 and account.code == 0, (account, c.boss.describe())
        assert told["due"] - told["repeated"] == ARRIVALS and told["due"] == told["started"] + told["dropped"] + told["cut"], (told, c.boss.describe())


def begun(file, link, iterations):
    return Cluster(file=file, link=link, scenario=f"look:constant-arrival-rate:class=Visitor,rate={RATE}/s,iterations={iterations}")


def assert_all_started(c, iterations):
    account = c.end(waits=True)
    told = json.loads((c.folder / "summary.json").read_text())["scenarios"]["scenarios"][0]
    assert account.missing == 0 and account.code == 0, (account, c.boss.describe())
    assert told["due"] == told["started"] + told["dropped"] + told["cut"] == iterations and told["repeated"] == 0, (told, c.boss.describe())


NO_WAIT = FILE.replace("wait_time = constant(0.05)", "")


def test_shares_of_arrivals_that_are_lost_on_the_way_are_sent_again():
    courier = Courier(what="katydid_scenarios", loses=2)
    with begun(NO_WAIT, courier, ARRIVALS) as c:
        wait_for(lambda: courier.loses == 0, "shares that were lost, twice")
        assert_all_started(c, ARRIVALS)


def test_arrivals_of_a_worker_that_never_heard_of_its_shares_are_told():
    courier = Courier(what="katydid_scenarios", loses=1000)
    with begun(NO_WAIT, courier, 200) as c:
        c.end(waits=True)
        told = json.loads((c.folder / "summary.json").read_text())["scenarios"]["scenarios"][0]
        assert (told["due"], told["started"] + told["dropped"], told["cut"]) == (200, 100, 100), (told, c.boss.describe())


def test_what_a_worker_left_is_done_by_one_that_missed_the_word():
    courier = Courier()
    with begun(NO_WAIT, courier, ARRIVALS) as c:
        wait_for(lambda: c.seen() > RATE, "the first arrivals")
        courier.what, courier.loses = b"katydid_scenarios", 1
        c.workers[1].signal(signal.SIGTERM)
        assert c.workers[1].wait(60) == 0
        wait_for(lambda: courier.loses == 0, "the word that was lost")
        assert_all_started(c, ARRIVALS)


def test_what_a_worker_that_stands_still_takes_with_it_is_told():
    with Cluster() as c:
        c.wait_for_load()
        c.workers[0].signal(signal.SIGSTOP)
        try:
            wait_for(lambda: c.is_right(1), "its users at the other")
            account = c.end()
            assert account.code == 0 and account.is_told and account.told_s > 0, (account, c.boss.describe())
        finally:
            c.workers[0].signal(signal.SIGCONT)


BOTH = """
    from locust import FastHttpUser, HttpUser, constant, task

    class Plain(HttpUser):
        wait_time = constant(0.02)

        @task
        def page(self):
            self.client.get("/")

    class Fast(FastHttpUser):
        wait_time = constant(0.02)

        @task
        def page(self):
            self.client.get("/")
"""


def test_an_answer_that_ends_at_any_byte_is_one_request(tmp_path):
    """A failure, or sent again when no byte of it came."""
    with faulty.Faulty(faulty.at_each_byte) as server, locustfile(BOTH) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 20, "-r", 20, "-t", 4, "--only-summary", "--summary", tmp_path / "s.json")
        total = json.loads((tmp_path / "s.json").read_text())["total"]
        account = Account.of(server.seen, total, run.stderr, run.code)
        assert account.missing == 0 and run.code == 1 and "Traceback" not in run.stderr, (account, run.describe())
        whole = len(faulty.ANSWER)
        turns = [n % (whole + 1) for n in range(server.faults)]
        torn, untouched = sum(0 < n < whole for n in turns), turns.count(0)
        assert torn - account.cut <= total["failures"] <= torn and untouched - account.cut <= account.resent <= untouched, (account, torn, untouched)


def walk(rises_an_hour):
    """Neighbours resemble each other; a sample every 5 s of an hour."""
    dice, left, times = random.Random(7), 0.0, [5.0 * n for n in range(720)]
    values = []
    for at in times:
        left = 0.9 * left + dice.gauss(0, 0.5)
        values.append(100 + left + rises_an_hour * at / 3600)
    return slopes.slope_of(times, values)


def test_a_leak_is_told_from_noise():
    assert walk(0).low < 0 < walk(0).high and walk(0).is_within(0.5)
    assert not walk(12).is_within(4) and walk(12).low < 12 < walk(12).high
    assert walk(-12).is_within(0.5)


def soaked(kept_an_hour, rest_an_hour):
    """(lines that are right, lines that are not) of an hour's soak of a master whose memory grows by so many MB of two sorts."""
    rows = []
    for at in range(0, 3600, 5):
        kept, rest = 20 + kept_an_hour * at / 3600, 50 + rest_an_hour * at / 3600
        rows.append((at, {("master", "memory MB"): kept + rest, ("master", "kept MB"): kept, ("master", "rest MB"): rest, ("master", "free MB"): 9, ("master", "in use MB"): rest - 9}))
    return soak.table(rows, 3600)


def test_what_a_soak_finds_is_what_grows_beside_what_is_kept(capsys):
    assert soaked(16, 0) == (2, 0)
    assert soaked(0, 16) == (0, 2)
    told = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if line.startswith("master")]
    assert told == ["rest", "limits", "flat", "heap", "flat", "rest", "limits", "GROWS", "heap", "GROWS"]  # each of the five is shown
    assert dict((kind, size) for _, kind, size in soak.KEPT_LINE.findall('katydid_kept_bytes{testid="x",what="logs"} 12\nkatydid_requests_total{} 3\n')) == {"logs": "12"}


def test_drills_are_all_found_and_have_names_of_their_own():
    done = subprocess.run([sys.executable, ROOT / "tests" / "drills" / "run.py", "--build", "build", "--list"], capture_output=True, text=True, check=True)
    names = done.stdout.splitlines()
    assert len(names) == len(set(names)) >= 45, names
