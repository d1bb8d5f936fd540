# SPDX-License-Identifier: MIT
"""WebSocket servers for tests of the client. Run by the Python that has the package websockets; prints {"echo": port, "tls": port
(both by that package: what is sent comes back), "raw": port}.

    ws_server.py CERT KEY

The raw one does the handshake as it should, then what the path says:

/echo /frames   says back each frame as it came, unmasked; pings are answered
/seen           one text: {"head": the request's, "count": how many asked}
/hello          "hello" in the same packet as its answer 101        /pieces   a text in three frames, a ping within, byte by byte
/noise          "noise" three times, then {"id": N} of what came     /mute     reads, and says nothing     /count  1, 2, 3 … on request
/close/CODE/REASON  closes with it          /end  ends without a word     /reset  … with a reset       /stuck  does not read
/late           answers a close after a second                    /nopong   leaves pings alone
/redirect /redirect-ws /down  lead to /echo, to that by ws://, to http:// elsewhere      /cookie  sets one; then as /seen
/basic /digest  want the password
Broken handshakes: /404 /200 /accept /upgrade /subprotocol /extension /hang /gone /head
Broken frames: /bad/NAME, those of BAD
"""

import asyncio
import base64
import hashlib
import json
import socket
import ssl
import struct
import sys
import threading
import time
import zlib

import websockets

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
asked, lock = [], threading.Lock()


def frame(opcode, data=b"", fin=True, rsv=0, length=None):
    n = len(data) if length is None else length
    head = bytes([(fin << 7) | (rsv << 4) | opcode])
    head += bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    return head + data


def squeezed(data):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (z.compress(data) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]


BAD = {
    "masked": b"\x81\x85abcd\x09\x07\x0f\x08\x0e",
    "rsv": frame(1, b"x", rsv=4),
    "rsv2": frame(1, b"x", rsv=2),
    "opcode": frame(3, b"x"),
    "control": frame(11, b"x"),
    "long-ping": frame(9, b"x" * 126),
    "ping-in-pieces": frame(9, b"x", fin=False),
    "nothing-to-continue": frame(0, b"x"),
    "new-within": frame(1, b"a", fin=False) + frame(1, b"b"),
    "utf8": frame(1, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"),
    "utf8-in-pieces": frame(1, b"\xf4", fin=False) + frame(0, b"\x90", fin=False),
    "utf8-half": frame(1, b"\xe2\x82"),
    "length": b"\x82\x7f" + b"\xff" * 8,
    "big": frame(2, b"", length=(16 << 20) + 1),
    "big-in-pieces": frame(2, b"x" * 65536, fin=False) + frame(0, b"x" * 65536, fin=False) * 256,
    "close-half": frame(8, b"\x03"),
    "close-code": frame(8, struct.pack(">H", 1006)),
    "close-utf8": frame(8, struct.pack(">H", 1000) + b"\xff"),
    "deflate": frame(1, b"\xff\xff\xff\xff", rsv=4),
    "bomb": frame(2, squeezed(b"\0" * (17 << 20)), rsv=4),
}


class Peer:
    def __init__(self, conn):
        self.conn, self.bytes = conn, b""

    def take(self, n):
        while len(self.bytes) < n:
            more = self.conn.recv(65536)
            if not more:
                raise ConnectionError
            self.bytes += more
        taken, self.bytes = self.bytes[:n], self.bytes[n:]
        return taken

    def head(self):
        while b"\r\n\r\n" not in self.bytes:
            more = self.conn.recv(65536)
            if not more:
                raise ConnectionError
            self.bytes += more
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def frame(self):
        first, second = self.take(2)
        assert second & 128, "a client masks"
        n = second & 127
        n = struct.unpack(">H", self.take(2))[0] if n == 126 else struct.unpack(">Q", self.take(8))[0] if n == 127 else n
        key = self.take(4)
        data = bytes(b ^ key[i % 4] for i, b in enumerate(self.take(n)))
        return first & 15, data, first

    def message(self):
        while True:
            opcode, data, _ = self.frame()
            if opcode == 8:
                self.conn.sendall(frame(8, data))
                raise ConnectionError
            if opcode == 9:
                self.conn.sendall(frame(10, data))
            elif opcode != 10:
                return data

    def plain(self, status, *lines, body=b""):
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n" + "".join(f"{line}\r\n" for line in lines)
        self.conn.sendall(head.encode() + b"\r\n" + body)


def accept(headers):
    return base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()).decode()


def switching(headers, *more, **instead):
    lines = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept(headers), **instead}
    if "deflate" in headers.get("sec-websocket-extensions", ""):
        lines.setdefault("Sec-WebSocket-Extensions", "permessage-deflate")
    return ("HTTP/1.1 101 Switching Protocols\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items() if v is not None)
            + "".join(f"{line}\r\n" for line in more) + "\r\n").encode()


def refuse(peer, path, headers, port):
    """Answers that are none. False: it is one of the others."""
    elsewhere = f"127.0.0.1:{port}"
    if path == "/404":
        peer.plain("404 Not Found", body=b"no such room")
    elif path == "/200":
        peer.plain("200 OK", body=b"a page")
    elif path == "/accept":
        peer.conn.sendall(switching(headers, **{"Sec-WebSocket-Accept": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}))
    elif path == "/upgrade":
        peer.conn.sendall(switching(headers, Upgrade="h2c"))
    elif path == "/subprotocol":
        peer.conn.sendall(switching(headers, "Sec-WebSocket-Protocol: other"))
    elif path == "/extension":
        peer.conn.sendall(switching(headers, **{"Sec-WebSocket-Extensions": "x-other"}))
    elif path == "/hang":
        peer.take(1)
    elif path == "/head":
        peer.conn.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
        while True:
            peer.conn.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
    elif path == "/redirect":
        peer.plain("302 Found", "Location: /echo")
    elif path == "/redirect-ws":
        peer.plain("307 Temporary Redirect", f"Location: ws://{elsewhere}/echo")
    elif path == "/loop":
        peer.plain("302 Found", "Location: /loop")
    elif path == "/basic" and headers.get("authorization") != "Basic " + base64.b64encode(b"me:secret").decode():
        peer.plain("401 Unauthorized", 'WWW-Authenticate: Basic realm="r"')
    elif path == "/digest" and "digest" not in headers.get("authorization", "").lower():
        peer.plain("401 Unauthorized", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    elif path != "/gone":
        return False
    return True


def talk(peer, path, head, headers):
    conn = peer.conn
    conn.sendall(switching(headers, *(["Set-Cookie: room=7"] if path == "/cookie" else ()))
                 + (frame(1, b"hello") if path == "/hello" else b""))
    seen = {"head": head, "count": len([p for p in asked if p == path])}
    if path in ("/seen", "/cookie", "/basic", "/digest"):
        conn.sendall(frame(1, json.dumps(seen).encode()))
    elif path == "/pieces":
        text = "grüß €𝄞".encode()
        for byte in frame(1, text[:4], fin=False) + frame(9, b"?") + frame(0, text[4:8], fin=False) + frame(0, text[8:]):
            conn.sendall(bytes([byte]))
            time.sleep(0.001)
    elif path == "/noise":
        said = json.loads(peer.message())
        conn.sendall(frame(1, b"noise") * 2 + frame(1, b'{"other": 1}') + frame(1, json.dumps({"id": said["id"]}).encode()))
    elif path == "/count":
        for n in range(1, 1000):
            peer.message()
            conn.sendall(frame(1, str(n).encode()))
    elif path.startswith("/close/"):
        _, _, code, reason = path.split("/")
        conn.sendall(frame(8, (struct.pack(">H", int(code)) if code != "0" else b"") + reason.encode()))
    elif path == "/end":
        return
    elif path == "/reset":
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.close()
        return
    elif path == "/stuck":
        time.sleep(60)
    elif path == "/late":
        while peer.frame()[0] != 8:
            pass
        time.sleep(1)
        conn.sendall(frame(8, b"\x03\xe8"))
        return
    elif path == "/nopong":
        while True:
            peer.frame()
    elif path.startswith("/bad/"):
        conn.sendall(BAD[path.removeprefix("/bad/")])
    while True:  # what the client says of it
        opcode, data, first = peer.frame()
        if opcode == 8:
            with lock:
                asked.append(f"closed {path} {int.from_bytes(data[:2], 'big') if data else 0}")
            conn.sendall(frame(8, data))
            return
        if path in ("/echo", "/redirect", "/hello"):
            conn.sendall(frame(10 if opcode == 9 else opcode, data, fin=bool(first & 128)))
        elif path == "/log":
            conn.sendall(frame(1, json.dumps(asked).encode()))
        elif opcode == 9:
            conn.sendall(frame(10, data))


def serve(conn, port):
    try:
        with conn:
            peer = Peer(conn)
            while True:
                head = peer.head()
                path = head.split(" ")[1].partition("?")[0]
                headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
                with lock:
                    asked.append(path)
                if not refuse(peer, path, headers, port):
                    talk(peer, path, head, headers)
                    return
                if path in ("/gone", "/accept", "/upgrade", "/subprotocol", "/extension"):
                    return
    except (OSError, ConnectionError):
        pass


def raw_server():
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    port = listener.getsockname()[1]

    def accept_all():
        while True:
            conn, _ = listener.accept()
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(conn, port), daemon=True).start()

    threading.Thread(target=accept_all, daemon=True).start()
    return port


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except websockets.ConnectionClosed:
        pass


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    ports = {"raw": raw_server()}
    options = {"max_size": None, "select_subprotocol": lambda connection, offered: next(iter(offered), None)}
    servers = [await websockets.serve(echo, "127.0.0.1", 0, **options),
               await websockets.serve(echo, "127.0.0.1", 0, ssl=context, **options)]
    for name, server in zip(("echo", "tls"), servers):
        ports[name] = list(server.sockets)[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Future()


asyncio.run(main())
