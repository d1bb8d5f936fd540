"""What every integration test needs: processes that are ended by pid, ports that are free, conditions with deadlines."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("KATYDID_BUILD", ROOT / "build"))
VENV = Path(os.environ.get("KATYDID_LOCUST_VENV", ROOT / "build" / "venv-locust"))
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or str(BUILD / "browser" / "chromium")
BROWSER_PYTHON = Path(os.environ.get("KATYDID_BROWSER_VENV", ROOT / "build" / "venv-browser"))  # the Python with Playwright
CLIENTS = Path(os.environ.get("KATYDID_CLIENTS_VENV", ROOT / "build" / "venv-clients"))  # the Python with other people's clients and servers
KATYDID = BUILD / "katydid"
WORKER = BUILD / "katydid-worker"
STOCK_LOCUST = VENV / "bin" / "locust"
SANITIZED = BUILD.name in ("asan", "ubsan", "tsan")
PATIENCE = 120 if SANITIZED else 60  # seconds a condition may take before a test fails


# Ports for tests: below those that the system gives to outgoing connections, and each of several pytest processes has its own.
RUNNERS = 64
RUNNER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % RUNNERS
PORTS = range(10_000 + RUNNER, 32_000, RUNNERS)
given_ports = set()
started = []  # every Process


def wait_for(condition, what, timeout=PATIENCE):
    """Polls until condition() is truthy and returns it; fails with `what` after timeout seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout} s for {what}")


def free_port():
    """A port that nobody listens on, nor will until the test does: no test's load takes it, and no other test."""
    while True:
        port = random.choice(PORTS)
        if port in given_ports:
            continue
        given_ports.add(port)
        with socket.socket() as s:
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                continue
        return port


def listens(port):
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def sanitizer_env():
    """What a plain Python needs to load the library of an asan build."""
    if BUILD.name != "asan":
        return {}
    names = ("libasan.so", "libstdc++.so.6")  # the second: greenlet throws, and asan looks for it at the start
    found = [subprocess.run(["gcc", f"-print-file-name={n}"], capture_output=True, text=True, check=True).stdout.strip() for n in names]
    return {"LD_PRELOAD": " ".join(found), "ASAN_OPTIONS": asan_options("detect_leaks=0")}


def asan_options(*more):
    """These beside those of the environment (leftovers.py)."""
    return ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), *more)))


def allow_preloaded(env):
    """A library of a test's comes before asan's."""
    if BUILD.name == "asan" and "LD_PRELOAD" in env:
        env["ASAN_OPTIONS"] = asan_options("verify_asan_link_order=0", "detect_leaks=0")
    return env


class Process:
    """A child whose output is collected line by line while it runs."""

    def __init__(self, command, env=None, cwd=None, new_session=True, prefix=(), stdin=subprocess.DEVNULL):
        full = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        for name in [n for n in full if n.startswith("LOCUST_") and n not in (env or {})]:
            del full[name]
        if str(BUILD / "python") in full.get("PYTHONPATH", ""):
            full.update(sanitizer_env())
        else:
            allow_preloaded(full)
        self.command = [*map(str, prefix), *map(str, command)]
        self.popen = subprocess.Popen(
            self.command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            env=full, cwd=cwd, start_new_session=new_session,
        )
        self.pid = self.popen.pid
        self.out, self.err = [], []
        started.append(self)
        self.readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.popen.stdout, self.out), (self.popen.stderr, self.err))
        ]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line)

    @property
    def stdout(self):
        return "".join(self.out)

    @property
    def stderr(self):
        return "".join(self.err)

    def wait_line(self, pattern, timeout=PATIENCE):
        """The match of the first line, on either stream, that fits; fails with the output otherwise."""
        def look():
            for line in [*self.out, *self.err]:
                found = re.search(pattern, line)
                if found:
                    return found
            if self.popen.poll() is not None:
                for reader in self.readers:
                    reader.join(10)
                return re.search(pattern, self.stdout + self.stderr) or "ended"
            return None
        try:
            found = wait_for(look, f"a line like {pattern!r}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None
        assert found != "ended", f"ended with {self.popen.returncode} before a line like {pattern!r}\n{self.describe()}"
        return found

    def wait(self, timeout=120):
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s\n{self.describe()}") from None
        self._close()
        return code

    def _close(self):
        """All that was said is read. Whom a child that lives on keeps waiting goes on reading."""
        for reader, stream in zip(self.readers, (self.popen.stdout, self.popen.stderr), strict=True):
            reader.join(10)
            if not reader.is_alive():
                stream.close()

    def describe(self):
        return f"$ {' '.join(self.command)}\n--- stdout\n{self.stdout[-4000:]}\n--- stderr\n{self.stderr[-8000:]}"

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self):
        """Ends it and, when it leads its own session, whatever it started. By pid only."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(30)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(30)
        self._close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def running():
    return [process for process in started if process.popen.poll() is None]


def katydid(*arguments, **kwargs):
    return Process([KATYDID, *arguments], **kwargs)


def run_katydid(*arguments, timeout=120, **kwargs):
    """Runs to the end; returns the finished Process with .code."""
    with katydid(*arguments, **kwargs) as process:
        process.code = process.wait(timeout)
        return process


def run_script(folder, code, *arguments, **env):
    """That code in a worker's Python; a test fails where it does not get to its end."""
    script = Path(folder) / "script.py"
    script.write_text(f"{code}\nprint('all done')\n")
    done = subprocess.run([WORKER, "--python", script, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE * 2, env=allow_preloaded({**os.environ, **env}))
    assert done.returncode == 0 and "all done" in done.stdout, done.stdout[-2000:] + done.stderr[-4000:]
    return done


@contextmanager
def target(*more, prefix=(), address="127.0.0.1"):
    """The exact test server; yields an object with .url, .log() and .reset()."""
    with Process([BUILD / "support" / "target", "--address", address, *more], prefix=prefix) as process:
        process.url = process.wait_line(r"target listening on (\S+)").group(1)
        process.log = lambda: get_json(process.url + "/__log")
        process.reset = lambda: get(process.url + "/__reset")
        yield process


@contextmanager
def shop(*arguments):
    with Process([sys.executable, ROOT / "locustfiles" / "_shop.py", *arguments]) as process:
        process.url = process.wait_line(r"shop listening on (\S+)").group(1)
        process.counts = lambda: get_json(process.url + "/api/count")
        yield process


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read()


def post(url):
    """Without a body, as Locust 2.47 wants it for what changes something."""
    with urllib.request.urlopen(urllib.request.Request(url, b""), timeout=60) as answer:
        return answer.read()


def get_json(url, **headers):
    return json.loads(get(url, **headers))


@contextmanager
def locustfile(text, name="locustfile.py"):
    """A locustfile with this text in a folder of its own; yields its path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(textwrap.dedent(text))
        yield path


def csv_row(path, name):
    """One row of a _stats.csv as a dict."""
    import csv
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["Name"] == name:
                return row
    raise AssertionError(f"{path} has no row {name!r}")


def children(pid):
    """Pids of the direct children."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


__all__ = [name for name in dir() if not name.startswith("_")] + ["signal"]
