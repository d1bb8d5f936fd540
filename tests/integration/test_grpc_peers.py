# SPDX-License-Identifier: MIT
"""gRPC against a peer that breaks its rules on request (tests/support/grpc_peer.py): each costs one call, with the right status."""

import textwrap

import pytest
from harness import CLIENTS, ROOT, Process, run_script

PRELUDE = """
import gzip, json, struct, sys, time
import locust, gevent, _katydid
from locust import events
from katydid.grpc import Compression, RpcError, StatusCode, insecure_channel

if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)

def channel(**kwargs):
    return insecure_channel(f"127.0.0.1:{sys.argv[1]}", **kwargs)

ch = channel()

def message(data, flag=0):
    return (bytes([flag]) + struct.pack(">I", len(data)) + data).hex()

HEAD, OK, ONE = ["head", {}], ["trailers", {"grpc-status": "0"}], ["data", message(b"one")]

def asked(path):
    return [call for call in json.loads(ch.unary_unary("/p.P/Asked")(b"", name="asked")) if call[":path"] == path]

def say(*steps, path="/p.P/Call", on=None, key="say", **more):
    return (on or ch).unary_unary(path)(b"x", metadata=[(key, json.dumps(steps))], **{"timeout": 60, **more})

def listen(*steps, on=None, **more):
    return (on or ch).unary_stream("/p.P/Stream")(b"x", metadata=[("say", json.dumps(steps))], **{"timeout": 60, **more})

def error_of(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except RpcError as error:
        return error
    raise AssertionError(f"it did not fail: {args}")

def expect(code, text, *steps, **more):
    error = error_of(say, *steps, **more)
    assert error.code() is code and text in error.details(), (error, steps)
    got = []
    error = error_of(lambda: got.extend(listen(*steps, **more)))
    assert error.code() is code, (error, steps)
    return error

def still_works():
    assert say(HEAD, ONE, OK) == b"one"

def rows():
    return {(r["method"], r["name"]): r for r in _katydid.stats_rows()}
"""


@pytest.fixture
def run(tmp_path):
    def run(code):
        with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "grpc_peer.py"]) as peer:
            run_script(tmp_path, f"{PRELUDE}{textwrap.dedent(code)}\nstill_works()", peer.wait_line(r"^\d+$").group(0))

    return run


def test_what_is_asked(run):
    run("""
        echo = ch.unary_unary("/p.P/Plain")
        assert echo(b"x", timeout=2.5) == b"again" and echo(b"x") == b"again"
        first, second = asked("/p.P/Plain")
        assert first[":method"] == "POST" and first[":scheme"] == "http" and first[":authority"] == f"127.0.0.1:{sys.argv[1]}", first
        assert first["te"] == "trailers" and first["content-type"] == "application/grpc" and first["grpc-timeout"] == "2500m", first
        assert "gzip" in first["grpc-accept-encoding"] and "grpc-encoding" not in first and "content-length" not in first, first
        assert "grpc-timeout" not in second
        own = channel(options=[("grpc.default_authority", "other.example"), ("grpc.primary_user_agent", "mine/1")], metadata={"x-all": "1"})
        own.unary_unary("/p.P/Own")(b"x")
        own.unary_unary("/p.P/Own")(b"x", compression=Compression.Gzip, metadata=[("x-one", "2")])
        first, second = asked("/p.P/Own")
        assert first[":authority"] == "other.example" and first["user-agent"].startswith("mine/1 ") and first["x-all"] == "1", first
        assert second["grpc-encoding"] == "gzip" and second["x-all"] == "1" and second["x-one"] == "2", second
    """)


def test_answers_without_a_status(run):
    run("""
        expect(StatusCode.UNKNOWN, "no grpc-status", HEAD, ["data", message(b"one"), True])
        expect(StatusCode.UNKNOWN, "no grpc-status", ["head", {}, True])
        expect(StatusCode.UNKNOWN, "content-type", ["head", {"content-type": "text/html"}, True])
        for http, code in ("400", "INTERNAL"), ("401", "UNAUTHENTICATED"), ("403", "PERMISSION_DENIED"), ("404", "UNIMPLEMENTED"), ("503", "UNAVAILABLE"), ("500", "UNKNOWN"):
            expect(StatusCode[code], http, ["head", {":status": http, "content-type": "text/html"}], ["data", b"<html>".hex(), True])
        expect(StatusCode.NOT_FOUND, "a b", ["head", {"grpc-status": "5", "grpc-message": "a%20b"}, True])
        expect(StatusCode.UNKNOWN, "", HEAD, ONE, ["trailers", {"grpc-status": "77"}])
        error = error_of(say, ["head", {"grpc-status": "5", "why": "so"}, True])
        assert error.initial_metadata() == () and dict(error.trailing_metadata()) == {"why": "so"}
        error = error_of(say, ["head", {"early": "1"}], ["trailers", {"grpc-status": "5", "late": "2"}])
        assert dict(error.initial_metadata()) == {"early": "1"} and dict(error.trailing_metadata()) == {"late": "2"}
    """)


def test_a_reset_at_any_frame(run):
    run("""
        frames = [HEAD, ["data", message(b"one")[:6]], ["data", message(b"one")[6:]], ["data", message(b"two")]]
        codes = {0: "INTERNAL", 1: "INTERNAL", 2: "INTERNAL", 8: "CANCELLED", 11: "RESOURCE_EXHAUSTED", 12: "PERMISSION_DENIED"}
        for at in range(len(frames) + 1):
            for code, name in codes.items():
                expect(StatusCode[name], "", *frames[:at], ["reset", code])
        for at in range(1, len(frames) + 1):
            expect(StatusCode.UNAVAILABLE, "", *frames[:at], ["reset", 7])
            expect(StatusCode.UNAVAILABLE, "", *frames[:at], ["close"])
    """)


def test_a_deadline_that_the_server_keeps(run):
    run("""
        error = error_of(say, HEAD, ["pause", 0.3], ["reset", 8], timeout=0.3)      # a bare reset, as of grpc-go
        assert error.code() is StatusCode.DEADLINE_EXCEEDED, error
        error = error_of(say, HEAD, ["reset", 8], timeout=60)
        assert error.code() is StatusCode.CANCELLED, error
    """)


def test_what_is_no_message(run):
    run("""
        expect(StatusCode.INTERNAL, "no message of gRPC", HEAD, ["data", "0200000000"], OK)
        error = error_of(say, HEAD, OK)
        assert error.code() is StatusCode.INTERNAL and "no message" in error.details()
        assert list(listen(HEAD, OK)) == []
        error = error_of(say, HEAD, ONE, ONE, OK)
        assert error.code() is StatusCode.INTERNAL and "more than one" in error.details()
        assert list(listen(HEAD, ONE, ONE, OK)) == [b"one"] * 2
        expect(StatusCode.INTERNAL, "ends within", HEAD, ["data", message(b"one")[:-2]], OK)
        expect(StatusCode.INTERNAL, "ends within", HEAD, ["data", "0000"], OK)
        expect(StatusCode.RESOURCE_EXHAUSTED, "larger than max (4294967295 vs. 4194304)", HEAD, ["data", "00ffffffff01"], OK)
        small = channel(options=[("grpc.max_receive_message_length", 1000)])
        expect(StatusCode.RESOURCE_EXHAUSTED, "larger than max (5000 vs. 1000)", HEAD, ["data", "0000001388"], ["fill", 5000], OK, on=small)
        error = error_of(say, HEAD, ["fill", 40_000_000], on=small)
        assert error.code() in (StatusCode.RESOURCE_EXHAUSTED, StatusCode.INTERNAL), error
    """)


def test_compressed_answers(run):
    run("""
        gz = ["head", {"grpc-encoding": "gzip"}]
        packed = gzip.compress(b"one" * 1000)
        assert say(gz, ["data", message(packed, 1)], OK) == b"one" * 1000
        assert say(gz, ["data", message(b"plain")], OK) == b"plain"
        assert list(listen(gz, ["data", message(packed, 1)], ["data", message(b"plain")], OK)) == [b"one" * 1000, b"plain"]
        expect(StatusCode.INTERNAL, "compressed", HEAD, ["data", message(packed, 1)], OK)
        expect(StatusCode.INTERNAL, "compressed", ["head", {"grpc-encoding": "snappy"}], ["data", message(packed, 1)], OK)
        expect(StatusCode.INTERNAL, "compressed", gz, ["data", message(packed[:-3], 1)], OK)
        expect(StatusCode.INTERNAL, "compressed", gz, ["data", message(b"no gzip", 1)], OK)
        before = int(open("/proc/self/statm").read().split()[1])
        few = channel(options=[("grpc.max_receive_message_length", 20_000)])
        small = gzip.compress(bytes(8_000_000))
        assert len(small) < 16_000
        expect(StatusCode.RESOURCE_EXHAUSTED, "Decompressed message larger than max", gz, ["data", message(small, 1)], OK, on=few)
        assert (int(open("/proc/self/statm").read().split()[1]) - before) * 4096 < 8_000_000
    """)


def test_a_server_that_cannot_read_what_is_compressed(run):
    run("""
        for status in "12", "13":
            refused = [["head", {"grpc-status": status, "grpc-message": "no such encoding"}, True]]
            packing = channel(compression=Compression.Gzip)
            path = f"/p.P/Refused{status}"
            call = packing.unary_unary(path)
            for _ in range(2):
                assert call(b"x" * 100, metadata=[("first", json.dumps(refused))]) == b"again"
            assert [one.get("grpc-encoding") for one in asked(path)] == ["gzip", None, None], "and then no more"
            row = rows()["grpc", path]
            assert row["num_requests"] == 2 and row["num_failures"] == 0 and row["resent"] == 1
        packing = channel(compression=Compression.Gzip)
        for name in "Never", "Never2":
            call = packing.unary_unary(f"/p.P/{name}")
            for n in (2, 3):
                error_of(call, b"x", metadata=[("say", json.dumps([["head", {"grpc-status": "12"}, True]]))])
                assert len(asked(f"/p.P/{name}")) == n, "tried once, as it is not that"
        assert asked("/p.P/Never2")[-1]["grpc-encoding"] == "gzip"
    """)


def test_heads_without_end(run):
    run("""
        for steps in ([["endless"]], [HEAD, ["endless"]], [HEAD, ONE, ["endless"]]):
            error = error_of(say, *steps)
            assert error.code() in (StatusCode.RESOURCE_EXHAUSTED, StatusCode.INTERNAL, StatusCode.UNAVAILABLE), error
            still_works()
        many = {f"x{n}": "y" for n in range(300)}
        expect(StatusCode.RESOURCE_EXHAUSTED, "", ["head", many], ONE, OK)
        expect(StatusCode.RESOURCE_EXHAUSTED, "", HEAD, ONE, ["trailers", {**many, "grpc-status": "0"}])
    """)


def test_a_connection_that_ends(run):
    run("""
        expect(StatusCode.UNAVAILABLE, "ended by the server", ["goaway", 2, None], ["close"])
        expect(StatusCode.RESOURCE_EXHAUSTED, "ENHANCE_YOUR_CALM", ["goaway", 11, None], ["close"])
        assert say(["goaway", 0, 0], ["close"], key="first", path="/p.P/Again") == b"again", "it was not looked at"
        assert say(["reset", 7], key="first", path="/p.P/Refused") == b"again"
        assert say(HEAD, ONE, OK, ["goaway", 0, None]) == b"one"
        still_works()
        assert rows()["grpc", "/p.P/Again"]["num_requests"] == 1
    """)


def test_a_server_that_answers_before_the_request_is_whole(run):
    run("""
        join = ch.stream_unary("/p.P/Join")
        given = []

        def requests():
            for n in range(10_000):
                given.append(n)
                yield b"x" * 1000
                gevent.sleep(0.001)
        error = error_of(join, requests(), metadata=[("soon", "1"), ("say", json.dumps([["head", {"grpc-status": "9"}, True]]))])
        assert error.code() is StatusCode.FAILED_PRECONDITION and len(given) < 10_000
        count = len(given)
        gevent.sleep(0.02)
        assert len(given) <= count + 1, "nobody asks for more"
        each = ch.stream_stream("/p.P/Each")(requests(), metadata=[("soon", "1"), ("say", json.dumps([HEAD, ONE, OK]))])
        assert list(each) == [b"one"]
    """)
