"""A viewer of the page's live socket that does what it is told, the wrong things too."""

import base64
import json
import os
import socket
import struct
import zlib
from urllib.parse import urlparse


class Viewer:
    def __init__(self, url, origin=True, buffer=None, query="", headers=()):
        where = urlparse(url)
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect((where.hostname, where.port))
        self.socket.settimeout(60)
        lines = [
            f"GET /api/v1/live{query} HTTP/1.1", f"Host: {where.netloc}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        ]
        lines += headers
        if origin:
            lines.append(f"Origin: {url if origin is True else origin}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass

    def frame(self):
        """(opcode, payload), or None at the end."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        length = head[1] & 127
        if length == 126:
            (length,) = struct.unpack(">H", self.file.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.file.read(8))
        return head[0] & 15, self.file.read(length)

    def message(self, *kinds):
        """The next one of these kinds, or None at the end. Pings are answered, as browsers do without a word."""
        while frame := self.frame():
            if frame[0] == 9:
                self.send(10, frame[1])
            text = zlib.decompress(frame[1]) if frame[0] == 2 else frame[1]
            if frame[0] in (1, 2) and (said := json.loads(text))["type"] in kinds:
                return said
        return None

    def say(self, text):
        self.send(1, text.encode() if isinstance(text, str) else json.dumps(text).encode())

    def send(self, opcode, data):
        head = bytes([0x80 | opcode, 0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | opcode, 0xFE]) + struct.pack(">H", len(data))
        self.socket.sendall(head + b"\0\0\0\0" + data)

    def close(self):
        self.file.close()
        self.socket.close()
