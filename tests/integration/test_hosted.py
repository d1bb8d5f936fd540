"""Workers that are processes of an ordinary Python, as in the wheel (packaging/wheel): a virtual environment with the library, and programs beside it."""

import os
import signal
import subprocess
import sys

import pytest
from harness import BUILD, PATIENCE, ROOT, csv_row, locustfile, run_katydid, sanitizer_env, target

LAUNCHER = ROOT / "packaging/wheel/katydid-worker"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosted") / "v"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", folder], check=True, timeout=PATIENCE)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "library.pth").write_text(f"{BUILD / 'python'}\n")
    return folder / "bin/python"


def environment(python, **more):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**clean, **sanitizer_env(), "KATYDID_WORKER": str(LAUNCHER), "KATYDID_PYTHON": str(python), **more}


def script(python, folder, code, **more):
    path = folder / "script.py"
    path.write_text(code)
    return subprocess.run([LAUNCHER, "--python", path, "word"], capture_output=True, text=True, timeout=PATIENCE, env=environment(python, **more), check=False)


def test_a_run_counts_what_the_target_saw(python, tmp_path):
    text = """
        from locust import HttpUser, constant, task
        class Visitor(HttpUser):
            wait_time = constant(0.05)
            @task
            def look(self):
                self.client.get("/ok")
    """
    with target() as server, locustfile(text) as path:
        done = run_katydid("-f", path, "-H", server.url, "--headless", "-u", "4", "-r", "4", "-t", "2s", "--processes", "2",
                           "--csv", tmp_path / "out", env=environment(python))
        assert done.code == 0, done.output()
        seen = server.log()["requests"]
    row = csv_row(tmp_path / "out_stats.csv", "Aggregated")
    reported = int(row["Request Count"])
    assert reported > 0 and row["Failure Count"] == "0" and reported <= seen <= reported + 4, "at most one of each user was cut off"


def test_it_is_that_python_with_the_settings_of_a_worker(python, tmp_path):
    done = script(python, tmp_path, """
import os, resource, signal, sys, _katydid
assert sys.executable.startswith(os.environ["KATYDID_PYTHON"].rpartition("/")[0]), sys.executable
assert sys.argv[1:] == ["word"] and sys.flags.utf8_mode and sys.flags.ignore_environment and sys.flags.safe_path
assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL and "GLIBC_TUNABLES" not in os.environ
assert len(set(resource.getrlimit(resource.RLIMIT_NOFILE))) == 1
assert open("/proc/self/comm").read() == "katydid-worker\\n"
import gevent, locust, time
assert time.sleep is _katydid.sleep
sys.exit(7)
""", PYTHONHOME="/nowhere")
    assert done.returncode == 7, done.stderr


def test_very_many_greenlets_start_and_end(python, tmp_path):
    done = script(python, tmp_path, """
import gevent
for _ in range(3):
    gevent.joinall([gevent.spawn(gevent.sleep, 0.01) for _ in range(3000)], raise_error=True)
print("done")
""")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_the_end_is_not_kept_waiting(python, tmp_path):
    done = script(python, tmp_path, """
import sys
from gevent import monkey
class Slow:
    def __del__(self): monkey.get_original("time", "sleep")(600)
keep = Slow()
sys.exit(5)
""")
    assert done.returncode == 5, done.stderr


def test_what_is_wrong_is_said(python, tmp_path):
    done = script(tmp_path / "python", tmp_path, "")
    assert done.returncode == 1 and "no Python at" in done.stderr, done.stderr
    done = subprocess.run([LAUNCHER, "--what"], capture_output=True, text=True, env=environment(python), timeout=PATIENCE, check=False)
    assert done.returncode == 2 and "katydid-worker --config FILE" in done.stderr, done.stderr
    done = script(python, tmp_path, "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n")
    assert done.returncode == -signal.SIGINT, (done.returncode, done.stderr)
