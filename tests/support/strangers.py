# SPDX-License-Identifier: MIT
"""What servers say, and what Python reads of it, at random (tests/integration/test_strangers.py): each parser of worker/pylib gives
what it promises, or the error that it names, of whatever it is sent; in pieces it says the same as in one.

    katydid-worker --python strangers.py WHAT ROUNDS [SEED]      the same seed, the same strangers
"""

import json
import math
import random
import sys
import tempfile
import types
from pathlib import Path

from katydid import _graphql, _graphql_live, _grpc_dynamic, _sse_pure, _ws_handshake, _ws_names, llm
from katydid._llm_formats import Chat, Completions, Messages, ModelError, OllamaChat, OllamaGenerate, Responses, error_of
from katydid._rows_file import BadRows, RowsFile

FORMATS = [Chat, Completions, Responses, Messages, OllamaChat, OllamaGenerate]
# Words that parsers look for, so that what is drawn comes as far as they do.
KEYS = ["choices", "delta", "message", "content", "text", "type", "error", "usage", "prompt_tokens", "completion_tokens", "prompt_tokens_details",
        "cached_tokens", "tool_calls", "function", "arguments", "finish_reason", "reasoning", "refusal", "response", "output", "status", "code",
        "input_tokens", "output_tokens", "thinking", "partial_json", "stop_reason", "done", "done_reason", "eval_count", "prompt_eval_count",
        "data", "errors", "extensions", "path", "id", "payload", "index"]
TEXTS = ["", "a", "x" * 100, "\ud800", "\0", "content_block_delta", "message_start", "message_delta", "message_stop", "message", "error",
         "response.output_text.delta", "response.completed", "response.failed", "next", "complete", "ping", "PERSISTED_QUERY_NOT_FOUND"]
NUMBERS = [0, 1, -1, 7, 2**63, 10**400, -(10**400), 0.5, -0.0, 1e-320, 1e308, math.inf, -math.inf, math.nan]


def value(draw, depth=0):
    kind = draw.random()
    if depth > 5 or kind < 0.3:
        return draw.choice([None, True, False, *NUMBERS, *TEXTS])
    if kind < 0.5:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    if kind < 0.52:
        return deep(draw.randrange(10, 900))
    return {draw.choice(KEYS): value(draw, depth + 1) for _ in range(draw.randrange(7))}


def deep(levels):
    made = "x"
    for _ in range(levels):
        made = [made]
    return made


def one_of(draw, *texts):
    """A text put together of these, and of bytes by chance."""
    return b"".join(draw.choice([*texts, bytes(draw.randrange(256) for _ in range(draw.randrange(4)))]) for _ in range(draw.randrange(20)))


def pieces(draw, whole):
    while whole:
        size = draw.randrange(1, 12)
        yield whole[:size]
        whole = whole[size:]


def language_models(draw, rounds):
    for _ in range(rounds):
        form = draw.choice(FORMATS)
        answer, is_stream = llm.Answer("name", "model"), draw.random() < 0.7
        for at in range(draw.randrange(1, 5)):
            said = value(draw)
            answer.at(float(at))
            if (error := error_of(said)) is not None:
                assert isinstance(error, ModelError) and len(str(error).encode(errors="surrogatepass")) >= 0
            error = llm._read(form(), "event" if is_stream else None, said, answer)
            assert error is None or isinstance(error, ModelError), said
            answer.took()
        answer.is_whole = not is_stream
        answer.close({}, None)
        for number in answer.tokens_in, answer.tokens_out, answer.tokens_cached:
            assert number is None or 0 <= number < 1e16, number
        for took in answer.ttft, answer.ttfo, answer.itl, answer.tpot, answer.e2e:
            assert took is None or 0 <= took < math.inf, took
        assert answer.meets({"ttft": 1, "itl": 1, "tpot": 1, "e2e": 1}) in (True, False)
        assert answer.length >= 0


def graphql(draw, rounds):
    for _ in range(rounds):
        said, response = value(draw), types.SimpleNamespace(status_code=200)
        for allow_partial in True, False:
            answer = _graphql.GraphQLResponse(response, said, allow_partial)
            assert isinstance(answer.errors, list) and (answer.error is None or isinstance(answer.error, _graphql.GraphQLError))
            assert answer.ok in (True, False) and answer.has_code("X") in (True, False)
            assert answer.error is not None or isinstance(said, dict), said


class Socket:
    connected, subprotocol = True, _graphql_live.PROTOCOL

    def __init__(self):
        self.waiting, self.sent = [], []

    def recv(self, timeout=None):
        if self.waiting:
            return self.waiting.pop(0)
        raise _ws_names.WebSocketConnectionClosedException("closed")

    def send(self, text):
        self.sent.append(text)


def graphql_live(draw, rounds):
    _graphql_live._tell = lambda *_, **__: None
    for _ in range(rounds // 3):
        live = _graphql_live.GraphQLSocket.__new__(_graphql_live.GraphQLSocket)
        live.socket, live._waiting, live._client, live.name = Socket(), {}, None, "live"
        live._ids = iter("12")
        subscription = live.subscribe("subscription S { s }")
        for _ in range(draw.randrange(6)):
            said = {"type": draw.choice(["next", "error", "complete", "ping", "pong", value(draw)]), "id": draw.choice(["1", 1, value(draw)]), "payload": value(draw)}
            text = json.dumps(draw.choice([said, said, said, value(draw)]))
            live.socket.waiting.append(draw.choice([text, text, text, text[: len(text) // 2], "[" * 100_000]))
        answers = list(subscription)
        assert subscription.count == len(answers) and all(answer.ok in (True, False) for answer in answers)
        assert subscription.ok or isinstance(subscription.error, (_graphql.GraphQLError, _ws_names.WebSocketException)), subscription.error


def handshakes(draw, rounds):
    names = ["permessage-deflate", "client_max_window_bits", "server_max_window_bits", "server_no_context_takeover", "client_no_context_takeover", "="]
    for _ in range(rounds):
        said = one_of(draw, *(name.encode() for name in names), b"; ", b";", b",", b'"', b"15", b"8", b"9", b"08", b"\xb2", b"=").decode("latin-1")
        for is_offered in True, False:
            try:
                agreed = _ws_handshake._deflate(said, is_offered)
            except _ws_names.WebSocketException:
                continue
            assert agreed is None or (8 <= agreed[0] <= 15 and 8 <= agreed[1] <= 15 and is_offered), said
        location = one_of(draw, b"http:", b"ws:", b"wss:", b"//", b"[", b"]", b":", b"/", b"@", b"host", b"80", b"?", b"#", b"\xb2").decode("latin-1")
        response = types.SimpleNamespace(status_code=302, _header=lambda name, said=location: said)
        for url in "http://here/", "https://here/":
            try:
                target = _ws_handshake.next_url(response, url)
            except _ws_names.WebSocketException:
                continue
            assert target is None or target.startswith(("http:", "https:")), location


def streams(draw, rounds):
    def told(kind, parts, most):
        parser = kind(most)
        try:
            events = [event for part in parts for event in parser.feed(part)] + list(parser.end())
            assert all(len(text) <= most for _, text, *_ in events)
            return events
        except ValueError as error:
            assert str(error) == f"an event of more than {most} bytes"
            return "too long"

    for _ in range(rounds):
        kind = draw.choice([_sse_pure.Parser, _sse_pure.Lines])
        whole = one_of(draw, b"\n", b"\r", b"\r\n", b"\n\n", b"data: ", b"data", b"event: x", b"id: 1", b"retry: ", b"9" * 5000, b"12", b":", b"\xef\xbb\xbf", b"{}", b"\0")
        most = draw.choice([16, 64, 100_000])
        at_once, split = told(kind, [whole], most), told(kind, pieces(draw, whole), most)
        assert at_once == split or "too long" in (at_once, split), whole  # what is long is seen sooner in pieces


def rows(draw, rounds):
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "rows"
    for _ in range(rounds // 3):
        path.write_bytes(one_of(draw, b"\n", b"\r\n", b",", b'"', b"a", b"b,c", b"{}", b'{"a": 1}', b"[" * 2000, b"\0", b"\xff", b"\xef\xbb\xbf"))
        for kind in "csv", "jsonl":
            file = RowsFile(path, folder.name, kind, None, None, "utf-8")
            try:
                read = list(file.rows())
            except BadRows as error:
                assert str(error).startswith(str(path))
                continue
            assert read and all(line > 0 for line, _ in read)


def reflection(draw, rounds):
    """Descriptors of files, whole, cut and changed, that a server gives for a symbol, or a file, that it was asked for."""
    from google.protobuf import descriptor_pb2

    kind = descriptor_pb2.FieldDescriptorProto
    files = []
    for name, imports in ("a.proto", ["b.proto", "google/protobuf/empty.proto"]), ("b.proto", ["a.proto"]), ("c.proto", ["d.proto"]):
        file = descriptor_pb2.FileDescriptorProto(name=name, package=name[0], syntax="proto3", dependency=imports)
        message = file.message_type.add(name="M")
        message.field.add(name="f", number=1, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL)
        service = file.service.add(name="S")
        service.method.add(name="Call", input_type=f".{name[0]}.M", output_type=f".{name[0]}.M")
        files.append(file.SerializeToString())

    def changed():
        data = bytearray(draw.choice(files))
        for _ in range(draw.randrange(4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        return bytes(data[: draw.randrange(len(data) + 1)]) if draw.random() < 0.3 else bytes(data)

    for _ in range(rounds // 2):
        asked = []

        def find(what, name):
            asked.append(name)
            return [changed() for _ in range(draw.randrange(3))]

        described = _grpc_dynamic.Descriptors(find)
        for _ in range(3):
            try:
                method = described.method(draw.choice(["a.S", "b.S", "c.S"]), "Call")
                described.message_class(method.input_type)()
            except _grpc_dynamic.NotDescribed:
                pass
        assert len(asked) < 100


def _endless(what, name):
    """A file that imports another one, which nobody has heard of, and so on."""
    from google.protobuf import descriptor_pb2

    number = int(name.rpartition("/")[2] if what == "file" else 0)
    return [descriptor_pb2.FileDescriptorProto(name=name, dependency=[f"f/{number + 1}"]).SerializeToString()]


def endless_imports(draw, rounds):
    try:
        _grpc_dynamic.Descriptors(_endless).method("a.S", "Call")
    except _grpc_dynamic.NotDescribed as error:
        assert "imports" in str(error), error
    else:
        raise AssertionError("there is no such service")


WAYS = {way.__name__: way for way in (language_models, graphql, graphql_live, handshakes, streams, rows, reflection, endless_imports)}

if __name__ == "__main__":
    what, rounds, *seed = sys.argv[1:]
    WAYS[what](random.Random(" ".join([what, *seed])), int(rounds))
    print("all done")
