"""What is made of the one table of options: Python's parser (against stock Locust's), the manual, completion in real shells."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import pytest
from harness import BUILD, KATYDID, ROOT, VENV, run_katydid, sanitizer_env


def of_library(python, folder, path=""):
    env = {**{name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")},
           "PYTHONPATH": str(path), "HOME": str(folder)}
    if path:
        env.update(sanitizer_env())
    run = subprocess.run([python, ROOT / "tests" / "support" / "parser_actions.py", folder], capture_output=True, text=True, env=env)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """(stock, ours)"""
    folder = tmp_path_factory.mktemp("parser")
    return of_library(VENV / "bin" / "python", folder), of_library(sys.executable, folder, BUILD / "python")


def test_every_option_of_the_parser_is_as_in_locust(libraries):
    stock, ours = (library["actions"] for library in libraries)
    assert len(stock) > 50 and stock.keys() == ours.keys()
    for dest in ("web_host_display_name", "headful"):
        stock[dest]["is_hidden"] = False  # our --help has them
    assert {dest: (fields, ours[dest]) for dest, fields in stock.items() if fields != ours[dest]} == {}


def test_options_of_a_locustfile_are_as_in_locust(libraries):
    stock, ours = libraries
    assert stock["custom"].keys() >= {"plain", "grouped"}
    for name in stock.keys() - {"actions"}:
        assert ours[name] == stock[name], name


def test_a_generated_file_that_is_not_current_is_told(tmp_path):
    for name in ("setup/generated.py", "setup/options.py", "master/options/options.def", "docs/options.md", "worker/pylib/locust/_option_table.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    program, table = tmp_path / "setup/options.py", tmp_path / "master/options/options.def"

    def generate(*words):
        return subprocess.run([sys.executable, program, *words], capture_output=True, text=True)

    assert generate("--check").returncode == 0
    table.write_text(table.read_text() + 'FLAG(quick, \'q\', "quick", "LOCUST_QUICK", "quick", 0, "be " "quick")\n')
    stale = generate("--check")
    assert stale.returncode == 1 and "docs/options.md" in stale.stdout and "_option_table.py" in stale.stdout
    assert generate().returncode == 0 and generate("--check").returncode == 0
    assert "| `-q`, `--quick` | `LOCUST_QUICK` | off | be quick |" in (tmp_path / "docs/options.md").read_text()
    assert "'names': ('-q', '--quick')" in (tmp_path / "worker/pylib/locust/_option_table.py").read_text()


# ---- completion

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}\n"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit && compinit -u -D && source {script}\n"),
}


class Terminal:
    """A shell somebody types into."""

    def __init__(self, command, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm", "PS1": "> ", "COLUMNS": "120",
                                             "LC_ALL": "C.UTF-8"})
        self.seen = ""

    def type(self, text):
        self.seen = ""
        os.write(self.fd, text.encode())

    def wait_for(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            left = end - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.fd], [], [], left)[0]:
                self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", os.read(self.fd, 65536).decode(errors="replace"))

    def end(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def script_of(shell, folder, program=KATYDID):
    run = subprocess.run([program, "--completion", shell], capture_output=True, text=True, check=True)
    path = folder / f"script.{shell}"
    path.write_text(run.stdout)
    return path


@pytest.fixture(params=["bash", "zsh"])
def terminal(request, tmp_path):
    command, load = SHELLS[request.param]
    terminal = Terminal(command, tmp_path)
    try:
        terminal.type(load.format(script=script_of(request.param, tmp_path)) + "echo loa''ded\n")
        terminal.wait_for("loaded")
        yield terminal
    finally:
        terminal.end()


def test_a_shell_completes_names_choices_and_files(terminal, tmp_path):
    (tmp_path / "my_locustfile.py").touch()
    for typed, shown in [("katydid --headl\t", "--headless "), ("katydid --loglevel W\t", "WARNING"), ("katydid --loglevel=CR\t", "=CRITICAL"),
                         ("katydid -L DE\t", "DEBUG"), ("katydid -f my_l\t", r"my_locustfile\.py"), ("katydid --csv=my_l\t", r"=my_locustfile\.py"),
                         ("katydid --completion fi\t", "fish"), ("katydid --headless A --web-po\t", "--web-port")]:
        terminal.type("\x15" + typed)
        terminal.wait_for(shown)


def test_a_shell_lists_what_there_is(terminal):
    terminal.type("katydid --loglevel \t\t")
    for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        terminal.wait_for(level)


def fish(folder, line):
    run = subprocess.run(["fish", "--no-config", "-c", f"source {script_of('fish', folder)}; complete -C '{line}'"], cwd=folder,
                         capture_output=True, text=True, env={**os.environ, "HOME": str(folder)})
    assert run.returncode == 0 and not run.stderr, run.stderr
    return [choice.split("\t")[0] for choice in run.stdout.splitlines()]


def test_fish_completes_names_choices_and_files(tmp_path):
    (tmp_path / "my_locustfile.py").touch()
    assert fish(tmp_path, "katydid --headle") == ["--headless"]  # fish 4 finds letters in order: --headl is --headful too
    assert sorted(fish(tmp_path, "katydid --loglevel ")) == ["CRITICAL", "DEBUG", "ERROR", "INFO", "WARNING"]
    assert fish(tmp_path, "katydid -f my_l") == ["my_locustfile.py"]
    assert fish(tmp_path, "katydid my_l") == [], "User classes are no files"
    assert "--web-port" in fish(tmp_path, "katydid --web-")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_option_of_the_help_is_completed_by_the_name_we_have(shell, tmp_path):
    (tmp_path / "locust").symlink_to(KATYDID)
    text = script_of(shell, tmp_path, tmp_path / "locust").read_text()
    names = re.findall(r"^  (?:-\w.*, )?--([a-z0-9-]+)", run_katydid("--help").stdout, re.MULTILINE)
    assert len(names) > 50 and "katydid" not in text
    assert [name for name in names if not re.search(rf"(--|-l ){name}\b", text)] == []
    check = subprocess.run([shell, "-n", tmp_path / f"script.{shell}"], capture_output=True, text=True)
    assert check.returncode == 0 and not check.stderr, check.stderr


def test_completion_looks_at_nothing_else(tmp_path):
    (tmp_path / "locust.conf").write_text("users = many\n")
    run = run_katydid("--completion", "bash", cwd=tmp_path, env={"LOCUST_USERS": "many"})
    assert run.code == 0 and "complete -F" in run.stdout, run.describe()
    (tmp_path / "locust.conf").write_text("completion = bash\n")
    asked = run_katydid("--list", cwd=tmp_path)
    assert asked.code == 2 and "can only be given on the command line" in asked.stderr, asked.describe()
    bad = run_katydid("--completion", "tcsh")
    assert bad.code == 2 and "give one of bash, zsh and fish" in bad.stderr, bad.describe()
