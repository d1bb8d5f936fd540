# SPDX-License-Identifier: MIT
"""Our gRPC against grpc-go (tests/peers/grpc), with the package grpc installed and without."""

import subprocess
import textwrap

import pytest
from grpc_scripts import PRELUDE, grpc_run  # noqa: F401  a fixture
from harness import CLIENTS, ROOT, Process, run_script


@pytest.fixture(scope="module")
def ports(certificate):
    with Process([ROOT / "build" / "peers" / "grpc", *certificate], stdin=subprocess.PIPE) as server:
        yield server.wait_line(r"^\{.*\}$").group(0)


def test_calls_of_all_four_kinds(run):
    run("""
        answer, call = unary("Echo").with_call(b"hello", metadata=[("key", "value"), ("key-bin", b"\\0\\1\\2")], name="echo")
        assert answer == b"hello" and call.code() is StatusCode.OK
        first, last = dict(call.initial_metadata()), dict(call.trailing_metadata())
        assert first["first"] == "1" and first["first-bin"] == b"\\0\\1\\xff", first
        assert last["saw-key"] == "value" and last["saw-key-bin"] == b"\\0\\1\\2", last
        ch = channel()
        assert list(ch.unary_stream("/t.T/Many")(b"100 0")) == [b"%d" % i for i in range(100)]
        assert ch.stream_unary("/t.T/Join")(iter([b"a", b"b", b"c"])) == b"a b c"
        assert list(ch.stream_stream("/t.T/Each")(b"x%d" % i for i in range(50))) == [b"X%d" % i for i in range(50)]
        for size in 0, 1, 65536, (4 << 20) - 5:
            assert len(unary("Bytes")(b"%d" % size, name="bytes")) == size
        assert not failures() and rows()["grpc first", "/t.T/Many"]["num_requests"] == 1
    """)


def test_statuses_in_its_words(run):
    run("""
        fail = unary("Fail")
        for number in range(1, 17):
            error = error_of(fail, f"{number} Größe {number}".encode(), name=str(number))
            assert error.code().value[0] == number and error.details() == f"Größe {number}", error
            assert dict(error.trailing_metadata())["why-bin"] == b"\\xfe\\xff"
        error = error_of(unary("Nothing"), b"", name="nothing")
        assert error.code() is StatusCode.UNIMPLEMENTED and "no such method" in error.details()
        error = error_of(unary("Bytes"), b"%d" % ((4 << 20) + 1), name="large")
        assert error.code() is StatusCode.RESOURCE_EXHAUSTED, error
        error = error_of(unary("Echo", "small"), b"", metadata=[("key", "x" * 5000)], name="metadata")
        assert error.code() in (StatusCode.INTERNAL, StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED), error
        assert unary("Echo", "small")(b"still there", name="small") == b"still there"
    """)


def test_deadlines_and_who_has_enough(run):
    run("""
        wait = unary("Wait")
        for i in range(20):  # the server ends it by RST_STREAM, ours by itself
            error = error_of(wait, b"30", timeout=0.05, name="late")
            assert error.code() is StatusCode.DEADLINE_EXCEEDED, error
        future = wait.future(b"30", name="cancelled")
        gevent.sleep(0.05)
        assert future.cancel() and future.cancelled()
        with channel().unary_stream("/t.T/Many")(b"1000000 0", name="many") as stream:
            assert next(stream) == b"0"
        assert wait(b"0", name="after") == b"waited" and set(failures()) == {"late"}, failures()
    """)


def test_compression_both_ways(run):
    run("""
        for kwargs in {"compression": Compression.Gzip}, {}:
            echo = unary("Echo", **kwargs)
            for message in b"", b"x", b"the same again " * 10000:
                answer, call = echo.with_call(message, compression=Compression.Gzip, name="gzip")
                assert answer == message and "saw-grpc-encoding" not in dict(call.trailing_metadata())
        assert unary("Echo")(b"y" * 1000, compression=Compression.Deflate, name="deflate") == b"y" * 1000, "which it cannot read: once more without"
        assert rows()["grpc", "deflate"]["num_requests"] == 1 and rows()["grpc", "deflate"]["resent"] == 1 and not failures()
    """)


def test_connections_that_end_in_order_cost_no_call(run):
    run("""
        echo, wait, end = unary("Echo", "aging"), unary("Wait", "aging"), time.monotonic() + 1.5
        def talk():
            while time.monotonic() < end:
                assert echo(b"x", name="echo") == b"x"
                gevent.sleep(0.001)
        slow = gevent.spawn(wait, b"1", name="slow")
        gevent.joinall([gevent.spawn(talk) for _ in range(10)], raise_error=True)
        assert slow.get(timeout=30) == b"waited" and not failures(), failures()
    """)


def test_a_server_of_few_streams(run):
    run("""
        wait = unary("Wait", "narrow")
        gevent.joinall([gevent.spawn(wait, b"0.02", name="wait") for _ in range(40)], raise_error=True)
        assert rows()["grpc", "wait"]["num_requests"] == 40 and not failures(), failures()
    """)


def test_tls(run, certificate):
    run("""
        target = f"localhost:{PORTS['tls']}"
        good = secure_channel(target, ssl_channel_credentials(sys.argv[2]))
        assert good.unary_unary("/t.T/Echo")(b"x", name="good") == b"x"
        bad = secure_channel(target, ssl_channel_credentials())
        assert error_of(bad.unary_unary("/t.T/Echo"), b"x", name="bad").code() is StatusCode.UNAVAILABLE
        assert set(failures()) == {"bad"}
    """, certificate[0])


def test_reflection_and_health(ports, tmp_path):
    run_script(tmp_path, PRELUDE + textwrap.dedent("""
        class Guest(GrpcUser):
            host = f"127.0.0.1:{PORTS['plain']}"
            insecure = True

        guest = Guest(Environment(events=events))
        assert guest.grpc.health("") == "SERVING" and guest.grpc.health("t.T") == "NOT_SERVING"
        answer = guest.grpc.call("grpc.health.v1.Health/Check", {"service": "t.T"}, name="check")
        assert answer.status == 2, answer
        watch = guest.grpc.call("grpc.health.v1.Health/Watch", {"service": "t.T"}, name="watch")
        assert next(watch).status == 2
        watch.cancel()
        assert not failures(), failures()
    """), ports, VIRTUAL_ENV=str(CLIENTS))
