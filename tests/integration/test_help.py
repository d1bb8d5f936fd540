"""--help and --version: complete, folded to the terminal, and in step with the manual and with stock Locust."""

import re
import subprocess

import pytest
from harness import BUILD, ROOT, STOCK_LOCUST, run_katydid


def help_text(columns=100):
    run = run_katydid("--help", env={"COLUMNS": str(columns)})
    assert run.code == 0 and run.stderr == "", run.describe()
    return run.stdout


def options_of(text):
    """The options that begin a line of a help text."""
    heads = [line for line in text.splitlines() if re.match(r"  -", line)]
    return {name for line in heads for name in re.findall(r"(?:^|[ ,])(--?[A-Za-z][-a-z]*)", line.split("   ")[0])}


def test_every_option_of_stock_locust_is_there():
    stock = subprocess.run([STOCK_LOCUST, "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "200"}).stdout
    assert len(options_of(stock)) > 50
    assert options_of(stock) <= options_of(help_text())


def test_every_option_is_in_the_manual():
    manual = (ROOT / "docs" / "options.md").read_text()
    missing = [name for name in options_of(help_text()) if f"`{name}" not in manual]
    assert not missing


@pytest.mark.parametrize("page", ["katydid", "katydid-worker"])
def test_pages_of_man_have_every_option_and_no_faults(page):
    groff = ["groff", "-ww", "-man", "-Tutf8", "-P-c", "-rLL=110n", str(ROOT / "docs" / "man" / f"{page}.1")]
    done = subprocess.run(groff, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    shown = re.sub(r".\x08", "", done.stdout).replace("\N{HYPHEN}", "-").replace("\N{MINUS SIGN}", "-")
    program = BUILD / page
    wanted = options_of(subprocess.run([program, "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "100"}).stdout)
    missing = [name for name in wanted if not re.search(rf"(?<![\w-]){name}(?![a-z-])", shown)]
    assert not missing
    assert ("EXIT STATUS" if page == "katydid" else "--python FILE") in shown


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_help_fits_the_terminal(columns):
    prose = [line for line in help_text(columns).splitlines() if not re.match(r"  (-|katydid )", line)]
    assert max(map(len, prose)) <= columns


def test_help_works_without_a_locustfile_and_with_broken_settings(tmp_path):
    (tmp_path / "locust.conf").write_text("users = many\n")
    run = run_katydid("--help", cwd=tmp_path, env={"LOCUST_USERS": "many"})
    assert run.code == 0 and run.stdout.startswith("Usage: katydid "), run.describe()


@pytest.mark.parametrize("word", ["-V", "--version"])
def test_the_version_names_the_locust_it_is_like(word):
    run = run_katydid(word)
    assert run.code == 0
    assert re.fullmatch(r"katydid \d+\.\d+\.\d+ \(Locust 2\.47\.0\) from /\S+ \(Python 3\.\d+\.\d+\S*\)\n", run.stdout), run.describe()
