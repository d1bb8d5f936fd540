# SPDX-License-Identifier: MIT
"""--repeat: the same test again and again, as a pipeline sees it: which runs are stored, what is said, how it ends."""

import json
import re
import signal
import textwrap

import pytest
from harness import katydid, run_katydid, wait_for
from test_history import runs, stored

TEXT = """
    import os
    from locust import User, constant, events, task

    class Shop(User):
        wait_time = constant(0.02)

        @task
        def buy(self):
            self.environment.events.request.fire(request_type="GET", name="/buy", response_time=12, response_length=3, exception=None, context={})

    @events.quitting.add_listener
    def end(environment, **_):
        number = len(open(os.environ["MARKS"]).read())
        with open(os.environ["MARKS"], "a") as marks:
            marks.write("x")
        codes = os.environ.get("CODES", "").split()
        if number < len(codes):
            environment.process_exit_code = int(codes[number])
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.py").write_text(textwrap.dedent(TEXT))
    (tmp_path / "marks").write_text("")
    return tmp_path


def words(shop, *more):
    return ["-f", shop / "shop.py", "--headless", "-u", 2, "-r", 2, "-t", 1, "--history", shop / "h", *more]


def env(shop, codes=""):
    return {"MARKS": str(shop / "marks"), "CODES": codes}


def test_a_test_is_done_so_many_times_and_its_runs_belong_together(shop):
    run = run_katydid(*words(shop, "--repeat", 3, "--baseline", "latest", "--processes", 2), env=env(shop))
    assert run.code == 0, run.describe()
    three = stored(shop / "h")
    [tag] = {run["tags"]["repeat"] for run in three}
    assert len(three) == 3 and all(run["workers"] == 2 for run in three)
    assert f"3 runs (katydid runs --tag repeat={tag})" in run.stderr and "Exit codes of the runs: 0 0 0; exit code 0" in run.stderr
    assert all(one["id"] in run.stderr for one in three) and "p95 " in run.stderr
    assert run.stderr.count("Not compared: there is no baseline") == 1, run.stderr  # once, at the end: its own runs are none
    assert [line.split()[0] for line in runs(shop / "h", "list", "--tag", f"repeat={tag}").splitlines()[1:]] == [one["id"] for one in three]


def test_auto_goes_on_until_the_figures_are_known(shop):
    (shop / "gate.toml").write_text('rules = [{stat = "p95", margin = "5%", floor = "0ms"}]\n')  # every request takes 12 ms
    run = run_katydid(*words(shop, "--repeat", "auto", "--gate", shop / "gate.toml"), env=env(shop))
    assert (run.code, len(stored(shop / "h"))) == (0, 3), run.describe()
    assert "Run 2 of at most 10: p95 is of 2 runs, which says too little; its margin is 5 %: once more" in run.stderr
    assert "Run 3 of at most 10: p95 is known to ± 0 %; its margin is 5 %\n" in run.stderr


def test_auto_ends_with_a_word_when_no_number_of_runs_says_enough(shop):
    """Rates of real runs are never equal to the last digit. What is not known well is not worse: the code is 0."""
    (shop / "gate.toml").write_text('rules = [{stat = "rps", margin = "0%"}]\n')
    run = run_katydid(*words(shop, "--repeat", "auto", "--gate", shop / "gate.toml"), env=env(shop))
    assert (run.code, len(stored(shop / "h"))) == (0, 10), run.describe()
    assert re.search(r"Run 9 of at most 10: rps is known to ± \S+ %; its margin is 0 %: once more\n", run.stderr), run.stderr
    assert re.search(r"Run 10 of at most 10: rps is known to ± \S+ %; its margin is 0 %, and no more runs are made\n", run.stderr), run.stderr


def test_the_strongest_code_is_that_of_all(shop):
    run = run_katydid(*words(shop, "--repeat", 3, "--threshold", "count > 1, warn"), env=env(shop, "0 99 1"))
    assert (run.code, "Exit codes of the runs: 0 99 1; exit code 99" in run.stderr, len(stored(shop / "h"))) == (99, True, 3), run.describe()


def test_a_code_that_says_that_there_was_no_test_ends_it(shop):
    run = run_katydid(*words(shop, "--repeat", 3), env=env(shop, "0 42"))
    assert (run.code, "Exit codes of the runs: 0 42; exit code 42" in run.stderr) == (42, True), run.describe()
    (shop / "shop.py").write_text("import nothing_of_this_name\n")
    run = run_katydid(*words(shop, "--repeat", 3), env=env(shop))
    assert (run.code, "Exit codes of the runs: 65; exit code 65" in run.stderr) == (65, True), run.describe()


def test_who_stops_it_stops_all_of_it(shop):
    with katydid("-f", shop / "shop.py", "--headless", "-u", 1, "--history", shop / "h", "--repeat", 3, env=env(shop)) as first:
        wait_for(lambda: list((shop / "h").glob("*.kdrun")), "the file of the first run")
        first.signal(signal.SIGTERM)
        assert first.wait() == 0
    assert "1 run (katydid runs" in first.stderr and [run["state"] for run in stored(shop / "h")] == ["done"]


@pytest.mark.parametrize("more, said", [(["--repeat", "0"], "from 1 to 100, or auto"), (["--repeat", "often"], "from 1 to 100, or auto"), (["--repeat", "2x"], "from 1 to 100, or auto"),
                                        (["--repeat", "2", "--no-history"], "not without the history"), (["--repeat", "2", "--master"], "not with --master")])
def test_what_makes_no_sense_is_refused(shop, more, said):
    run = run_katydid(*words(shop, *more), env=env(shop))
    assert (run.code, said in run.stderr) == (2, True), run.describe()
    assert not (shop / "h").exists()


def test_the_page_repeats_nothing(shop):
    run = run_katydid("-f", shop / "shop.py", "--repeat", 2, env=env(shop))
    assert (run.code, "--repeat: only with --headless" in run.stderr) == (2, True), run.describe()


def test_json_of_each_run_stands_on_its_own(shop):
    run = run_katydid(*words(shop, "--repeat", 2, "--json"), env=env(shop))
    decoder, text, documents = json.JSONDecoder(), run.stdout.strip(), []
    while text:
        document, end = decoder.raw_decode(text)
        documents.append(document)
        text = text[end:].strip()
    assert [document[0]["name"] for document in documents] == ["/buy", "/buy"], run.describe()
