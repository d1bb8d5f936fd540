# SPDX-License-Identifier: MIT
"""Receivers for what --out sends, and readers of its formats, written after the public descriptions of those."""

import base64
import gzip
import hashlib
import hmac
import http.server
import json
import re
import socket
import struct
import subprocess
import threading
import zlib
from contextlib import contextmanager

from harness import CLIENTS, ROOT

HELD = 3600

# Three rows, one that fails; NAME is what an output has trouble with.
_USER = """
from locust import HttpUser, constant, task
class U(HttpUser):
    wait_time = constant(0.02)
    @task
    def plain(self):
        self.client.get("/")
    @task
    def named(self):
        self.client.post("/post", data="x", name=NAME)
    @task
    def failing(self):
        self.client.get("/status/404", name="fails")
"""


def user_of_rows(name):
    """The text of a locustfile whose user makes the rows GET /, POST `name` and GET fails."""
    return _USER.replace("NAME", repr(name))


class Http:
    """Records each push as (path, headers, body); `answer` is the status and the headers of what follows, or None: nobody answers."""

    def __init__(self, port=0):
        self.pushes, self.answer, self.seen = [], (204, {}), 0
        self.raw = []  # bodies as they came
        self.gone = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.seen += 1
                if outer.answer is None:
                    outer.gone.wait(HELD)
                    return
                status, headers = outer.answer
                if status < 300:
                    outer.raw.append(body)
                    outer.pushes.append((self.path, dict(self.headers), plain(self.headers.get("Content-Encoding"), body)))
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def http_receiver(port=0):
    receiver = Http(port)
    try:
        yield receiver
    finally:
        receiver.close()


class Grpc:
    """otlp_server.py: `calls` are (method, headers, message) of what it took, `seen` counts all that came; answer() says how it answers."""

    def __init__(self, port=0, *tls):
        self.process = subprocess.Popen([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "otlp_server.py", str(port), *map(str, tls)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.calls, self.seen, self.heard = [], 0, threading.Semaphore(0)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            if "heard" in told:
                self.heard.release()
                continue
            if told["code"] == "OK" and not told["hang"]:
                self.calls.append((told["call"], told["headers"], base64.b64decode(told["body"])))
            self.seen += 1

    def answer(self, **manner):
        self.process.stdin.write(json.dumps(manner) + "\n")
        self.process.stdin.flush()
        assert self.heard.acquire(timeout=60)

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


@contextmanager
def grpc_receiver(port=0, *tls):
    receiver = Grpc(port, *tls)
    try:
        yield receiver
    finally:
        receiver.close()


@contextmanager
def udp_receiver():
    """Its port, and what gives the lines of all datagrams, when the sender ended."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind(("127.0.0.1", 0))
        got, port = [], s.getsockname()[1]

        def read():
            try:
                while True:
                    datagram = s.recv(65536)
                    if datagram == b"end":
                        return
                    got.append(datagram.decode())
            except OSError:
                return

        reader = threading.Thread(target=read, daemon=True)
        reader.start()

        def finish():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"end", ("127.0.0.1", port))
            reader.join(60)
            return [line for datagram in got for line in datagram.split("\n")]

        yield port, finish


@contextmanager
def tcp_receiver():
    """All that comes on any connection, when finish() is called after the sender ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        pieces, readers = [], []

        def read(connection):
            with connection:
                while piece := connection.recv(65536):
                    pieces.append(piece)

        def accept():
            try:
                while True:
                    reader = threading.Thread(target=read, args=(server.accept()[0],), daemon=True)
                    readers.append(reader)
                    reader.start()
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()

        def finish():
            for reader in readers:
                reader.join(60)
            return b"".join(pieces).decode().splitlines()

        yield server.getsockname()[1], finish


def aws_signature(secret, region, service, path, headers, body):
    """What AWS computes of a POST without a query (Signature Version 4), for the headers that it says are signed."""
    signed = re.search(r"SignedHeaders=([^,]+)", headers["Authorization"]).group(1)
    lower = {name.lower(): value for name, value in headers.items()}
    date = lower["x-amz-date"]
    request = "\n".join(["POST", path, "", *(f"{name}:{lower[name].strip()}" for name in signed.split(";")), "", signed, hashlib.sha256(body).hexdigest()])
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    key = f"AWS4{secret}".encode()
    for part in (date[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


# ---- bytes ------------------------------------------------------------------------------------


def plain(coding, body):
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "deflate":
        return zlib.decompress(body)
    return unsnappy(body) if coding == "snappy" else body


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def unsnappy(data):
    """The block format."""
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        kind, length = tag & 3, tag >> 2
        if kind == 0:
            if length >= 60:
                more = length - 59
                length = int.from_bytes(data[at:at + more], "little")
                at += more
            out += data[at:at + length + 1]
            at += length + 1
            continue
        if kind == 1:
            offset, length, at = (tag >> 5) << 8 | data[at], (length & 7) + 4, at + 1
        else:
            width = 2 if kind == 2 else 4
            offset, length, at = int.from_bytes(data[at:at + width], "little"), length + 1, at + width
        for _ in range(length):
            out.append(out[-offset])
    assert len(out) == size
    return bytes(out)


def signed(value):
    """Of zig-zag."""
    return (value >> 1) ^ -(value & 1)


def double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def fields(data):
    """{number: [values]} of a message of protobuf: whole numbers, 64 bits as a whole number, or bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        else:
            assert key & 7 == 2, key
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            assert len(value) == length
        found.setdefault(key >> 3, []).append(value)
    return found


def packed(data):
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


# ---- formats ----------------------------------------------------------------------------------


def split(text, at, has_quotes=False):
    """Splits where `at` is not escaped by a backslash, nor in a text with quotes."""
    parts, i, is_quoted = [""], 0, False
    while i < len(text):
        is_quoted ^= has_quotes and text[i] == '"'
        if text[i] == "\\":
            parts[-1] += text[i:i + 2]
            i += 2
        elif text[i] == at and not is_quoted:
            parts.append("")
            i += 1
        else:
            parts[-1] += text[i]
            i += 1
    return parts


def unescaped(text):
    return "".join(text[i + 1] if c == "\\" and i + 1 < len(text) and text[i + 1] in ",= " else c
                   for i, c in enumerate(text) if not (i and text[i - 1] == "\\" and c in ",= "))


def influx(body):
    """(measurement, tags, fields, time) of each line; texts stay in their quotes."""
    for line in body.decode().splitlines():
        head = split(line, " ")[0]
        values, at = line[len(head) + 1:].rsplit(" ", 1)
        measurement, *tags = split(head, ",")
        yield (measurement, dict(map(unescaped, split(tag, "=")) for tag in tags),
               {key: float(value.rstrip("i")) if value[0] != '"' else value for key, value in (v.split("=", 1) for v in split(values, ",", True))}, int(at))


def remote_write_1(body):
    """({label: value}, [(time, value)], [(time, histogram's fields)]) of each series."""
    for series in fields(body).get(1, []):
        series = fields(series)
        labels = {fields(one)[1][0].decode(): fields(one)[2][0].decode() for one in series[1]}
        assert list(labels) == sorted(labels)
        samples = [(fields(s)[2][0], double(fields(s)[1][0])) for s in series.get(2, [])]
        yield labels, samples, [(fields(h)[15][0], fields(h)) for h in series.get(4, [])]


def remote_write_2(body):
    request = fields(body)
    symbols = [text.decode() for text in request[4]]
    assert symbols[0] == "" and len(set(symbols)) == len(symbols)
    for series in request[5]:
        series = fields(series)
        refs = packed(series[1][0])
        labels = {symbols[key]: symbols[value] for key, value in zip(refs[::2], refs[1::2], strict=True)}
        assert list(labels) == sorted(labels)
        samples = [(fields(s)[2][0], double(fields(s)[1][0])) for s in series.get(2, [])]
        yield labels, samples, [(fields(h)[15][0], fields(h)) for h in series.get(3, [])]


def native_count(histogram, zero, spans, deltas):
    """How many a native histogram has in all of its buckets; the numbers are those of its fields."""
    total, count = histogram.get(zero, [0])[0], 0
    lengths = sum(fields(span).get(2, [0])[0] for span in histogram.get(spans, []))
    steps = [signed(d) for d in packed(b"".join(histogram.get(deltas, [])))]
    assert lengths == len(steps)
    for step in steps:
        count += step
        total += count
    return total


def otlp(body):
    """(name, kind, attributes, data point's fields) of each data point."""
    resource = fields(fields(body)[1][0])
    for metric in fields(resource[2][0])[2]:
        metric = fields(metric)
        kind = next(number for number in (5, 7, 9, 10) if number in metric)
        for point in fields(metric[kind][0]).get(1, []):
            point = fields(point)
            yield metric[1][0].decode(), kind, attributes(point.get({9: 9, 10: 1}.get(kind, 7), [])), point


def attributes(pairs):
    """Of KeyValue messages whose values are texts or whole numbers."""
    values = ((fields(pair)[1][0].decode(), fields(fields(pair)[2][0])) for pair in pairs)
    return {key: value[1][0].decode() if 1 in value else value[3][0] for key, value in values}


def spans(body):
    """Each span: its ids, name, kind, times, attributes, events, status code and message, resource."""
    for source in fields(body).get(1, []):
        source = fields(source)
        resource = attributes(fields(source[1][0])[1])
        for span in fields(source[2][0]).get(2, []):
            span = fields(span)
            status = fields(span.get(15, [b""])[0])
            yield {"trace": span[1][0].hex(), "span": span[2][0].hex(), "parent": span.get(4, [b""])[0].hex(), "name": span[5][0].decode(),
                   "kind": span[6][0], "start": span[7][0], "end": span[8][0], "attributes": attributes(span.get(9, [])),
                   "links": [(fields(link)[1][0].hex(), fields(link)[2][0].hex()) for link in span.get(13, [])],
                   "events": {fields(e)[2][0].decode(): fields(e)[1][0] for e in span.get(11, [])},
                   "code": status.get(3, [0])[0], "message": status.get(2, [b""])[0].decode(), "resource": resource}
