"""The worker as a program: exit codes, where modules come from, virtual environments, orphans, very many greenlets."""

import os
import subprocess
import sys
import textwrap
import time

import pytest
from harness import VENV, WORKER, wait_for
from test_core_gevent import run

VERSION = "%d.%d" % sys.version_info[:2]  # of the Python that is embedded, which runs these tests

# Paths, exit codes, the end


def test_exit_codes(tmp_path):
    assert run("sys.exit(5)", code=5)
    assert run("sys.exit('no luck')", code=1, err="no luck")
    assert run("raise ValueError('mine')", code=1, err="ValueError: mine")
    assert run("gevent.spawn(sys.exit, 3).join(); time.sleep(1)", code=3)
    assert run("os._exit(9)", code=9)


def test_output_is_flushed():
    assert "no newline" in run("print('no newline', end=' ')").stdout


def test_the_end_is_not_kept_waiting():
    started = time.monotonic()
    run("""
        from gevent import monkey
        class Slow:
            def __del__(self): monkey.get_original("time", "sleep")(60)
        keep = Slow()
        for _ in range(100): gevent.spawn(time.sleep, 1000)
        gevent.sleep(0)
    """)
    assert time.monotonic() - started < 50


def test_path_order(tmp_path):
    for folder in ("pp", f"venv/lib/python{VERSION}/site-packages/linked", f"venv/lib/python{VERSION}/site-packages/locust"):
        (tmp_path / folder).mkdir(parents=True)
    site = tmp_path / f"venv/lib/python{VERSION}/site-packages"
    (site / "x.pth").write_text(str(site / "linked") + "\n")
    (site / "in_venv.py").write_text("where = 'venv'\n")
    (site / "linked" / "in_link.py").write_text("where = 'link'\n")
    (site / "locust" / "__init__.py").write_text("raise ImportError('the installed Locust')\n")
    (tmp_path / "pp" / "in_venv.py").write_text("where = 'pythonpath'\n")
    version = "%d.%d.%d" % sys.version_info[:3]
    (tmp_path / "venv/pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n")
    env = {"VIRTUAL_ENV": str(tmp_path / "venv"), "PYTHONPATH": str(tmp_path / "pp")}
    run(f"""
        import in_venv, in_link
        assert in_venv.where == "pythonpath" and in_link.where == "link"
        import importlib.util
        assert "site-packages" not in importlib.util.find_spec("locust").origin
        assert sys.prefix == {str(tmp_path / 'venv')!r} and sys.executable.startswith(sys.prefix)
    """, env=env)


def test_a_newer_gevent_from_the_virtual_environment():
    run(f"""
        import greenlet, requests
        assert gevent.__file__.startswith({str(VENV)!r}) and greenlet.__file__.startswith({str(VENV)!r})
        together(lambda: time.sleep(WAIT))
        together(lambda: event.Event().wait(WAIT))
        together(lambda: subprocess.run(["sleep", str(WAIT)], check=True), count=5)
        server = serve()
        together(lambda: requests.get(f"http://127.0.0.1:{{server.server_port}}/").raise_for_status())
        try:
            with gevent.Timeout(0.05):
                time.sleep(10)
        except gevent.Timeout:
            pass
        g = gevent.spawn(time.sleep, 10)
        gevent.sleep(0)
        g.kill()
        assert g.dead
    """, env={"VIRTUAL_ENV": str(VENV)})


@pytest.mark.parametrize("config, words", [
    ("version = 3.9.2\n", ["is for Python 3.9", f"Katydid runs Python {VERSION}", "-m venv"]),
    ("home = /usr\n", ["does not say which Python"]),
    (None, ["which is no virtual environment", "unset VIRTUAL_ENV"]),
])
def test_a_virtual_environment_that_does_not_fit(tmp_path, config, words):
    if config:
        (tmp_path / "pyvenv.cfg").write_text(config)
    result = run("", env={"VIRTUAL_ENV": str(tmp_path)}, code=1, err="katydid-worker: ")
    for word in words:
        assert word in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 and "Traceback" not in result.stderr


def test_missing_python_files():
    result = run("", env={"KATYDID_PYLIB": "/nonexistent"}, code=1, err="KATYDID_PYLIB")
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_orphan_is_sent_sigterm(tmp_path):
    script = tmp_path / "s.py"
    script.write_text(textwrap.dedent("""
        import _katydid, gevent, os, signal, sys
        _katydid.follow_parent(os.getppid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *a: open(sys.argv[1], "w").write("over") and sys.exit(0))
        print(os.getpid(), flush=True)
        gevent.sleep(60)
    """))
    note = tmp_path / "note"
    parent = subprocess.Popen(["sh", "-c", f"{WORKER} --python {script} {note} & wait"], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    wait_for(lambda: note.exists() and note.read_text() == "over", "the signal")
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read().split(")")[1][:3], "the end")


# Many


def test_100_000_sleepers():
    run("""
        N = 5_000 if SANITIZED else 100_000
        count = 0
        def user():
            global count
            count += 1
            time.sleep(1e6)
        _katydid.watchdog(0)
        before = _katydid.health()["memory_bytes"]
        users = [gevent.spawn(user) for _ in range(N)]
        while count < N:
            gevent.sleep(0)
        each = (_katydid.health()["memory_bytes"] - before) / N
        maps = lambda: sum(1 for _ in open("/proc/self/maps"))
        assert SANITIZED or each < (7600 if sys.version_info < (3, 14) else 7800), each
        gone = users[::2]
        for at in range(0, len(gone), 1000):
            gevent.killall(gone[at:at + 1000])
        del users[::2], gone
        assert maps() < 2000 or SANITIZED, maps()      # the kernel's limit is 65,530
    """)
