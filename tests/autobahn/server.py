# SPDX-License-Identifier: MIT
"""The case classes of autobahntestsuite against a client, by a server of our own: the package's is for Python 2 and Twisted.

    server.py FOLDER [COUNT]     FOLDER has the package, its syntax converted by lib2to3; COUNT: messages of a case of 12 and 13
                                 rather than its 1,000

A case drives the few methods of class Peer. In its Python a text is bytes: so it is read as Latin-1, and what is sent and
compared is that encoding of it. Prints {"port": …, "cases": [id …]}; then, for each connection to /ID, a line {"id", "behavior",
"close", "result"}.
"""

import asyncio
import base64
import binascii
import hashlib
import importlib.abc
import importlib.machinery
import json
import struct
import sys
import types
import zlib
from pathlib import Path

FOLDER, COUNT = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def octets(value):
    return value.encode("latin-1") if isinstance(value, str) else bytes(value)


# ---- what the cases import -----------------------------------------------------------------------


class Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, **kwargs):
        text = data.decode("latin-1").replace("(object, Case, )", "(Case,)")
        return super().source_to_code(text.replace(" / self.p.autoFragmentSize", " // self.p.autoFragmentSize"), path, **kwargs)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] != "autobahntestsuite":
            return None
        file = FOLDER.joinpath(*name.split("."))
        file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
        if not file.exists():
            return None
        return importlib.util.spec_from_file_location(
            name, file, loader=Loader(name, str(file)), submodule_search_locations=[str(file.parent)] if file.name == "__init__.py" else None)


def module(name, **contents):
    made = types.ModuleType(name)
    made.__dict__.update(contents)
    made.__path__ = []
    sys.modules[name] = made
    return made


class Offer:
    """permessage-deflate as the client offered it."""

    def __init__(self, text="", **_):
        parts = [part.strip() for part in text.split(";")[1:]]
        self.acceptNoContextTakeover = True
        self.acceptMaxWindowBits = any(part.startswith("client_max_window_bits") for part in parts)
        self.requestNoContextTakeover = "server_no_context_takeover" in parts
        self.requestMaxWindowBits = 0


class Accept:
    """... and as it was agreed on."""

    def __init__(self, offer, requestNoContextTakeover=False, requestMaxWindowBits=0, noContextTakeover=None, windowBits=None, **_):
        self.client_forgets, self.client_bits = requestNoContextTakeover, requestMaxWindowBits or 15
        self.header = "permessage-deflate" + ("; client_no_context_takeover" if requestNoContextTakeover else "")
        self.header += f"; client_max_window_bits={requestMaxWindowBits}" if requestMaxWindowBits else ""
        self.deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.inflate = zlib.decompressobj(-self.client_bits)

    def packed(self, data):
        return (self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def unpacked(self, data):
        if self.client_forgets:
            self.inflate = zlib.decompressobj(-self.client_bits)
        return self.inflate.decompress(data + b"\x00\x00\xff\xff")


class Utf8Validator:
    def reset(self):
        pass

    def validate(self, data):
        try:
            octets(data).decode("utf-8")
            return True, True, len(data), len(data)
        except UnicodeDecodeError:
            return False, False, 0, 0


class Peer:
    """The server's end of one connection, as a case sees it (WebSocketProtocol)."""

    STATE_CLOSED, STATE_CONNECTING, STATE_CLOSING, STATE_OPEN = range(4)
    MESSAGE_TYPE_TEXT, MESSAGE_TYPE_BINARY = 1, 2
    CLOSE_STATUS_CODE_NORMAL, CLOSE_STATUS_CODE_GOING_AWAY, CLOSE_STATUS_CODE_PROTOCOL_ERROR = 1000, 1001, 1002
    CLOSE_STATUS_CODE_INVALID_PAYLOAD = 1007
    CLOSE_STATUS_CODES_ALLOWED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011]
    factory = types.SimpleNamespace(isServer=True)
    autoFragmentSize = 0
    createWirelog = True
    localCloseReason = remoteCloseCode = remoteCloseReason = None

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.state, self.connectionWasOpen = self.STATE_OPEN, True
        self.closedByMe = self.wasClean = self.droppedByMe = self.isClosed = False
        self.txFrameStats, self.rxFrameStats = {}, {}
        self.trafficStats, self._perMessageCompress = None, None
        self.perMessageCompressionAccept = lambda offers: None
        self.tasks, self.out = [], asyncio.Queue()

    def enableWirelog(self, on):
        pass

    # ---- what a case sends

    def put(self, data, chopsize=None):
        self.out.put_nowait((data, chopsize))

    def sendFrame(self, opcode, payload=b"", fin=True, rsv=0, mask=None, payload_len=None, chopsize=None, sync=False):
        data = octets(payload)
        if payload_len is not None and data:
            data = (data * (payload_len // len(data) + 1))[:payload_len]
        elif payload_len is not None:
            data = b""
        self.put(self.head(opcode, fin, rsv, len(data)) + data, chopsize)

    def head(self, opcode, fin, rsv, n):
        self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
        head = bytes([(bool(fin) << 7) | (rsv << 4) | opcode])
        return head + (bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n))

    def sendMessage(self, payload, isBinary=False, fragmentSize=None, sync=False, doNotCompress=False):
        data, rsv, opcode = octets(payload), 0, 2 if isBinary else 1
        if self._perMessageCompress is not None:
            data, rsv = self._perMessageCompress.packed(data), 4
        size = fragmentSize or self.autoFragmentSize or max(len(data), 1)
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for i, piece in enumerate(pieces):
            self.put(self.head(0 if i else opcode, i == len(pieces) - 1, 0 if i else rsv, len(piece)) + piece)

    def beginMessage(self, isBinary=False, opcode=None):
        self.begun = opcode or (2 if isBinary else 1)

    def beginMessageFrame(self, length):
        self.put(self.head(self.begun, True, 0, length))

    def sendMessageFrameData(self, payload, sync=False):
        self.put(octets(payload))

    def endMessage(self):
        pass

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        if self.state != self.STATE_OPEN:
            return
        self.state, self.closedByMe = self.STATE_CLOSING, not isReply
        payload = b"" if code is None else struct.pack(">H", code)
        self.sendFrame(8, payload + octets(reasonUtf8 or b""))

    def sendClose(self, code=None, reason=None):
        self.sendCloseFrame(code, reason.encode("utf-8") if isinstance(reason, str) else reason)

    # ---- later

    def later(self, seconds, call):
        async def wait():
            await asyncio.sleep(seconds)
            call()

        self.tasks.append(asyncio.ensure_future(wait()))

    def continueLater(self, seconds, call, tag=None):
        self.later(seconds, call)

    def closeAfter(self, seconds):
        self.later(seconds, lambda: self.sendClose(1000))

    def killAfter(self, seconds):
        def kill():
            self.droppedByMe = True
            self.writer.transport.abort()

        self.later(seconds, kill)

    # ---- the wire

    async def write(self):
        while True:
            data, size = await self.out.get()
            for at in range(0, len(data), size or max(len(data), 1)):
                self.writer.write(data[at : at + (size or len(data))])
                await self.writer.drain()
                if size:
                    await asyncio.sleep(0)

    async def frame(self):
        first, second = await self.reader.readexactly(2)
        assert second & 128, "the client does not mask"
        n = second & 127
        if n > 125:
            n = int.from_bytes(await self.reader.readexactly(2 if n == 126 else 8), "big")
        key, data = await self.reader.readexactly(4), await self.reader.readexactly(n)
        whole = (key * (n // 4 + 1))[:n]
        return first, (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(n, "big")

    async def read(self, case):
        message, opcode, is_packed = b"", 0, False
        while True:
            first, data = await self.frame()
            kind = first & 15
            self.rxFrameStats[kind] = self.rxFrameStats.get(kind, 0) + 1
            if kind == 8:
                return self.on_close(case, data)
            if kind == 9:
                case.onPing(data)
            elif kind == 10:
                case.onPong(data)
            else:
                opcode, is_packed = (kind, bool(first & 64)) if kind else (opcode, is_packed)
                message += data
                if first & 128:
                    whole = self._perMessageCompress.unpacked(message) if is_packed else message
                    message = b""
                    if self.state == self.STATE_OPEN:
                        case.onMessage(whole, opcode == 2)

    def on_close(self, case, data):
        self.remoteCloseCode = int.from_bytes(data[:2], "big") if len(data) > 1 else None
        self.remoteCloseReason = data[2:]
        self.wasClean = True
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(self.remoteCloseCode, isReply=True)
        case.onClose(True, self.remoteCloseCode, data[2:].decode("utf-8", "replace"))


protocol = module("autobahn.websocket.protocol", WebSocketProtocol=Peer)
module("autobahn"), module("autobahn.websocket"), module("autobahn.websocket.utf8validator", Utf8Validator=Utf8Validator)
module("autobahn.websocket.compress", PerMessageDeflateOffer=Offer, PerMessageDeflateOfferAccept=Accept,
       PerMessageDeflateResponse=type("R", (), {}), PerMessageDeflateResponseAccept=None)
module("pkg_resources", resource_filename=lambda package, name: str(FOLDER / package / name))
module("zope"), module("zope.interface", implements=lambda *_: None)
module("twisted"), module("twisted.internet", reactor=None, interfaces=types.SimpleNamespace(IPushProducer=None))
hexed = types.ModuleType("binascii")
hexed.__dict__.update(binascii.__dict__)
hexed.b2a_hex = hexed.hexlify = lambda data: binascii.b2a_hex(octets(data)).decode()
sys.modules["binascii"] = hexed
package = module("autobahntestsuite")
package.__path__ = [str(FOLDER / "autobahntestsuite")]
sys.meta_path.insert(0, Finder())

import autobahntestsuite.case as suite  # noqa: E402
from autobahntestsuite.case.case import Case  # noqa: E402


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return octets(value) if isinstance(value, (str, bytes)) else value


Case.compare = lambda self, one, other: plain(one) == plain(other)


def name_of(case):
    return case.__name__.removeprefix("Case").replace("_", ".")


CASES = {name_of(case): case for case in suite.Cases if name_of(case)[0] != "0"}
for name, case in CASES.items():
    if name.startswith(("12.", "13.")):
        case.COUNT = min(COUNT, case.COUNT)


# ---- connections ---------------------------------------------------------------------------------


def handshake(head, peer, case):
    headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
    offers = [Offer(text) for text in headers.get("sec-websocket-extensions", "").split(",") if "permessage-deflate" in text]
    peer._perMessageCompress = peer.perMessageCompressionAccept(offers) if offers else None
    accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()).decode()
    extension = f"Sec-WebSocket-Extensions: {peer._perMessageCompress.header}\r\n" if peer._perMessageCompress else ""
    peer.writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{extension}"
                      f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())


async def serve(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    name = head.split(" ")[1].strip("/")
    peer = Peer(reader, writer)
    case = CASES[name](peer)
    handshake(head, peer, case)
    peer.tasks.append(asyncio.ensure_future(peer.write()))
    try:
        case.onOpen()
        await peer.read(case)
        while peer.out.qsize():
            await asyncio.sleep(0.001)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    for task in peer.tasks:
        task.cancel()
    writer.close()
    peer.state = peer.STATE_CLOSED
    case.onConnectionLost(False)
    print(json.dumps({"id": name, "behavior": case.behavior, "close": case.behaviorClose, "result": str(case.result),
                      "of the close": str(case.resultClose)}), flush=True)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "cases": list(CASES)}), flush=True)
    await asyncio.Future()


asyncio.run(main())
