# SPDX-License-Identifier: MIT
"""gRPC by Katydid's C against servers by grpcio (tests/support/grpc_server.py), with the package grpc installed and without."""

import csv
import json
import re
import subprocess
import textwrap

import pytest
from grpc_scripts import grpc_run  # noqa: F401  a fixture
from harness import CLIENTS, ROOT, Process, csv_row, locustfile, run_katydid


@pytest.fixture(scope="module")
def ports(certificate):
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "grpc_server.py", *certificate], stdin=subprocess.PIPE) as server:
        yield server.wait_line(r"^\{.*\}$").group(0)


def test_one_request_and_one_answer(run):
    run("""
        echo = unary("Echo")
        assert echo(b"hello") == b"hello"
        assert echo(b"", 5) == b""
        large = b"x" * 3_000_000
        assert echo(large, timeout=60) == large
        answer, call = echo.with_call(b"hi", metadata=(("key", "value"), ("key-bin", b"\\0\\xff,"), ("key", "again")))
        assert answer == b"hi" and call.code() is StatusCode.OK and call.details() == ""
        assert call.initial_metadata() == (("first", "1"), ("first-bin", b"\\0\\1\\xff")), call.initial_metadata()
        said = call.trailing_metadata()
        assert [v for k, v in said if k == "saw-key"] == ["value", "again"], said
        assert [v for k, v in said if k == "saw-key-bin"] == [b"\\0\\xff,"] and said[0].key.startswith("saw-")
        assert not call.is_active() and call.time_remaining() is None and not call.cancel()
        row = rows()["grpc", "/t.T/Echo"]
        assert row["num_requests"] == 4 and row["num_failures"] == 0 and row["total_content_length"] == 3_000_007
        assert echo(b"x", name="renamed") == b"x" and rows()["grpc", "renamed"]["num_requests"] == 1
    """)


def test_serializers_are_the_users(run):
    run("""
        say = channel().unary_unary("/t.T/Echo", request_serializer=str.encode, response_deserializer=bytes.decode, _registered_method=True)
        assert say("text") == "text"
        broken = channel().unary_unary("/t.T/Echo", response_deserializer=lambda data: data.no_such)
        error = error_of(broken, b"x", name="broken")
        assert error.code() is StatusCode.INTERNAL and "no_such" in error.details()
        assert failures()["broken"] == str(error)
        try:
            channel().unary_unary("/t.T/Echo", request_serializer=lambda o: 1 / 0)(b"x")
        except ZeroDivisionError:
            pass
        else:
            raise AssertionError
    """)


def test_a_status_that_is_an_error(run):
    run("""
        fail = unary("Fail")
        for number, code in enumerate(StatusCode):
            if not number:
                continue
            error = error_of(fail, f"{number} caf\\u00e9 % {number}".encode(), name=code.name)
            assert error.code() is code and error.details() == f"caf\\u00e9 % {number}", error
            assert dict(error.trailing_metadata()) == {"why-bin": b"\\xfe\\xff", "why": "so"}, error.trailing_metadata()
            assert failures()[code.name] == f"StatusCode.{code.name}: caf\\u00e9 % {number}" == str(error)
            assert rows()["grpc", code.name]["num_failures"] == 1
            assert error.exception() is error and error.done()
        for ok in StatusCode.NOT_FOUND, (StatusCode.ABORTED, StatusCode.NOT_FOUND):
            assert error_of(fail, b"5 no", name="expected", ok=ok).code() is StatusCode.NOT_FOUND
        error_of(fail, b"6 no", name="unexpected", ok=ok)
        assert rows()["grpc", "expected"]["num_failures"] == 0 and rows()["grpc", "unexpected"]["num_failures"] == 1
        missing = error_of(unary("Missing"), b"")
        assert missing.code() is StatusCode.UNIMPLEMENTED, missing
    """)


def test_details_of_an_error(run):
    run("""
        from katydid.grpc import status_details
        error = error_of(unary("Rich"), b"")
        assert error.code() is StatusCode.INVALID_ARGUMENT and error.details() == "not so"
        try:
            from grpc_status import rpc_status
        except ImportError:  # of protobuf an old one may be there
            try:
                details = status_details(error)
            except ImportError as missing:
                assert "pip install protobuf" in str(missing)
            else:
                assert [d.DESCRIPTOR.full_name for d in details][1] == "google.protobuf.Any"
        else:
            whole = rpc_status.from_call(error)
            assert (whole.code, whole.message, len(whole.details)) == (3, "not so", 2)
            known, unknown = status_details(error)
            assert [(v.field, v.description) for v in known.field_violations] == [("name", "too short")]
            assert (unknown.type_url, unknown.value) == ("type.example/own.Kind", b"\\x08\\x05")
            assert type(known).__module__ == "google.rpc.error_details_pb2"
            plain = error_of(unary("Fail"), b"5 no")
            assert rpc_status.from_call(plain) is None
            answer, call = unary("Echo").with_call(b"", metadata=(("key", "value"),))
            assert status_details(call) == []
        assert status_details(error_of(unary("Fail"), b"5 no")) == []
    """)


def test_pings_that_keep_a_connection(run, certificate):
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "h2_server.py", *certificate]) as server:
        run("""
            OTHER = json.loads(sys.argv[2])["plain"]
            def pinged(path):
                s = locust.clients.HttpSession(f"http://127.0.0.1:{OTHER}", events.request, type("U", (), {"http2": "prior-knowledge", "context": dict})())
                s.trust_env = False
                log = s.get("/log", name="log").json()
                return [asked for c, _, asked in log if asked == "ping" and c in [c for c, _, asked in log if asked == path]]
            def to(path, **options):
                options = tuple((f"grpc.{name}", value) for name, value in options.items())
                return insecure_channel(f"127.0.0.1:{OTHER}", options).unary_unary(path)
            error = error_of(to("/deaf", keepalive_time_ms=100, keepalive_timeout_ms=200), b"", name="deaf")
            assert error.code() is StatusCode.UNAVAILABLE, error
            idle = to("/idle", keepalive_time_ms=100, keepalive_timeout_ms=60_000, keepalive_permit_without_calls=1)
            quiet, usual = to("/quiet", keepalive_time_ms=100), to("/usual")
            for call in idle, quiet, usual:
                error_of(call, b"", name="no grpc there")
            while len(pinged("/idle")) < 3:
                gevent.sleep(0.05)
            assert not pinged("/quiet") and not pinged("/usual"), "nothing is on it"
            waiting = gevent.spawn(error_of, to("/hold", keepalive_time_ms=100, keepalive_timeout_ms=60_000), b"", name="held")
            while not any(pinged("/hold")):
                gevent.sleep(0.05)
            waiting.kill()
            for wrong in {"keepalive_time_ms": 0}, {"keepalive_timeout_ms": "20"}, {"keepalive_permit_without_calls": 2}:
                try:
                    to("/x", **wrong)
                except ValueError as error:
                    assert "is a whole number from" in str(error), error
                else:
                    raise AssertionError(wrong)
        """, server.wait_line(r"^\{.*\}$").group(0))


def test_deadlines(run):
    run("""
        wait = unary("Wait")
        before = time.monotonic()
        error = error_of(wait, b"30", timeout=0.2, name="late")
        assert error.code() is StatusCode.DEADLINE_EXCEEDED and 0.19 < time.monotonic() - before, error
        assert failures()["late"] == "StatusCode.DEADLINE_EXCEEDED: Deadline Exceeded"
        assert 200 <= rows()["grpc", "late"]["max_response_time"]
        error = error_of(channel(timeout=0.1).unary_unary("/t.T/Wait"), b"30", name="of the channel")
        assert error.code() is StatusCode.DEADLINE_EXCEEDED
        for past in 0, -1:
            assert error_of(wait, b"0", timeout=past, name="past").code() is StatusCode.DEADLINE_EXCEEDED
        answer, call = wait.with_call(b"0", timeout=60)
        assert 0 < call.time_remaining() < 60
        stream = channel().unary_stream("/t.T/Many")(b"100 0.05", timeout=0.3, name="stream")
        got = []
        error = error_of(lambda: [got.append(m) for m in stream])
        assert error.code() is StatusCode.DEADLINE_EXCEEDED and 0 < len(got) < 100
        while counts()["cancelled"].get("Wait", 0) < 1:  # the server heard of it
            gevent.sleep(0.01)
    """)


def test_users_wait_side_by_side_on_one_connection(run):
    run("""
        ch = channel()
        wait = ch.unary_unary("/t.T/Wait")
        wait(b"0")
        before, opened = time.monotonic(), _katydid.client_counters()["connections_opened"]
        gevent.joinall([gevent.spawn(wait, b"0.3") for _ in range(20)], raise_error=True)
        elapsed_ms = (time.monotonic() - before) * 1000
        assert _katydid.client_counters()["connections_opened"] == opened
        assert rows()["grpc", "/t.T/Wait"]["total_response_time"] > elapsed_ms, "nobody waited for another"
        assert rows()["grpc", "/t.T/Wait"]["num_requests"] == 21
    """)


def test_no_server(run):
    run("""
        import socket
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            error = error_of(insecure_channel(f"127.0.0.1:{port}").unary_unary("/a/B"), b"")
            assert error.code() is StatusCode.UNAVAILABLE and "refused" in error.details().lower(), error
            assert failures()["/a/B"] == str(error) == f"StatusCode.UNAVAILABLE: {error.details()}"
            late = error_of(insecure_channel(f"127.0.0.1:{port}").unary_unary("/a/B"), b"", timeout=0.3, wait_for_ready=True)
            assert late.code() is StatusCode.DEADLINE_EXCEEDED, late

            def took():
                began = time.monotonic()
                error_of(insecure_channel(f"127.0.0.1:{port}").unary_unary("/a/B"), b"", timeout=1, wait_for_ready=True)
                return time.monotonic() - began

            assert any(took() < 1.3 for _ in range(10)), "it sleeps no longer than it has time"
        error = error_of(insecure_channel("no-such-host.invalid:1").unary_unary("/a/C"), b"")
        assert error.code() is StatusCode.UNAVAILABLE, error
    """)


def test_what_is_stopped_is_cut_off(run):
    run("""
        wait = unary("Wait")
        wait(b"0")
        g = gevent.spawn(wait, b"30", name="cut")
        while counts()["calls"]["Wait"] < 2:
            gevent.sleep(0.005)
        g.kill()
        assert rows()["grpc", "cut"]["cut"] == 1 and rows()["grpc", "cut"]["num_requests"] == 0
        with gevent.Timeout(0.1, False):
            wait(b"30", name="timeout")
        assert rows()["grpc", "timeout"]["cut"] == 1
        stream = channel().unary_stream("/t.T/Many")(b"3 30", name="stream")
        next(stream)
        g = gevent.spawn(next, stream)
        gevent.sleep(0.01)
        g.kill()
        assert rows()["grpc", "stream"]["cut"] == 1
        assert not failures()
    """)


def test_streams(run):
    run("""
        ch = channel()
        many, join, each = ch.unary_stream("/t.T/Many"), ch.stream_unary("/t.T/Join"), ch.stream_stream("/t.T/Each")
        stream = many(b"5")
        assert [m for m in stream] == [b"0", b"1", b"2", b"3", b"4"]
        assert stream.code() is StatusCode.OK and stream.done() and not stream.cancelled() and list(stream) == []
        assert join(iter([b"a", b"b", b"c"])) == b"a b c" and join([]) == b""
        answer, call = join.with_call([b"x" * 100_000] * 30)
        assert len(answer) == 30 * 100_001 - 1 and call.code() is StatusCode.OK
        assert list(each(iter([b"a", b"bc"]))) == [b"A", b"BC"]

        said = gevent.queue.Queue()     # each request follows the answer before it
        said.put(b"one")
        heard = []
        for message in each(iter(said.get, None)):
            heard.append(message)
            said.put(b"more" if len(heard) < 3 else None)
        assert heard == [b"ONE", b"MORE", b"MORE"], heard
        for name, n in ("/t.T/Many", 1), ("/t.T/Each", 2):
            assert rows()["grpc", name]["num_requests"] == n and rows()["grpc first", name]["num_requests"] == n
        assert rows()["grpc", "/t.T/Many"]["total_response_time"] >= rows()["grpc first", "/t.T/Many"]["total_response_time"]
        assert not failures()
    """)


def test_a_stream_that_fails(run):
    run("""
        many = channel().unary_stream("/t.T/Many")
        got, stream = [], many(b"2 0 fail", name="fails")
        error = error_of(lambda: [got.append(m) for m in stream])
        assert error.code() is StatusCode.DATA_LOSS and error.details() == "no more" and got == [b"0", b"1"], error
        assert failures()["fails"] == str(error) and rows()["grpc", "fails"]["num_failures"] == 1
        assert error_of(next, stream).code() is error.code()
        ch = channel()

        def bad():
            yield b"one"
            raise ValueError("no more of these")
        for factory in ch.stream_unary("/t.T/Join"), ch.stream_stream("/t.T/Each"):
            error = error_of(lambda: list(factory(bad(), name="bad")))
            assert error.code() is StatusCode.UNKNOWN and "no more of these" in error.details(), error
        assert rows()["grpc", "bad"]["num_failures"] == 2
    """)


def test_who_lets_go_of_a_stream_ends_it(run):
    run("""
        many = channel().unary_stream("/t.T/Many")
        stream = many(b"1000 0.01", name="cancelled")
        ended = []
        assert stream.add_callback(lambda: ended.append(1))
        assert next(stream) == b"0" and stream.is_active() and stream.cancel() and not stream.cancel()
        assert ended == [1] and not stream.add_callback(print) and stream.cancelled()
        assert error_of(next, stream).code() is StatusCode.CANCELLED
        assert rows()["grpc", "cancelled"]["num_requests"] == 1, "the script's own will is no failure"
        for message in many(b"1000 0.01", name="dropped"):
            break
        del message
        assert rows()["grpc", "dropped"]["discarded"] == 1 and rows()["grpc", "dropped"]["num_requests"] == 0
        with many(b"1000 0.01", name="with") as stream:
            next(stream)
        assert rows()["grpc", "with"]["num_requests"] == 1
        assert not failures()
        while counts()["cancelled"].get("Many", 0) < 3:
            gevent.sleep(0.01)
    """)


def test_a_slow_reader_holds_up_its_own_stream(run):
    run("""
        ch = channel("large", options=[("grpc.max_receive_message_length", -1)])
        each = ch.stream_stream("/t.T/Each")
        slow = each(b"x" * 300_000 for _ in range(20))
        first = next(slow)
        assert ch.unary_unary("/t.T/Echo")(b"meanwhile", timeout=60) == b"meanwhile"
        assert [len(m) for m in slow] == [300_000] * 19
    """)


def test_what_is_under_way_when_its_user_ends(run):
    run("""
        from katydid.grpc import GrpcUser
        from locust.env import Environment

        class Guest(GrpcUser):
            host = f"127.0.0.1:{PORTS['plain']}"

        guest = Guest(Environment(events=events))
        before = counts()
        later = guest.channel.unary_unary("/t.T/Wait").future(b"30", name="later")
        guest.kept = guest.channel.unary_stream("/t.T/Many")(b"1000 0.01", name="kept")
        next(guest.kept)
        while counts()["calls"].get("Wait", 0) == before["calls"].get("Wait", 0):
            gevent.sleep(0.005)
        guest._release()
        assert rows()["grpc", "later"]["cut"] == 1 and later.cancelled()
        assert rows()["grpc", "kept"]["discarded"] == 1 and not guest.kept.is_active()
        gevent.sleep(0.01)
        assert not guest._futures, guest._futures
        assert not failures(), failures()
    """)


COUNTED = """
    from katydid.grpc import GrpcUser
    from locust import task

    class Guest(GrpcUser):
        @task
        def talk(self):
            assert len(list(self.channel.unary_stream("/t.T/Many")(b"5"))) == 5
            assert self.channel.stream_unary("/t.T/Join")([b"a", b"b", b"c"]) == b"a b c"
            assert self.channel.unary_unary("/t.T/Echo")(b"x") == b"x"
"""


def test_messages_of_all_streams_are_counted(ports):
    with locustfile(textwrap.dedent(COUNTED)) as file:
        run = run_katydid("-f", file, "-H", f"127.0.0.1:{json.loads(ports)['plain']}", "--headless", "-u", 1, "-i", 1, "-t", 120)
    for name, number in ("grpc_streams", 2), ("grpc_streams_msgs_sent", 4), ("grpc_streams_msgs_received", 6):
        assert re.search(rf"^{name} +sum {number} ", run.stdout + run.stderr, re.M), (name, run.describe())


def test_users_that_are_over_leave_no_memory(run):
    run("""
        import gc, weakref
        from katydid.grpc import GrpcUser
        from locust.env import Environment

        class Stub:
            def __init__(self, channel):
                self.echo, self.many = channel.unary_unary("/t.T/Echo"), channel.unary_stream("/t.T/Many")

        class Guest(GrpcUser):
            host, stub_class = f"127.0.0.1:{PORTS['plain']}", Stub

        def gone(use):
            guest = Guest(Environment(events=events))
            use(guest)
            return weakref.ref(guest)

        def keep_call(guest):
            guest.answer = guest.stub.echo.with_call(b"x", context={"guest": guest})

        def keep_stream(guest):
            guest.stream = guest.stub.many(b"1000 0.01", name="kept")
            next(guest.stream)

        before = counts()["cancelled"].get("Many", 0)
        refs = [gone(lambda guest: None), gone(keep_call), gone(keep_stream)]
        gc.collect()
        assert not any(ref() for ref in refs), refs
        deadline = time.monotonic() + 20
        while counts()["cancelled"].get("Many", 0) == before:    # the server hears of it, too
            assert time.monotonic() < deadline, counts()
            gevent.sleep(0.01)
    """)


def test_futures(run):
    run("""
        wait = unary("Wait")
        before = time.monotonic()
        all = [wait.future(b"0.2") for _ in range(5)]
        assert not all[0].done() and all[0].running()
        done = []
        all[0].add_done_callback(done.append)
        assert [f.result() for f in all] == [b"waited"] * 5
        assert rows()["grpc", "/t.T/Wait"]["total_response_time"] > (time.monotonic() - before) * 1000
        assert done == [all[0]] and all[0].code() is StatusCode.OK and all[0].exception() is None
        asked = wait.future(b"0.1")
        assert asked.code() is StatusCode.OK and asked.details() == "" and asked.result() == b"waited"
        failed = unary("Fail").future(b"5 not here")
        assert failed.exception().code() is StatusCode.NOT_FOUND and error_of(failed.result).details() == "not here"
        cancelled = wait.future(b"30", name="cancelled")
        gevent.sleep(0.01)
        assert cancelled.cancel() and cancelled.cancelled()
        try:
            cancelled.result()
        except Exception as error:
            assert type(error).__name__ == "FutureCancelledError", error
        joined = channel().stream_unary("/t.T/Join").future([b"a", b"b"])
        assert joined.result() == b"a b"
        assert rows()["grpc", "/t.T/Wait"]["num_requests"] == 6
    """)


def test_sizes(run):
    run("""
        error = error_of(unary("Bytes"), str(5 << 20).encode(), name="large")
        assert error.code() is StatusCode.RESOURCE_EXHAUSTED, error
        assert error.details() == f"Received message larger than max ({5 << 20} vs. {4 << 20})", error
        error = error_of(unary("Echo"), b"x" * (5 << 20), name="sent")
        assert error.details() == f"Sent message larger than max ({5 << 20} vs. {4 << 20})", error
        no_limit = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        assert len(unary("Echo", "large", options=no_limit)(b"x" * (6 << 20), timeout=60)) == 6 << 20
        few = [("grpc.max_receive_message_length", 10)]
        stream = channel(options=few).stream_stream("/t.T/Each")([b"short", b"longer than ten"])
        assert next(stream) == b"SHORT"
        error = error_of(next, stream)
        assert error.details() == "Received message larger than max (15 vs. 10)", error
    """)


def test_compression(run):
    run("""
        text = b"again and " * 10_000
        for how in Compression.Gzip, Compression.Deflate, Compression.NoCompression:
            for server in "plain", "gzip":
                assert unary("Echo", server, compression=how)(text) == text
                assert unary("Echo", server)(text, compression=how) == text
                assert list(channel(server, compression=how).stream_stream("/t.T/Each")([text, b"x"])) == [text.upper(), b"X"]
        assert rows()["grpc", "/t.T/Echo"]["resent"] == 0 and not failures()
    """)


def test_tls(run, certificate):
    run("""
        cert, key = sys.argv[2:4]
        pem = open(cert, "rb").read()
        name = [("grpc.ssl_target_name_override", "localhost")]
        target = f"127.0.0.1:{PORTS['tls']}"
        for roots in cert, pem:
            with secure_channel(target, ssl_channel_credentials(roots), options=name) as ch:
                assert ch.unary_unary("/t.T/Echo")(b"x") == b"x"
        unverified = error_of(secure_channel(target, ssl_channel_credentials()).unary_unary("/t.T/Echo"), b"x", name="unknown")
        assert unverified.code() is StatusCode.UNAVAILABLE and "certificate" in unverified.details(), unverified
        wrong = error_of(secure_channel(target, ssl_channel_credentials(cert), options=[("grpc.ssl_target_name_override", "other")])
                         .unary_unary("/t.T/Echo"), b"x", name="name")
        assert wrong.code() is StatusCode.UNAVAILABLE, wrong
        assert secure_channel(target, ssl_channel_credentials(verify=False)).unary_unary("/t.T/Echo")(b"x") == b"x"
        mutual = f"127.0.0.1:{PORTS['mutual']}"
        own = ssl_channel_credentials(pem, open(key, "rb").read(), pem)
        assert secure_channel(mutual, own, options=name).unary_unary("/t.T/Echo")(b"x") == b"x"
        error = error_of(secure_channel(mutual, ssl_channel_credentials(pem), options=name).unary_unary("/t.T/Echo"), b"x", name="nobody")
        assert error.code() is StatusCode.UNAVAILABLE, error
    """, *certificate)


def test_what_cannot_be_said(run):
    run("""
        echo = unary("Echo")
        for bad in [("Upper", "x")], [("a b", "x")], [("key", "line\\nbreak")], [("key", b"\\xff")], [("key", 1)], ["key"], 5:
            try:
                echo(b"x", metadata=bad)
            except (ValueError, TypeError):
                continue
            raise AssertionError(bad)
        for bad in ((), {"no_such": 1}), ((b"x",), {"request": 1}), ((b"x", 1, None, None, None, None, 7), {}):
            try:
                echo(*bad[0], **bad[1])
            except TypeError:
                continue
            raise AssertionError(bad)
        for kind in "stream_unary", "stream_stream":
            try:
                getattr(channel(), kind)("/t.T/Echo")(5)
            except TypeError:
                continue
            raise AssertionError(kind)
        for bad in {"ok": "x"}, {"ok": 5}, {"ok": ["NOT_FOUND"]}, {"ok": [StatusCode.OK, 5]}, {"compression": "gzip"}, {"compression": 7}, {"timeout": "x"}:
            (what, value), = bad.items()
            try:
                echo(b"x", **bad)
            except (TypeError, ValueError) as error:
                assert what == "timeout" or (what in str(error) and repr(value) in str(error)), error
                continue
            raise AssertionError(bad)
        for ok in StatusCode.OK, [StatusCode.NOT_FOUND], {StatusCode.NOT_FOUND}, (code for code in [StatusCode.NOT_FOUND]):
            echo(b"x", name="fine", ok=ok) if ok is StatusCode.OK else error_of(unary("Fail"), b"5", name="fine", ok=ok)
        assert rows().pop(("grpc", "fine"))["num_failures"] == 0
        try:
            channel(compression="gzip")
        except ValueError as error:
            assert "compression" in str(error) and "'gzip'" in str(error), error
        else:
            raise AssertionError("compression")
        for target in "unix:", "unix-abstract:x", "host:0", "host:99999", "", "host:port":
            try:
                insecure_channel(target)
            except ValueError:
                continue
            raise AssertionError(target)
        assert set(rows()) == {("grpc", "fine")}
    """)


def test_metadata_above_what_the_server_takes(run):
    run("""
        ch = channel()
        echo = ch.unary_unary("/t.T/Echo")
        large = [("key", "x" * 40_000)]
        error = error_of(echo, b"x", metadata=large, timeout=60, name="first")  # waits for the server to say its limit
        assert error.code() is StatusCode.RESOURCE_EXHAUSTED and "the server takes no more than" in error.details(), error
        assert echo(b"x", name="fine") == b"x"
        held = ch.unary_unary("/t.T/Echo").future(b"x" * 2_000_000, timeout=60, name="fine")
        for _ in range(3):
            error = error_of(echo, b"x", metadata=large, name="large")
            assert error.code() is StatusCode.RESOURCE_EXHAUSTED and "the server takes no more than" in error.details(), error
        assert len(held.result(60)) == 2_000_000, "others on the connection go on"
        assert rows()["grpc", "large"]["num_failures"] == 3 and "fine" not in failures()
    """)


def test_by_a_unix_socket(run):
    run("""
        import os
        path = PORTS["unix"]
        for target in f"unix:{path}", f"unix://{path}", f"unix:{os.path.relpath(path)}":
            assert insecure_channel(target).unary_unary("/t.T/Echo")(b"hello", timeout=60) == b"hello", target
        class Caller(GrpcUser):
            host = f"unix://{path}"
        assert Caller(Environment(user_classes=[Caller])).channel.unary_unary("/t.T/Echo")(b"x" * 200_000, timeout=60) == b"x" * 200_000
        error = error_of(insecure_channel("unix:///no/such.sock").unary_unary("/t.T/Echo"), b"", name="none")
        assert error.code() is StatusCode.UNAVAILABLE and "No such file" in error.details(), error
    """)


def test_listeners_get_the_call(run):
    run("""
        heard = []
        events.request.add_listener(lambda **fields: heard.append(fields))
        unary("Echo")(b"hello", context={"a": 1})
        error = error_of(unary("Fail"), b"5 no")
        list(channel().unary_stream("/t.T/Many")(b"2"))
        kinds = [(f["request_type"], f["name"], f["response_length"]) for f in heard]
        assert kinds == [("grpc", "/t.T/Echo", 5), ("grpc", "/t.T/Fail", 0), ("grpc first", "/t.T/Many", 1), ("grpc", "/t.T/Many", 2)], kinds
        assert heard[0]["exception"] is None and heard[0]["context"] == {"a": 1} and heard[0]["response"].code() is StatusCode.OK
        assert heard[0]["url"].endswith("/t.T/Echo") and heard[0]["response_time"] > 0
        assert heard[1]["exception"].code() is StatusCode.NOT_FOUND and str(heard[1]["exception"]) == str(error)
        assert failures() == {"/t.T/Fail": "StatusCode.NOT_FOUND: no"} and rows()["grpc", "/t.T/Echo"]["num_requests"] == 1
    """)


USER = """
import grpc
from katydid.grpc import GrpcUser
from locust import constant, task

class Stub:
    def __init__(self, channel):
        self.Echo = channel.unary_unary("/t.T/Echo", request_serializer=str.encode, response_deserializer=bytes.decode, _registered_method=True)
        self.Many = channel.unary_stream("/t.T/Many", request_serializer=str.encode, response_deserializer=bytes.decode)
        self.Wait = channel.unary_unary("/t.T/Wait", request_serializer=str.encode, response_deserializer=bytes.decode)
"""


def test_users_with_stubs(ports, tmp_path):
    code = USER + """
class Guest(GrpcUser):
    abstract = True
    wait_time = constant(0.01)
    stub_class = Stub
    metadata = {"x-all": "1"}
    timeout = 60

class Talker(Guest):
    fixed_count = 3

    @task
    def talk(self):
        assert self.stub.Echo("hello", tags={"kind": "greeting"}) == "hello"
        assert list(self.stub.Many("3")) == ["0", "1", "2"]

class Waiter(Guest):
    fixed_count = 2

    @task
    def wait(self):
        self.stub.Wait("60")
"""
    with locustfile(code) as file:
        run = run_katydid("-f", file, "-H", f"127.0.0.1:{json.loads(ports)['plain']}", "--headless", "-u", 5, "-r", 5, "-t", 3, "--csv", tmp_path / "out",
                          "--threshold", "http_req_duration{kind:greeting}: p(95)<30000", "--out", f"json={tmp_path / 'all.json'}",
                          env={"VIRTUAL_ENV": str(CLIENTS)})
    assert run.code == 0, run.describe()
    with open(tmp_path / "out_stats.csv", newline="") as file:
        found = {(row["Type"], row["Name"]): int(row["Request Count"]) for row in csv.DictReader(file)}
    assert all(found[row] > 0 for row in (("grpc", "/t.T/Echo"), ("grpc", "/t.T/Many"), ("grpc first", "/t.T/Many"))), found
    assert "cut off in flight" in run.stdout + run.stderr, "those that waited"
    points = [json.loads(line) for line in (tmp_path / "all.json").read_text().splitlines() if '"Point"' in line]
    of_grpc = [p for p in points if p.get("metric") == "http_req_duration" and p["data"]["tags"].get("method") == "grpc"]
    assert of_grpc and all(p["data"]["tags"]["proto"] == "HTTP/2.0" for p in of_grpc)
    assert "grpc_streams_msgs_received" in run.stdout + run.stderr


INTERCEPTED = USER + """
class Adding(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    seen = []

    def intercept_unary_unary(self, continuation, details, request):
        call = continuation(details, request + "!")
        self.seen.append((details.method, call.code().name))
        return call

    def intercept_unary_stream(self, continuation, details, request):
        return continuation(details, request)

class Guest(GrpcUser):
    wait_time = constant(0.01)

    def make_channel(self):
        return grpc.intercept_channel(super().make_channel(), Adding())

    def on_start(self):
        self.stub = Stub(self.channel)

    @task
    def talk(self):
        assert self.stub.Echo("hello") == "hello!"
        assert self.stub.Echo.with_call("x")[1].code() is grpc.StatusCode.OK
        assert self.stub.Echo.future("f").result() == "f!"
        assert list(self.stub.Many("2")) == ["0", "1"]
        try:
            self.channel.unary_unary("/t.T/Fail", str.encode, bytes.decode)("5 no such")
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNKNOWN or error.details() == "no such!", error
        else:
            raise AssertionError
        assert Adding.seen[-1] == ("/t.T/Fail", "NOT_FOUND"), Adding.seen
"""


def test_interceptors_of_grpcio(ports, tmp_path):
    with locustfile(INTERCEPTED) as file:
        run = run_katydid("-f", file, "-H", f"127.0.0.1:{json.loads(ports)['plain']}", "--headless", "-u", 1, "-i", 3, "-t", 60, "--csv", tmp_path / "out",
                          env={"VIRTUAL_ENV": str(CLIENTS)})
    assert "Traceback" not in run.stderr and "AssertionError" not in run.stdout + run.stderr, run.describe()
    assert int(csv_row(tmp_path / "out_stats.csv", "/t.T/Fail")["Failure Count"]) == int(csv_row(tmp_path / "out_stats.csv", "/t.T/Fail")["Request Count"]) > 0
    assert int(csv_row(tmp_path / "out_stats.csv", "/t.T/Echo")["Failure Count"]) == 0


def test_a_span_of_any_authority(run):
    run("""
        hosts = {"[::1]:80": b"::1", "[::1]": b"::1", "a.example:81": b"a.example", "a.example": b"a.example", "[": b"[", "[:": b"[", ":": b""}
        for authority, host in hosts.items():
            _katydid.trace_open(1.0, True, False)
            error_of(channel(options=[("grpc.default_authority", authority)]).unary_unary("/t.T/None"), b"")
            spans, count, dropped = _katydid.trace_take()
            assert count == 1 and dropped == 0, authority
            text = spans.partition(b"server.address")[2][3:]  # its length, and then itself
            assert text[:1 + len(host)] == bytes([len(host)]) + host if host else not text, (authority, text[:40])
        _katydid.trace_close()
    """)
