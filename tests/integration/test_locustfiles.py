"""Every example in locustfiles/ runs as its head comment says, and finds what it checks."""

import subprocess
from pathlib import Path

import pytest
from harness import ROOT, VENV, Process, csv_row, run_katydid, shop

FEATURES = sorted((ROOT / "locustfiles" / "client").glob("*.py"))


@pytest.fixture(scope="module")
def echo():
    with Process(["/usr/bin/python3", ROOT / "tests" / "support" / "echo_server.py"], stdin=subprocess.PIPE) as server:
        yield f"http://127.0.0.1:{server.wait_line(r'^([0-9]+)$').group(1)}"
        server.popen.stdin.close()


@pytest.mark.parametrize("file", FEATURES, ids=lambda f: f.stem)
def test_client_feature(file, echo, tmp_path):
    run = run_katydid("-f", file, "-H", echo, "--headless", "-u", 3, "-r", 3, "-t", 2, "--csv", tmp_path / "out")
    assert run.code == 0, run.describe()
    assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) > 5, run.describe()


@pytest.mark.parametrize("name", ["plain_requests", "custom_option", "faker_users"])
def test_example_against_the_shop(name, tmp_path):
    with shop("--errors", "0", "--delay-ms", "1") as server:
        run = run_katydid("-f", ROOT / "locustfiles" / f"{name}.py", "-H", server.url, "--headless", "-u", 3, "-r", 3, "-t", 2,
                          "--csv", tmp_path / "out", env={"VIRTUAL_ENV": str(VENV)})
        assert run.code == 0, run.describe()
        assert int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) > 3


def test_stages_follow_their_plan(tmp_path):
    with shop("--delay-ms", "1") as server:
        run = run_katydid("-f", ROOT / "locustfiles" / "shape_stages.py", "-H", server.url, "--headless", "--csv", tmp_path / "out")
        assert run.code == 0, run.describe()
        users = [int(line.split(",")[1]) for line in Path(tmp_path / "out_stats_history.csv").read_text().splitlines()[1:]]
        assert max(users) == 20 and users[-2] <= 8
