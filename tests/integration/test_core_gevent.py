"""gevent, the standard library and requests on the worker's loop: everything waits together.

Each case is a small script that `katydid-worker --python` runs. N waits of WAIT seconds must take about one WAIT.
"""

import os
import re
import signal
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

import pytest
from harness import SANITIZED, WORKER, Process, wait_for

LIMIT = 120

PRELUDE = """
import gevent, os, queue, select, signal, socket, subprocess, sys, threading, time, _katydid
from contextlib import contextmanager
from gevent import event, lock, pool
SANITIZED = {sanitized}
WAIT = 0.4

@contextmanager
def within(low, high):
    # high is far above what it takes, and below what it takes when nothing overlaps
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    assert low <= took < high, f"took {{took:.3f}} s"

def until(condition):
    with within(0, 60):
        while not condition():
            gevent.sleep(0.01)

def serve(**tls):
    from gevent import pywsgi
    def app(environ, start_response):
        time.sleep(WAIT)
        start_response("200 OK", [])
        return [b"hello"]
    server = pywsgi.WSGIServer(("127.0.0.1", 0), app, log=None, **tls)
    server.start()
    return server

class Overlap:
    # how many are inside at once
    inside = most = 0
    def __enter__(self):
        self.inside += 1
        self.most = max(self.most, self.inside)
    def __exit__(self, *_):
        self.inside -= 1

def together(func, count=20):
    for _ in range(5):       # on a busy machine some begin late; one after the other they never overlap
        overlap = Overlap()
        def one():
            with overlap:
                func()
        with within(WAIT, 60):
            gevent.joinall([gevent.spawn(one) for _ in range(count)], raise_error=True)
        if overlap.most > count // 2:
            return
    raise AssertionError(overlap.most)
"""


def run(body, env=None, code=0, err=None):
    """Runs the script; returns the finished process. err: what stderr must have; None: no traceback there."""
    script = PRELUDE.format(sanitized=SANITIZED) + textwrap.dedent(body) + "\nprint('done')\n"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
        f.write(script)
        f.flush()
        return finish([f.name], env, code, err)


def finish(words, env, code, err):
    full = {k: v for k, v in os.environ.items() if not k.startswith("LOCUST_") and k != "VIRTUAL_ENV"}
    result = subprocess.run([str(WORKER), "--python", *words], capture_output=True, text=True, timeout=LIMIT,
                            env={**full, **(env or {})}, stdin=subprocess.DEVNULL)
    text = f"code {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert result.returncode == code, text
    assert "Sanitizer" not in result.stderr, text
    if code == 0:
        assert result.stdout.endswith("done\n"), text
    if err is None:
        assert "Traceback" not in result.stderr, text
    else:
        assert err in result.stderr, text
    return result


# Everything waits together


@pytest.mark.parametrize("call", [
    "time.sleep(WAIT)",
    "gevent.sleep(WAIT)",
    "_katydid.sleep(WAIT)",
    "gevent.Timeout(WAIT).start() or event.Event().wait(WAIT)",
    "event.AsyncResult().wait(WAIT)",
    "lock.Semaphore(0).acquire(timeout=WAIT)",
    "threading.Event().wait(WAIT)",
    "select.select([], [], [], WAIT)",
    "subprocess.run(['sleep', str(WAIT)], check=True)",
    "os.waitpid(subprocess.Popen(['sleep', str(WAIT)]).pid, 0)",
])
def test_waits_are_cooperative(call):
    run(f"""
        def wait():
            try:
                {call}
            except gevent.Timeout:
                pass
        together(wait, count=5 if "subprocess" in {call!r} else 20)
    """)


def test_requests_in_greenlets_against_a_wsgi_server():
    run("""
        import requests
        server = serve()
        url = f"http://127.0.0.1:{server.server_port}/"
        together(lambda: requests.get(url).raise_for_status())
        server.stop()
    """)


def test_tls_server_and_client(tmp_path):
    cert, key = str(tmp_path / "c.pem"), str(tmp_path / "k.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    run(f"""
        import requests
        server = serve(certfile={cert!r}, keyfile={key!r})
        url = f"https://localhost:{{server.server_port}}/"
        together(lambda: requests.get(url, verify={cert!r}).raise_for_status(), count=5)
    """)


def test_threads_and_queues():
    run("""
        overlap = Overlap()
        def work(q):
            with overlap:
                time.sleep(WAIT)
            q.put(threading.current_thread().name)
        q = queue.Queue()
        with within(WAIT, 60):
            threads = [threading.Thread(target=work, args=(q,)) for _ in range(20)]
            for t in threads: t.start()
            names = {q.get() for _ in threads}
            for t in threads: t.join()
        assert len(names) == 20 and overlap.most > 10, overlap.most
    """)


def test_real_threads_run_and_sleep_while_the_loop_polls():
    run("""
        ran = []
        def native(n):
            ran.append(n)
            time.sleep(WAIT)           # not on the loop's thread: blocks that thread only
            ran.append(n)
            return sum(range(1000)) + n
        p = gevent.get_hub().threadpool
        with within(WAIT, 60):
            jobs = [p.spawn(native, n) for n in range(10)]
            ticks = 0
            while not all(j.ready() for j in jobs):
                gevent.sleep(0.01)
                ticks += 1
        assert ticks > 1 and ran[0] != ran[1], (ticks, ran)
        assert [j.get() for j in jobs] == [499500 + n for n in range(10)]
    """)


def test_a_native_thread_has_a_loop_of_its_own():
    run("""
        from gevent import monkey
        start = monkey.get_original("_thread", "start_new_thread")
        result, done = [], gevent.get_hub().loop.async_()
        over = event.Event()
        done.start(over.set)
        def native():
            def f(n):
                gevent.sleep(WAIT)
                result.append(n)
            hub = gevent.get_hub()
            gevent.joinall([gevent.spawn(f, n) for n in range(5)])
            result.append(not hub.loop.default)
            hub.destroy()
            done.send()
        with within(WAIT, 90):
            start(native, ())
            assert over.wait(90)
        assert sorted(result[:5]) == [0, 1, 2, 3, 4] and result[5] is True, result
    """)


def test_names_are_resolved_by_the_thread_pool():
    run("""
        def look():
            assert socket.getaddrinfo("localhost", 80)
        gevent.joinall([gevent.spawn(look) for _ in range(20)], raise_error=True)
        try:
            socket.getaddrinfo("no.such.host.invalid", 80)
        except socket.gaierror:
            pass
        else:
            raise AssertionError("resolved")
    """)


def test_pool_and_group():
    run("""
        p = pool.Pool(10)
        overlap = Overlap()
        def one(n):
            with overlap:
                time.sleep(WAIT)
            return n
        with within(2 * WAIT, 60):
            assert p.map(one, range(20)) == list(range(20))
        assert 5 < overlap.most <= 10, overlap.most
    """)


# Ending a wait from outside


def test_timeout_and_kill_come_up_at_the_sleep():
    run("""
        with within(0.1, 9):
            try:
                with gevent.Timeout(0.1):
                    time.sleep(10)
            except gevent.Timeout:
                pass
        seen = []
        def sleeper():
            try:
                time.sleep(10)
            except gevent.GreenletExit:
                seen.append("exit")
                raise
            finally:
                time.sleep(0.01)
                seen.append("finally")
        g = gevent.spawn(sleeper)
        gevent.sleep(0)
        with within(0, 9):
            g.kill()
        assert seen == ["exit", "finally"] and g.dead and isinstance(g.value, gevent.GreenletExit)
        g = gevent.spawn(time.sleep, 10)
        gevent.sleep(0)
        g.kill(ValueError("no"), block=False)
        err = sys.stderr; sys.stderr = None
        g.join()
        sys.stderr = err
        assert isinstance(g.exception, ValueError)
    """)


def test_sleepers_are_ended_where_they_sleep():
    run("""
        seen = []
        def sleeper(n):
            try:
                time.sleep(10)
            except gevent.GreenletExit:
                seen.append(n)
                time.sleep(0.01)
                raise
        sleeping = [gevent.spawn(sleeper, n) for n in range(300)]
        waiting = gevent.spawn(gevent.event.Event().wait)
        gevent.sleep(0)
        asleep = _katydid.sleepers()
        assert _katydid.end_sleepers([*sleeping, waiting], asleep, gevent.GreenletExit) == [waiting]
        sleeping[7].kill(ValueError, block=False)  # what is thrown before its turn is what it raises
        err = sys.stderr; sys.stderr = None
        gevent.sleep(0)
        again = gevent.spawn(sleeper, 300)
        gevent.sleep(0)
        assert _katydid.end_sleepers([again], asleep, gevent.GreenletExit) == [again]  # who was not there
        again.kill()
        gevent.joinall(sleeping)
        sys.stderr = err
        assert isinstance(sleeping.pop(7).exception, ValueError)
        assert sorted(seen) == [n for n in range(301) if n != 7] and not waiting.dead
        time.sleep(0.01)  # a nap that was used so is as good as new
        waiting.kill()
        resting = [gevent.spawn(_katydid.rest, seconds) for seconds in (10, 10, 0.01)]  # whose end raises nothing
        gevent.sleep(0)
        assert _katydid.end_sleepers(resting[:1], _katydid.sleepers(), gevent.GreenletExit) == []
        resting[1].kill()
        assert [rest.get() for rest in (resting[0], resting[2])] == [True, None]
        assert isinstance(resting[1].get(), gevent.GreenletExit)
    """)


def test_a_thousand_kills_in_the_turn_they_are_due():
    run("""
        for round in range(20):
            gs = [gevent.spawn(time.sleep, 0.01) for _ in range(100)]
            gevent.sleep(0.01)
            gevent.killall(gs)
            assert all(g.dead for g in gs)
        together(lambda: time.sleep(WAIT))
    """)


def test_a_switch_that_is_not_the_wake_is_an_error_and_leaves_nothing_behind():
    run("""
        seen = []
        def sleeper():
            try:
                time.sleep(0.05)
            except gevent.exceptions.InvalidSwitchError as e:
                seen.append(e)
            time.sleep(0.1)      # the first timer must not end this
            seen.append("end")
        g = gevent.spawn(sleeper)
        gevent.sleep(0)
        gevent.get_hub().loop.run_callback(g.switch)
        with within(0.08, 9):
            g.join()
        assert len(seen) == 2, seen
    """)


def test_blocking_in_the_hub_is_an_error_not_a_deadlock():
    run("""
        seen = []
        gevent.get_hub().handle_error = lambda context, type, value, tb: seen.append(type.__name__)
        gevent.get_hub().loop.run_callback(time.sleep, 1)
        until(lambda: seen)
        assert seen == ["BlockingSwitchOutError"], seen
    """)


def test_a_wait_that_nobody_can_end_raises_loop_exit():
    run("""
        for _ in range(3):
            try:
                event.Event().wait()
            except gevent.exceptions.LoopExit:
                pass
            else:
                raise AssertionError("no LoopExit")
        gevent.sleep(0.01)
        t = gevent.get_hub().loop.timer(1000, ref=False)
        t.start(lambda: None)
        assert gevent.get_hub().join(timeout=60)
    """)


def test_sleep_checks_its_argument():
    run("""
        for bad, error in ((None, TypeError), ("1", TypeError), (float("nan"), ValueError), (1e300, OverflowError)):
            try:
                time.sleep(bad)
            except error:
                continue
            raise AssertionError(bad)
        with within(0, 9):
            time.sleep(0)
            gevent.sleep()
            gevent.sleep(-1)
            gevent.sleep(seconds=0.01, ref=True)
        for _ in range(50):
            start = time.monotonic()
            time.sleep(0.003)
            assert time.monotonic() - start >= 0.003
    """)


def test_sleep_zero_is_fair():
    run("""
        order = []
        def f(name):
            for _ in range(3):
                order.append(name)
                time.sleep(0)
        gevent.joinall([gevent.spawn(f, n) for n in "ab"])
        assert order == list("ababab"), order
    """)


# Loop watchers


def test_plugins_of_gevent_hear_of_the_patching(tmp_path):
    (tmp_path / "a_plugin.py").write_text("heard = []\n")
    (tmp_path / "a_plugin-1.0.dist-info").mkdir()
    (tmp_path / "a_plugin-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: a-plugin\nVersion: 1.0\n")
    (tmp_path / "a_plugin-1.0.dist-info" / "entry_points.txt").write_text(
        "[gevent.plugins.monkey.will_patch_all]\nx = a_plugin:heard.append\n"
        "[gevent.plugins.monkey.did_patch_all]\ny = a_plugin:heard.append\n"
    )
    run(
        """
        import a_plugin
        from gevent import events
        assert [type(event) for event in a_plugin.heard] == [events.GeventWillPatchAllEvent, events.GeventDidPatchAllEvent]
        assert "pkg_resources" not in sys.modules  # which takes longer to import than all else
    """,
        env={"PYTHONPATH": str(tmp_path)},
    )


def test_a_plugin_that_is_there_twice_hears_once(tmp_path):
    """One of them is being developed: its metadata have no version in their name."""
    (tmp_path / "a_plugin.py").write_text("heard = []\n")
    for folder in "a_plugin-1.0.dist-info", "a_plugin.egg-info":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "entry_points.txt").write_text("[gevent.plugins.monkey.did_patch_all]\ny = a_plugin:heard.append\n")
    run("import a_plugin\nassert len(a_plugin.heard) == 1, a_plugin.heard", env={"PYTHONPATH": str(tmp_path)})


def test_who_was_switched_to_may_end_while_the_other_waits():
    """A build of greenlet with assertions (Debian 13's) looks at it once more when the other goes on."""
    run("""
        import greenlet, weakref
        gone, ended = [], []
        def short():
            time.sleep(0.005)
        def long():
            time.sleep(0.005)  # ready in the turn in which a short one is: goes straight to it when it waits again
            time.sleep(0.05)
            ended.append(1)
        def start():
            one = greenlet.greenlet(short, gevent.get_hub())
            gone.append(weakref.ref(one))
            gevent.get_hub().loop.run_callback(one.switch)
        for _ in range(20):
            users = [gevent.spawn(long) for _ in range(20)]
            gevent.sleep(0)
            for _ in range(20):
                start()
            gevent.sleep(0.02)
            filler = [bytes([255]) * size for size in range(8, 480, 8) for _ in range(200)]
            gevent.joinall(users)
        assert len(ended) == 400
        assert [ref() for ref in gone] == [None] * len(gone)
    """)


def test_who_is_ready_follows_ends_alone_and_answers_for_itself():
    run("""
        import greenlet, weakref
        hub = gevent.get_hub()
        seen, errors, left = [], [], []
        hub.handle_error = lambda context, kind, value, tb: errors.append((context, kind))
        def user(name, rounds):
            for _ in range(rounds):
                time.sleep(0.0001)
                seen.append(name)
        def fails():
            time.sleep(0.01)
            raise ValueError("of mine")
        class Mine:
            pass
        def ends():
            mine = Mine()
            left.append(weakref.ref(mine))
            time.sleep(0.01)
        users = [gevent.spawn(user, i, 200) for i in range(10)]
        raw = [greenlet.greenlet(f, hub) for f in (fails, ends, fails)]
        for one in raw:
            hub.loop.run_callback(one.switch)
        until(lambda: all(one.dead for one in raw))
        assert {(id(context), kind) for context, kind in errors} == {(id(raw[0]), ValueError), (id(raw[2]), ValueError)}
        assert left[0]() is None
        gone = [weakref.ref(one) for one in raw]
        del raw, one
        errors.clear()
        gevent.joinall(users)
        assert [ref() for ref in gone] == [None] * 3
        assert sorted(seen) == [i for i in range(10) for _ in range(200)]
    """)


def test_watchers():
    run("""
        loop = gevent.get_hub().loop
        calls = []
        r, w = os.pipe()
        reader, other = loop.io(r, 1), loop.io(r, 1)
        reader.start(lambda: calls.append(("read", os.read(r, 1))) or reader.stop())
        other.start(lambda events: calls.append(("events", events)) or other.stop(), pass_events=True)
        writer = loop.io(w, 2)
        writer.start(lambda: writer.stop() or os.write(w, b"x"))
        until(lambda: len(calls) == 2)
        assert ("read", b"x") in calls and ("events", 1) in calls, calls
        repeat = loop.timer(0.01, 0.01)
        count = []
        start = time.monotonic()
        repeat.start(lambda: count.append(1))
        until(lambda: len(count) >= 20)
        repeat.close()
        assert len(count) <= (time.monotonic() - start) / 0.01 + 1, len(count)
        once = loop.timer(0.01)
        once.start(count.clear)
        assert once.active and not once.pending and once.callback is not None
        until(lambda: not count)
        assert not once.active and once.callback is None and count == []
        log = []
        for kind in ("prepare", "check", "idle"):
            watcher = getattr(loop, kind)(ref=False)
            watcher.start(lambda kind=kind, watcher=watcher: log.append(kind) or watcher.stop())
        until(lambda: len(log) == 3)
        assert sorted(log) == ["check", "idle", "prepare"], log
        for bad in (lambda: loop.io(-1, 1), lambda: loop.io(r, 8), lambda: loop.signal(999), lambda: loop.timer(1, -1)):
            try:
                bad()
            except ValueError:
                continue
            raise AssertionError("accepted")
        with open(__file__) as f:
            file = loop.io(f.fileno(), 1)     # epoll refuses regular files: they are always ready
            file.start(lambda: log.append("file") or file.stop())
            until(lambda: log[-1] == "file")
        reader.close()
        try:
            reader.start(print)
        except ValueError:
            pass
        else:
            raise AssertionError("started a closed watcher")
    """)


def test_an_error_in_a_callback_goes_to_the_hub_and_no_further():
    run("""
        seen = []
        hub = gevent.get_hub()
        hub.handle_error = lambda context, type, value, tb: seen.append(str(value))
        def fail(text):
            raise KeyError(text)
        r, w = os.pipe()
        os.write(w, b"x")
        io = hub.loop.io(r, 1)
        io.start(fail, "io")
        timer = hub.loop.timer(0.01)
        timer.start(fail, "timer")
        hub.loop.run_callback(fail, "callback")
        send = hub.loop.async_()
        send.start(fail, "async")
        send.send()
        until(lambda: len(seen) >= 4)
        assert sorted(seen) == ["'async'", "'callback'", "'io'", "'timer'"], seen   # io: once, then stopped
        assert not io.active
    """)


def test_stat_watcher(tmp_path):
    run(f"""
        path = {str(tmp_path / 'file')!r}
        seen = event.Event()
        watcher = gevent.get_hub().loop.stat(path, interval=0.1)
        watcher.start(seen.set)
        open(path, "w").close()
        assert seen.wait(60) and watcher.prev is None and watcher.attr.st_size == 0
        watcher.close()
    """)


# Signals, children, forks


def test_signal_handlers():
    run("""
        got = []
        handler = gevent.signal_handler(signal.SIGUSR1, lambda: time.sleep(0.01) or got.append("gevent"))
        os.kill(os.getpid(), signal.SIGUSR1)
        until(lambda: got)
        assert got == ["gevent"]
        handler.cancel()
        signal.signal(signal.SIGUSR2, lambda *a: got.append("python"))
        from gevent import monkey
        start = monkey.get_original("_thread", "start_new_thread")
        real_sleep = monkey.get_original("time", "sleep")
        start(lambda: (real_sleep(0.1), os.kill(os.getpid(), signal.SIGUSR2)), ())
        with within(0, 9):
            while "python" not in got:      # the handler runs when the signal comes, not at the next event
                gevent.sleep(0.01)
        seen = []
        class Stop(Exception): pass
        def stop(*args): raise Stop
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with within(0, 9):
            try:
                gevent.get_hub().NOT_ERROR += (Stop,)
                gevent.sleep(10)
            except Stop:
                seen.append(1)
        assert seen
    """)


def test_sigterm_wakes_a_sleeping_worker(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("import gevent, signal, sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(7))\n"
                      "print('up', flush=True)\ngevent.sleep(1000)\n")
    with Process([WORKER, "--python", script]) as process:
        process.wait_line("up")
        wait_for(lambda: Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S", "its sleep")
        process.signal(signal.SIGTERM)
        assert process.wait() == 7


def test_sigpipe_is_ignored():
    run("""
        r, w = os.pipe()
        os.close(r)
        try:
            os.write(w, b"x")
        except BrokenPipeError:
            pass
        assert subprocess.run(["sh", "-c", "kill -PIPE $$"]).returncode == -signal.SIGPIPE
    """)


# The watchdog and health


def test_the_watchdog_names_the_line_that_blocks():
    err = run("""
        def spin():
            end = time.monotonic() + 1.6
            while time.monotonic() < end:      # this line
                pass
        gevent.spawn(spin).join()
        gevent.sleep(0.2)
    """, err="Traceback").stderr
    assert re.search(r"kept the event loop for \d", err) and "in spin" in err and "# this line" in err, err
    assert "it stood still for " in err and err.count("in spin") == 1, err


def test_the_watchdog_reports_calls_into_c():
    err = run("""
        import ctypes
        hold = ctypes.PyDLL(None).sleep        # keeps the GIL, unlike ctypes.CDLL
        def block():
            hold(2)                            # this call
        gevent.spawn(block).join()
        gevent.sleep(0.2)
    """, err="Traceback").stderr
    assert "in a call into C" in err and "# this call" in err and "stood still for " in err, err


def test_a_loop_that_turns_is_not_reported():
    run("""
        end = time.monotonic() + 1.6
        def busy():
            while time.monotonic() < end:
                gevent.sleep(0)
        gevent.joinall([gevent.spawn(busy) for _ in range(3)])
    """)


@pytest.mark.alone
def test_health():
    run("""
        _katydid.health()
        gevent.sleep(0.3)
        calm = _katydid.health()
        def hog():
            end = time.monotonic() + 0.3
            while time.monotonic() < end: pass
        gevent.spawn(hog).join()
        gevent.sleep(0.1)
        busy = _katydid.health()
        assert busy["lag_ms"] >= 200, (calm, busy)
        assert busy["cpu_percent"] > calm["cpu_percent"] and busy["memory_bytes"] > 5_000_000, (calm, busy)
    """)
