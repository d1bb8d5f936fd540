"""Every example in locustfiles/ runs as its head comment says, and finds what it checks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import BUILD, ROOT, VENV, Process, csv_row, free_port, get, get_json, katydid, run_katydid, shop, wait_for

FEATURES = sorted((ROOT / "locustfiles" / "client").glob("*.py"))


@pytest.fixture(scope="module")
def echo():
    with Process([sys.executable, ROOT / "tests" / "support" / "echo_server.py"], stdin=subprocess.PIPE) as server:
        yield f"http://127.0.0.1:{server.wait_line(r'^([0-9]+)$').group(1)}"
        server.popen.stdin.close()


@pytest.mark.parametrize("file", FEATURES, ids=lambda f: f.stem)
def test_client_feature(file, echo, tmp_path):
    run = run_katydid("-f", file, "-H", echo, "--headless", "-u", 3, "-r", 3, "-t", 2, "--csv", tmp_path / "out")
    assert run.code == 0, run.describe()
    assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) > 0, run.describe()


@pytest.mark.parametrize("name", ["plain_requests", "custom_option", "faker_users"])
def test_example_against_the_shop(name, tmp_path):
    with shop("--errors", "0", "--delay-ms", "1") as server:
        run = run_katydid("-f", ROOT / "locustfiles" / f"{name}.py", "-H", server.url, "--headless", "-u", 3, "-r", 3, "-t", 2,
                          "--csv", tmp_path / "out", env={"VIRTUAL_ENV": str(VENV)})
        assert run.code == 0, run.describe()
        assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) > 0


ORDINARY = {  # file: users, seconds, what to look for on stdout
    "checks_and_metrics": (3, 2, ""),
    "credentials": (3, 2, "shopper1 leaves"),
    "manual_reporting": (3, 2, ""),
    "markov": (2, 2, ""),
    "nested_tasks": (3, 2, ""),
    "open_and_closed": (4, 2, ""),
    "rows_once": (3, 20, ""),
    "several_hosts": (2, 2, ""),
    "starting_line": (4, 3, ""),
    "testdata": (3, 2, "test_stop: 3 accounts to be removed"),
    "testdata_from_csv": (3, 2, ""),
    "wait_times": (6, 3, ""),
}


@pytest.fixture(scope="module")
def store():
    with shop("--errors", "0", "--delay-ms", "1") as server:
        yield server


def run_example(name, server, tmp_path, *more, expect=0, **env):
    run = run_katydid("-f", ROOT / "locustfiles" / f"{name}.py", "-H", server.url, "--headless", "--csv", tmp_path / "out", *more, env=env)
    assert run.code == expect, run.describe()
    return run


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_example(name, store, tmp_path):
    users, seconds, words = ORDINARY[name]
    more = ["--exit-code-on-error", "0"] if name == "manual_reporting" else []  # it reports failures on purpose
    run = run_example(name, store, tmp_path, "-u", users, "-r", users, "-t", seconds, *more)
    row = csv_row(tmp_path / "out_stats.csv", "Aggregated")
    assert int(row["Request Count"]) > 0 and words in run.stdout, run.describe()
    assert name == "manual_reporting" or row["Failure Count"] == "0", run.describe()
    assert "Traceback" not in run.stderr, run.describe()


@pytest.mark.parametrize("more", [[], ["--processes", "2"]], ids=["local", "distributed"])
def test_events_add_up(more, store, tmp_path):
    run = run_example("event_hooks", store, tmp_path, "-u", 4, "-r", 4, "-t", 3, *more)
    counted = int(re.search(r"(\d+) bytes were received", run.stdout).group(1))
    row = csv_row(tmp_path / "out_stats.csv", "Aggregated")
    assert counted == round(float(row["Average Content Size"]) * int(row["Request Count"])) > 0, run.describe()


@pytest.mark.parametrize(("more", "thanks"), [([], 1), (["--processes", "2"], 2)], ids=["local", "distributed"])
def test_messages_deal_out_accounts(more, thanks, store, tmp_path):
    run = run_example("messages", store, tmp_path, "-u", 4, "-r", 4, "-t", 3, *more)
    assert run.stdout.count("thanks: got") == thanks and "Traceback" not in run.stderr, run.describe()


def test_workers_share_rows(store, tmp_path):
    run_example("worker_share", store, tmp_path, "-u", 4, "-r", 4, "-t", 3, "--processes", 2)
    assert all(int(csv_row(tmp_path / "out_stats.csv", f"login on worker {n}")["Request Count"]) > 0 for n in (0, 1))


def test_stops_on_failures(store, tmp_path):
    run = run_example("stop_on_failures", store, tmp_path, "-u", 5, "-r", 5, "-t", 60, expect=4)
    assert "that is enough" in run.stdout, run.describe()


def users_over_time(tmp_path):
    return [int(line.split(",")[1]) for line in Path(tmp_path / "out_stats_history.csv").read_text().splitlines()[1:]]


def test_double_wave(store, tmp_path):
    run_example("shapes/double_wave", store, tmp_path, "--wave-seconds", 12)
    users = users_over_time(tmp_path)
    assert max(users) > 45 and min(users[:users.index(max(users))]) < 30, users


def test_steps(store, tmp_path):
    run_example("shapes/steps", store, tmp_path, "-u", 10, "-r", 10, "-t", 10)
    assert len({2, 4, 6, 8, 10} & set(users_over_time(tmp_path))) > 1


def test_stages_by_class(store, tmp_path):
    run_example("shapes/stages_by_class", store, tmp_path)
    assert int(csv_row(tmp_path / "out_stats.csv", "/api/products/[id]")["Request Count"]) > 0


def test_shape_that_waits_for_its_users(store, tmp_path):
    run_example("shapes/wait_for_users", store, tmp_path)
    assert max(users_over_time(tmp_path)) == 9


def test_stages_follow_their_plan(tmp_path):
    with shop("--delay-ms", "1") as server:
        run = run_katydid("-f", ROOT / "locustfiles" / "shapes" / "stages.py", "-H", server.url, "--headless", "--csv", tmp_path / "out")
        assert run.code == 0, run.describe()
        users = [int(line.split(",")[1]) for line in Path(tmp_path / "out_stats_history.csv").read_text().splitlines()[1:]]
        assert max(users) == 20 and min(users) < 10, users


def library_env(**more):
    return {"PYTHONPATH": str(BUILD / "python"), **more}


def test_as_library(store):
    with Process([sys.executable, ROOT / "locustfiles" / "as_library.py", store.url], env=library_env()) as program:
        assert program.wait(90) == 0, program.describe()
        assert re.search(r"\d+ requests, median \d+ ms, 0 failed", program.stdout), program.describe()


def test_visitors_at_a_rate(store, tmp_path):
    run = run_example("arrivals", store, tmp_path, "--show-plan")
    assert run.stdout.splitlines()[1].startswith("product: constant-arrival-rate of Visitor.product, 2/s, for 30s: 61 arrivals"), run.describe()
    run = run_example("arrivals", store, tmp_path, "-t", 2)
    assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) > 0 and "Traceback" not in run.stderr, run.describe()


def test_one_user_under_the_debugger(store):
    with Process([sys.executable, ROOT / "locustfiles" / "debug_one_user.py", store.url], env=library_env()) as program:
        assert program.wait(90) == 0, program.describe()
        assert "GET" in program.stdout and "/api/products" in program.stdout, program.describe()


def test_pytest_style_as_load_test(store, tmp_path):
    run = run_example("test_pytest_style", store, tmp_path, "-u", 2, "-r", 2, "-t", 2)
    assert int(csv_row(tmp_path / "out_stats.csv", "/api/products/[id]")["Request Count"]) > 0, run.describe()


def test_pytest_style_under_pytest(store):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_locust.plugin", "-p", "no:cacheprovider",
               ROOT / "locustfiles" / "test_pytest_style.py", "--host", store.url]
    with Process(command, env=library_env()) as program:
        assert program.wait(90) == 0, program.describe()
        assert "2 passed" in program.stdout, program.describe()


def test_pages_beside_the_dashboard(store):
    web = free_port()
    with katydid("-f", ROOT / "locustfiles" / "extend_page.py", "-H", store.url, "--autostart", "-u", 2, "-r", 2, "--web-port", web) as program:
        page = f"http://127.0.0.1:{web}"
        program.wait_line("Starting web interface")
        wait_for(lambda: get_json(f"{page}/cache")["rows"], "rows of the test's own page")
        extended = get_json(f"{page}/stats/requests")["extended_stats"]
        assert extended[0]["key"] == "cache" and extended[0]["data"][0]["misses"] > 0
        assert get(f"{page}/cache/csv").startswith(b"Name,Hits,Misses\n")
