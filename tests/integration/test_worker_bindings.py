"""What _katydid gives Python for statistics and for the link to a master."""

import hashlib
import subprocess
import textwrap

import msgpack
import zmq
from harness import PATIENCE, WORKER, Process


def run_script(tmp_path, text, *args):
    script = tmp_path / "script.py"
    script.write_text("import _katydid, gevent, time\n" + textwrap.dedent(text))
    done = subprocess.run([WORKER, "--python", script, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rows_totals_and_failures(tmp_path):
    out = run_script(tmp_path, """
        record = _katydid.stats_record
        for ms in (10, 20, 30.5):
            record("GET", "/a", ms, 100)
        record("GET", "/a", None)
        record("GET", "/a", 5, 0, "<Oops object at 0x7f12> 0x7f12")
        _katydid.stats_failure("GET", "/a", ValueError("x"))
        _katydid.stats_cut("GET", "/a")
        for _ in range(2):
            (row,) = _katydid.stats_rows(histograms=True)
            total = _katydid.stats_total()
            assert row["num_requests"] == total["num_requests"] == 5
            assert row["num_none_requests"] == 1 and row["num_failures"] == 2 and row["cut"] == 1
            assert (row["min_response_time"], row["max_response_time"]) == (5, 30.5)
            assert row["total_response_time"] == 65.5 and row["total_content_length"] == 300
            assert sum(row["response_times"].values()) == 4 and "response_times" not in total
            assert total["method"] == "" and total["name"] == "Aggregated"
            assert sum(row["num_reqs_per_sec"].values()) == 5
            assert abs(row["last_request_timestamp"] - time.time()) < 60
            texts = {f["error"]: f["occurrences"] for f in _katydid.stats_failures()}
            assert texts == {"<Oops object at 0x....> 0x....": 1, "ValueError('x')": 1}, texts
            assert _katydid.stats_percentile("GET", "/a", 1) == 30.5
            assert _katydid.stats_percentile("", "Aggregated", 0) == 5
            _katydid.stats_report()  # moves what was counted; what Python sees is the same
        _katydid.stats_reset()
        assert [r["num_requests"] for r in _katydid.stats_rows()] in ([], [0])
        record("GET", "/a", 1)
        assert _katydid.stats_total()["num_requests"] == 1
        _katydid.stats_clear()
        assert _katydid.stats_rows() == [] and _katydid.stats_failures() == []
        record("GET", "/a", 1)
        assert _katydid.stats_total()["num_requests"] == 1
        print("good")
    """)
    assert out == "good\n"


def test_names_of_all_kinds(tmp_path):
    out = run_script(tmp_path, r"""
        for name in ("plain", "é☃", "\ud800", "a\0b", "", None, 7, "x" * 100000):
            _katydid.stats_record("GET", name, 1)
        for i in range(50000):
            _katydid.stats_record("GET", f"/item/{i}", 1)
        rows = {r["name"]: r["num_requests"] for r in _katydid.stats_rows()}
        assert {"plain", "é☃", "\\ud800", "a", "", "7"} <= set(rows)
        assert rows[""] == 2 and len(rows) < 20100 and rows["(other)"] > 29000
        assert sum(rows.values()) == _katydid.stats_total()["num_requests"] == 50008
        for bad in (("GET", "/a"), ("GET", "/a", "soon"), ("GET", "/a", 1, "long")):
            try:
                _katydid.stats_record(*bad)
            except TypeError:
                continue
            raise AssertionError(bad)
        print("good")
    """)
    assert out == "good\n"


def test_reports_are_deltas_in_both_dialects(tmp_path):
    out = run_script(tmp_path, """
        import sys
        _katydid.stats_record("GET", "/a", 12, 10, "boom")
        sys.stdout.write(_katydid.stats_report().hex() + "\\n")
        sys.stdout.write(_katydid.stats_report().hex() + "\\n")
        _katydid.stats_record("GET", "/b", 147, 10, "boom")
        sys.stdout.write(_katydid.stats_report_locust().hex() + "\\n")
    """)
    first, second, locust = (msgpack.unpackb(bytes.fromhex(line), strict_map_key=False) for line in out.splitlines())
    assert first[0] == 1 and len(first[2]) == 1 and first[2][0][:3] == ["GET", "/a", 1]
    assert first[3][0][:4] == ["GET", "/a", "boom", 1]
    assert second == [1, 0, [], [], []]
    (entry,) = locust["stats"]
    assert entry["name"] == "/b" and entry["num_requests"] == 1 and entry["response_times"] == {150: 1}
    assert locust["stats_total"]["num_requests"] == 1
    key = hashlib.sha256(b"GET./b.'boom'").hexdigest()
    assert locust["errors"][key]["occurrences"] == 1


def master_socket():
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.linger = 0
    socket.rcvtimeo = PATIENCE * 1000
    return context, socket, socket.bind_to_random_port("tcp://127.0.0.1")


def test_link_parks_only_its_greenlet(tmp_path):
    context, socket, port = master_socket()
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent("""
        import _katydid, gevent, sys
        link = _katydid.Link(sys.argv[1], "worker")
        ticks = []
        ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.001)) for _ in range(10**6)])
        link.send(b"hello")
        for _ in range(100):
            link.send(link.recv())
        assert ticks
        ticker.kill()
        with gevent.Timeout(0.05, False):
            link.recv()
            raise AssertionError("nothing was sent")
        reader = gevent.spawn(link.recv)
        gevent.sleep(0.01)
        try:
            link.recv()
            raise AssertionError("two readers")
        except RuntimeError:
            pass
        link.send(b"again")
        assert reader.get(timeout=60) == b"to the reader"
        waiter = gevent.spawn(link.recv)
        gevent.sleep(0.01)
        link.send(b"bye")
        link.close(1000)
        try:
            waiter.get(timeout=60)
            raise AssertionError("recv of a closed link returned")
        except OSError:
            pass
        link.close()
        print("good")
    """))
    with Process([WORKER, "--python", script, f"tcp://127.0.0.1:{port}"]) as process:
        assert socket.recv_multipart() == [b"worker", b"hello"]
        for n in range(100):
            socket.send_multipart([b"worker", b"%d" % n])
            assert socket.recv_multipart() == [b"worker", b"%d" % n]
        assert socket.recv_multipart() == [b"worker", b"again"]
        socket.send_multipart([b"worker", b"to the reader"])
        assert socket.recv_multipart() == [b"worker", b"bye"]
        process.wait_line("^good$")
    socket.close()
    context.term()


def test_a_waiting_link_costs_nothing(tmp_path):
    """A payload that nobody reads must not spin the loop."""
    context, socket, port = master_socket()
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent("""
        import _katydid, gevent, sys, time
        link = _katydid.Link(sys.argv[1], "worker")
        link.send(b"hello")
        assert link.recv() == b"one"
        gevent.sleep(0.2)
        before = time.process_time()
        gevent.sleep(1.5)  # with nothing to do
        print("spent", time.process_time() - before)
        assert link.recv() == b"two"
    """))
    with Process([WORKER, "--python", script, f"tcp://127.0.0.1:{port}"]) as process:
        socket.recv_multipart()
        socket.send_multipart([b"worker", b"one"])
        socket.send_multipart([b"worker", b"two"])
        spent = float(process.wait_line(r"spent ([\d.e-]+)").group(1))
        assert spent < 1
        process.wait(PATIENCE)
    socket.close()
    context.term()


def test_bad_addresses(tmp_path):
    out = run_script(tmp_path, """
        for endpoint, name in (("nonsense", "w"), ("tcp://127.0.0.1", "w"), ("tcp://127.0.0.1:1", "")):
            try:
                _katydid.Link(endpoint, name)
                raise AssertionError(endpoint)
            except OSError as e:
                assert "write tcp://HOST:PORT" in str(e) or "1 to 255 bytes" in str(e), e
        print("good")
    """)
    assert out == "good\n"
