# SPDX-License-Identifier: MIT
"""The parser of event streams that stock Locust has: by the same streams as that in C (tests/unit/worker/proto/test_event_stream.c),
cut in two at every byte, and byte by byte."""

import pytest
from katydid._sse_pure import Lines, Parser

STREAMS = [
    (b"data: a\n\n", [("message", "a", "", None)]),
    (b"data: a\r\r", [("message", "a", "", None)]),
    (b"data: a\r\n\r\n", [("message", "a", "", None)]),
    (b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", [("message", text, "", None) for text in "abc"]),
    (b"data: a\n\ndata: b\n", [("message", "a", "", None)]),
    (b": c\revent: x\rid: 1\rdata: one \rdata:two\r\r: c\r\nevent: x\r\nid: 2\r\ndata: one \r\ndata:two\r\n\r\n",
     [("x", "one \ntwo", "1", None), ("x", "one \ntwo", "2", None)]),
    (b"data\n\ndata\ndata\n\ndata:", [("message", "", "", None), ("message", "\n", "", None)]),
    (b": test\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
     [("message", "first event", "1", None), ("message", "second event", "", None), ("message", " third", "", None)]),
    (b"Data: a\n data: b\nunknown: c\ndata : d\nfield\n\ndata: e:f\n\n", [("message", "e:f", "", None)]),
    (b"event: x\n\ndata: a\n\n", [("message", "a", "", None)]),
    (b"id: 7\n\ndata: a\n\nid: 8\0\ndata: b\n\n", [("message", "a", "7", None), ("message", "b", "7", None)]),
    (b"retry: 250\ndata: a\n\ndata: b\n\n", [("message", "a", "", 250), ("message", "b", "", None)]),
    (b"retry: 2s\nretry: -1\nretry\nretry: \nretry: 1.5\ndata: a\n\n", [("message", "a", "", None)]),
    (b"retry: 99999999999999999999999\ndata: a\n\n", [("message", "a", "", 4294967295)]),
    (b"\xef\xbb\xbfdata: a\n\n", [("message", "a", "", None)]),
    (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("message", "b", "", None)]),
    (b"\xef\xbb: x\ndata: a\n\n", [("message", "a", "", None)]),
    ("data: zwei Wörter\n\n".encode(), [("message", "zwei Wörter", "", None)]),
    (b"data: \xff\n\n", [("message", "\ufffd", "", None)]),
]


LINES = [
    (b'{"a":1}\n{"a":2}\n', ['{"a":1}', '{"a":2}']),
    (b'{"a":1}\r\n\r\n \t\n{"a":2} \r\n', ['{"a":1}', '{"a":2}']),
    (b'{"a":1}\n{"a":2}', ['{"a":1}', '{"a":2}']),
    (b'{\r"a":1}\n', ['{\r"a":1}']),
    (b": no comment\ndata: 1\n", [": no comment", "data: 1"]),
    (b"\xef\xbb\xbf1\n2\n", ["1", "2"]),
    (b"\n\r\n  \n", []),
]


def told(parts, kind=Parser):
    parser = kind(4096)
    return [event for part in parts for event in parser.feed(part)] + list(parser.end())


@pytest.mark.parametrize(("stream", "wanted"), STREAMS)
def test_streams(stream, wanted):
    for at in range(len(stream) + 1):
        assert told([stream[:at], stream[at:]]) == wanted, at
    for size in 1, 2, 3:
        assert told(stream[at : at + size] for at in range(0, len(stream), size)) == wanted, size


@pytest.mark.parametrize(("stream", "wanted"), LINES)
def test_lines(stream, wanted):
    wanted = [("message", text, "", None) for text in wanted]
    for at in range(len(stream) + 1):
        assert told([stream[:at], stream[at:]], Lines) == wanted, at
    for size in 1, 2, 3:
        assert told((stream[at : at + size] for at in range(0, len(stream), size)), Lines) == wanted, size


def test_a_line_is_bounded():
    parser = Lines(100)
    assert len(list(parser.feed((b"x" * 100 + b"\n") * 3))) == 3
    for more in b"x" * 101, b"x" * 101 + b"\n":
        with pytest.raises(ValueError, match="an event of more than 100 bytes"):
            list(Lines(100).feed(more))


def test_an_event_is_bounded_and_a_comment_is_not():
    parser = Parser(100)
    assert list(parser.feed(b":" + b"x" * 1000)) == [] and len(parser._buffer) == 1
    assert list(parser.feed(b"\ndata: a\n\n")) == [("message", "a", "", None)]
    with pytest.raises(ValueError, match="an event of more than 100 bytes"):
        list(parser.feed(b"data: " + b"x" * 101))
    parser = Parser(100)
    with pytest.raises(ValueError, match="an event of more than 100 bytes"):
        for _ in range(10):
            list(parser.feed(b"data: xxxxxxxxxxxxxxxxxxxx\n"))
