# SPDX-License-Identifier: MIT
"""What make does before it compiles (setup/): packages that are missing, what else is missing, the Python to embed.
Programs of the system are replaced by small ones of our own: nothing is installed."""

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from harness import ROOT

SETUP = ROOT / "setup"


@pytest.fixture
def machine(tmp_path):
    """A folder of programs; machine(name, script) adds one. `have` is what dpkg knows, and apt-get installs into it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "have").write_text("gcc\n")
    for name in ("sh", "env", "sed", "grep", "cat", "tr", "mkdir", "mktemp", "rm", "tail", "printf", "touch"):
        (programs / name).symlink_to(f"/bin/{name}")

    def add(name, script):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    add("id", "echo 1000")
    add("dpkg-query", f'for name; do :; done; grep -qx "$name" {tmp_path}/have && echo "install ok installed"')
    add("apt-cache", '[ "$2" != libnew-dev ]')
    add("apt-get", f"""
        echo "$@" >>{tmp_path}/calls
        [ "$1" = install ] || exit 0
        echo dlstatus:1:50.5:Retrieving >&3; echo pmstatus:libold-dev:60.2:Installing >&3
        for name; do echo "$name" >>{tmp_path}/have; done""")

    def run(*packages):
        return subprocess.run([SETUP / "packages.sh", *packages], cwd=tmp_path, env={"PATH": str(programs)}, capture_output=True, text=True)

    add.run, add.folder = run, tmp_path
    return add


def test_without_sudo_it_names_the_one_command(machine):
    done = machine.run("gcc", "libnew-dev|libold-dev", "make")
    assert done.returncode == 1 and not (machine.folder / "calls").exists()
    assert re.search(r"^    apt-get update && apt-get install -y --no-install-recommends libold-dev make$", done.stdout, re.M), done.stdout


def test_with_sudo_it_installs_in_one_go_and_shows_how_far_it_is(machine):
    machine("sudo", 'exec "$@"')
    done = machine.run("gcc", "libnew-dev|libold-dev", "make")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "downloading, 50 %" in done.stdout and "installing, 60 %" in done.stdout
    calls = (machine.folder / "calls").read_text().splitlines()
    assert len(calls) == 2 and calls[1].endswith(" libold-dev make"), calls
    assert machine.run("gcc", "libold-dev|libnew-dev", "make").stdout == "", "nothing is missing any more"


def test_what_cannot_be_installed_is_told_with_the_command(machine):
    machine("sudo", 'exec "$@"')
    machine("apt-get", '[ "$1" = update ] || { echo "E: Unable to locate package libold-dev"; exit 100; }')
    done = machine.run("libnew-dev|libold-dev")
    assert done.returncode == 1 and "Unable to locate" in done.stdout and "sudo sh -c 'apt-get update" in done.stdout, done.stdout


def test_everything_that_is_missing_is_named_at_once(tmp_path):
    (tmp_path / "pkg-config").write_text('#!/bin/sh\n[ "$2" != libzmq ] && [ "$2" != msgpack ] && [ "$2" != msgpack-c ]\n')
    (tmp_path / "pkg-config").chmod(0o755)
    done = subprocess.run([SETUP / "check.sh", "no-such-cc"], env={**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 1
    assert all(words in done.stdout for words in ("C compiler: no-such-cc", "libzmq", "msgpack-c")) and "libevent" not in done.stdout, done.stdout


def ask_python(python, tmp_path):
    done = subprocess.run([python, SETUP / "python.py", tmp_path / "out.mk", tmp_path / "venv"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split(" := ", 1) for line in (tmp_path / "out.mk").read_text().splitlines())


def test_the_python_behind_an_environment_is_embedded(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "own"], check=True)
    of_base = ask_python(getattr(sys, "_base_executable", sys.executable), tmp_path)
    (tmp_path / "out.mk").unlink()
    of_venv = ask_python(tmp_path / "own" / "bin" / "python", tmp_path)
    assert of_venv["PY_CF"] == of_base["PY_CF"] and not (tmp_path / "venv").exists()
    assert os.path.realpath(of_venv["PY_EMBEDDED"]) == os.path.realpath(of_base["PY_EMBEDDED"])


def test_another_version_is_refused_by_name(tmp_path):
    code = "import sys; sys.version_info = (3, 10, 2); sys.argv[1:] = ['out', 'venv']; import runpy; runpy.run_path(sys.argv.pop(0) or '', run_name='__main__')"
    code = code.replace("sys.argv.pop(0) or ''", repr(str(SETUP / "python.py")))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "is Python 3.10; Katydid embeds CPython 3.11 to 3.14" in done.stderr, done.stderr


def c_files(tree):
    return {p.relative_to(tree) for room in ("common", "master", "worker") for p in (tree / room).rglob("*.[ch]")}


def test_an_image_needs_only_what_its_layers_have(tmp_path):
    """Each make of the Dockerfile finds its rules and files among what was copied before it; none of them is run."""
    (tmp_path / "build/node").mkdir(parents=True)
    for stamp in ("build/.deps-build", "build/.deps-build-page", "build/node/.stamp"):
        (tmp_path / stamp).touch()
    seen, told = [], []
    for line in (ROOT / "docker/Dockerfile").read_text().split("\nFROM ")[1].splitlines():
        if line.startswith("COPY "):
            *sources, folder = line.split()[1:]
            for source in (one for pattern in sources for one in ROOT.glob(pattern)):
                if source.is_dir():
                    shutil.copytree(source, tmp_path / folder, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns("node_modules", "dist"))
                else:
                    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
                    shutil.copy2(source, tmp_path / folder)
            seen += sources
        elif found := re.match(r"RUN (make\b[^&]*)", line):
            for stamp in tmp_path.glob("build/.deps-*"):
                os.utime(stamp)  # they are there
            done = subprocess.run([*found.group(1).split(), "-n"], cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, (line, done.stderr)
            assert "apt-get" not in done.stdout
            told.append(("Makefile" in seen, found.group(1)))
            if told[-1][0]:  # a folder that is not there is no error to make, only to the linker
                assert not (missing := c_files(ROOT) - c_files(tmp_path)), (line, missing)
            if (tmp_path / "setup/options.py").exists():
                subprocess.run([sys.executable, tmp_path / "setup/options.py"], check=True)
    assert [has_makefile for has_makefile, _ in told] == [False, False, True, True, True], told


FAILING = "PY_COMPLETE=sh -c 'echo a test failed; echo 3 passed, 1 failed; exit 1'"


def run_make(folder, *words, quit_is=signal.SIG_DFL):
    """quit_is: what SIGQUIT is to it, whatever it is to who runs the tests."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", "--no-print-directory", *words], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False, preexec_fn=lambda: signal.signal(signal.SIGQUIT, quit_is))


def test_a_clone_that_was_moved_and_its_last_line_when_tests_failed(tmp_path):
    """An environment whose programs name another folder is made anew. Neither make's own words nor others come behind the result."""
    for each in ROOT.iterdir():
        if each.name not in ("build", ".git"):
            (tmp_path / each.name).symlink_to(each)
    for name, where in (("venv-locust", "/elsewhere"), ("venv-clients", str(tmp_path))):
        programs = tmp_path / "build" / name / "bin"
        programs.mkdir(parents=True)
        (programs / "pip").write_text(f"#!{where}/build/{name}/bin/python3\n")
        (programs.parent / ".stamp").touch()
    done = run_make(tmp_path, "unit", "UNIT_B=", FAILING)
    assert done.returncode != 0 and done.stdout.splitlines()[-1] == "3 passed, 1 failed", done.stdout
    assert not (tmp_path / "build/venv-locust/.stamp").exists() and (tmp_path / "build/venv-clients/.stamp").exists()


def test_failed_tests_are_a_code_also_where_a_shell_put_make_into_the_background(tmp_path):
    """Which ignores SIGQUIT there."""
    for each in ROOT.iterdir():
        if each.name not in ("build", ".git"):
            (tmp_path / each.name).symlink_to(each)
    done = run_make(tmp_path, "unit", "UNIT_B=", FAILING, quit_is=signal.SIG_IGN)
    assert done.returncode != 0 and "3 passed, 1 failed" in done.stdout.splitlines(), done.stdout
