# SPDX-License-Identifier: MIT
"""A server for tests of the HTTP clients: says back what it got, and misbehaves on request.

    python3 echo_server.py [--tls CERT KEY]      prints "PORT" and serves until stdin closes

/echo               method, path, headers, body as JSON (so does every path not named here)
/status/N           an answer with that status          /delay/S      after S seconds
/redirect/N         N hops, relative                    /to?url=U&status=N&hops  anywhere
/loop               to itself for ever                  /cookies/set?a=b   /cookies/delete?a=
/cookies/raw?c=…    a Set-Cookie as given               /gzip /deflate /brotli /zstd
/json               200 bytes of JSON                   /text?charset=&type=&body=hex
/bytes/N            N bytes                             /chunked/N    N chunks
/stream/N           N lines, one by one                 /drip/N       N bytes, slowly
/basic/u/p          basic authentication                /digest/u/p   digest authentication
/close              no answer                           /reset        a reset
/short              fewer bytes than announced          /nolength     until close
/headers?n=v        these response headers              /garbage      no HTTP
/badgzip            gzip that is none                   /count        requests so far
"""

import gzip
import hashlib
import json
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

TEXT = json.dumps({"compressed": True, "text": "Grüße " * 40}).encode()
JSON = json.dumps({"ok": True, "items": [{"id": i, "name": f"item {i}"} for i in range(6)]}).encode()


def compressed(name):
    if name == "gzip":
        return "gzip", gzip.compress(TEXT)
    if name == "deflate":
        return "deflate", zlib.compress(TEXT)
    if name == "brotli":
        import brotli

        return "br", brotli.compress(TEXT)
    import zstandard

    return "zstd", zstandard.compress(TEXT)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def version_string(self):
        return "echo"

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 2026 00:00:00 GMT"

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status=200, body=b"", headers=(), kind="application/json"):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def handle_any(self):
        self.server.count += 1
        self.body = self.read_body()
        self.url = urlsplit(self.path)
        self.query = dict(parse_qsl(self.url.query, keep_blank_values=True))
        first, *rest = self.url.path.strip("/").split("/")
        method = getattr(self, "on_" + first, None)
        if method is None:
            self.on_echo()
        else:
            method(*(unquote(part) for part in rest))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any
    do_PURGE = handle_any

    def on_echo(self, *rest):
        self.answer(
            200,
            json.dumps(
                {
                    "method": self.command,
                    "path": self.path,
                    "headers": list(self.headers.items()),
                    "body": self.body.decode("latin-1"),
                }
            ).encode(),
        )

    def on_status(self, status):
        self.answer(int(status), b"status " + status.encode(), kind="text/plain")

    def on_delay(self, seconds):
        time.sleep(float(seconds))
        self.answer(200, b"late", kind="text/plain")

    def on_redirect(self, hops):
        left = int(hops) - 1
        location = f"/redirect/{left}" if left else "/echo/end"
        self.answer(302, b"moved", [("Location", location), ("Set-Cookie", f"hop{left}=1; Path=/")])

    def on_to(self):
        self.answer(int(self.query.get("status", 302)), b"moved", [("Location", self.query["url"])])

    def on_loop(self):
        self.answer(302, b"", [("Location", "/loop")])

    def on_cookies(self, action):
        fields = {
            "set": lambda: [("Set-Cookie", f"{n}={v}; Path=/") for n, v in self.query.items()],
            "delete": lambda: [
                ("Set-Cookie", f"{n}=; Path=/; Max-Age=0") for n in self.query
            ],
            "raw": lambda: [("Set-Cookie", v) for n, v in parse_qsl(self.url.query)],
        }[action]()
        self.answer(200, b"{}", fields)

    def _compressed(self, name):
        encoding, body = compressed(name)
        self.answer(200, body, [("Content-Encoding", encoding)])

    def on_gzip(self):
        self._compressed("gzip")

    def on_deflate(self):
        self._compressed("deflate")

    def on_brotli(self):
        self._compressed("brotli")

    def on_zstd(self):
        self._compressed("zstd")

    def on_badgzip(self):
        self.answer(200, b"this is no gzip at all", [("Content-Encoding", "gzip")])

    def on_json(self):
        self.answer(200, JSON)

    def on_text(self):
        body = bytes.fromhex(self.query.get("body", ""))
        self.answer(200, body, kind=self.query.get("type"))

    def on_bytes(self, count):
        self.answer(200, b"x" * int(count), kind="application/octet-stream")

    def on_chunked(self, count):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        for i in range(int(count)):
            self.wfile.write(b"8\r\nchunk%02d\n\r\n" % (i % 100))
        self.wfile.write(b"0\r\n\r\n")

    def on_stream(self, count):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        for i in range(int(count)):
            line = b"line %d\n" % i
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            time.sleep(0.005)
        self.wfile.write(b"0\r\n\r\n")

    def on_drip(self, count):
        self.send_response(200)
        self.send_header("Content-Length", count)
        self.end_headers()
        for _ in range(int(count)):
            self.wfile.write(b"*")
            self.wfile.flush()
            time.sleep(0.05)

    def on_basic(self, user, password):
        wanted = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        if self.headers.get("Authorization") == wanted:
            self.answer(200, b'{"authenticated": true}')
        else:
            self.answer(401, b"{}", [("WWW-Authenticate", 'Basic realm="echo"')])

    def on_digest(self, user, password):
        given = self.headers.get("Authorization", "")
        fields = dict(
            (part.split("=", 1)[0].strip(), part.split("=", 1)[1].strip('"'))
            for part in given.removeprefix("Digest ").split(", ")
            if "=" in part
        )

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        one = md5(f"{user}:echo:{password}")
        two = md5(f"{self.command}:{self.path}")
        wanted = md5(
            f"{one}:{fields.get('nonce')}:{fields.get('nc')}:{fields.get('cnonce')}:auth:{two}"
        )
        if fields.get("response") == wanted:
            self.answer(200, b'{"authenticated": true}')
        else:
            self.answer(
                401,
                b"{}",
                [("WWW-Authenticate", 'Digest realm="echo", nonce="abc", qop="auth", algorithm=MD5')],
            )

    def on_close(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def on_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def on_short(self):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"short")
        self.close_connection = True

    def on_nolength(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"until close")
        self.close_connection = True

    def on_headers(self):
        self.answer(200, b"{}", parse_qsl(self.url.query))

    def on_garbage(self):
        self.wfile.write(b"\x00\x01garbage\r\n\r\n")
        self.close_connection = True

    def on_count(self):
        self.answer(200, json.dumps(self.server.count).encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    count = 0

    def handle_error(self, request, client_address):
        pass


def start(tls=None):
    """A server on a free port of 127.0.0.1 in a thread; (server, port)."""
    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_address[1]


if __name__ == "__main__":
    _, port = start(sys.argv[2:4] if sys.argv[1:2] == ["--tls"] else None)
    print(port, flush=True)
    sys.stdin.read()
