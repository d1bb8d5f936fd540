# SPDX-License-Identifier: MIT
"""A server of server-sent events with a known schedule, and of other answers in their place. Prints {"port": …, "path": …}:
a TCP port, and with --unix PATH a Unix socket too.

    /events?n=5&gap=20&end=1   n events, gap ms apart, the time of sending (monotonic) in each; end: then close in order, else
                               the connection stays; `from Last-Event-ID` it goes on behind that id
    /split?n=3                 all line ends there are, one byte a write
    /flow?bytes=N              an event that does not end
    /break?n=2                 ends in the middle of the answer: its chunks are not finished
    /204  /404  /json  /html   answers that are no stream
    /gzip?n=3                  compressed although nobody asked for it
    /slow                      no head before the client goes
    /prices                    {"price": …}, 20 ms apart
    /seen                      {"open": streams now, "ids": the Last-Event-ID of all requests}
"""

import argparse
import asyncio
import json
import time
import zlib
from urllib.parse import parse_qs, urlsplit

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
seen = {"open": 0, "ids": [], "hosts": []}


def answer(status, kind, body):
    body = body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


async def say(writer, data):
    writer.write(data)
    await writer.drain()


async def events(writer, query, headers):
    first = int(headers.get("last-event-id") or 0) + 1
    gap_s = float(query.get("gap", 10)) / 1000
    retry = "retry: 10\n" if "retry" in query else ""
    await say(writer, (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
    for i in range(first, first + int(query.get("n", 5))):
        await asyncio.sleep(gap_s)
        kind = "event: tick\n" if "typed" in query else ""
        await say(writer, chunk(f"{retry}{kind}id: {i}\ndata: {time.monotonic()}\n\n".encode()))
    if "end" in query:
        await say(writer, b"0\r\n\r\n")
        return
    await asyncio.sleep(3600)


async def split(writer, query, headers):
    await say(writer, (HEAD + "Connection: close\r\n\r\n").encode())
    ends = ["\n", "\r", "\r\n"]
    blocks = [f": comment{e}event: x{e}id: {i}{e}data: one {e}data:two é{e}{e}" for i, e in enumerate(ends)]
    for byte in b"\xef\xbb\xbf" + "".join(blocks).encode():
        await say(writer, bytes([byte]))


async def flow(writer, query, headers):
    await say(writer, (HEAD + "Connection: close\r\n\r\ndata: ").encode())
    for _ in range(int(query["bytes"]) // 1000):
        await say(writer, b"x" * 1000)
    await asyncio.sleep(3600)


async def break_off(writer, query, headers):
    await say(writer, (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
    for i in range(int(query.get("n", 2))):
        await say(writer, chunk(b"data: %d\n\n" % i))


async def zipped(writer, query, headers):
    await say(writer, (HEAD + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n").encode())
    packer = zlib.compressobj(wbits=31)
    for i in range(int(query.get("n", 3))):
        await say(writer, packer.compress(b"data: %d\n\n" % i) + packer.flush(zlib.Z_SYNC_FLUSH))
    await say(writer, packer.flush())


async def slow(writer, query, headers):
    await asyncio.sleep(3600)


async def prices(writer, query, headers):
    await say(writer, (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
    for i in range(1_000_000):
        await asyncio.sleep(0.02)
        await say(writer, chunk(b'event: price\ndata: {"price": %d}\n\n' % (100 + i % 7)))


STREAMS = {"/events": events, "/prices": prices, "/split": split, "/flow": flow, "/break": break_off, "/gzip": zipped, "/slow": slow}
ANSWERS = {
    "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/404": answer("404 Not Found", "text/plain", "nothing here"),
    "/json": answer("200 OK", "application/json", '{"error": {"message": "no model of that name", "type": "invalid"}}'),
    "/html": answer("200 OK", "text/html; charset=utf-8", "<p>please log in"),
}


async def one(reader, writer):
    line = (await reader.readuntil(b"\r\n")).decode()
    head = (await reader.readuntil(b"\r\n\r\n") if line.strip() else b"").decode("latin-1")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in head.split("\r\n")) if name}
    url = urlsplit(line.split()[1])
    query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    seen["hosts"].append(headers.get("host"))
    if url.path == "/seen":
        await say(writer, answer("200 OK", "application/json", json.dumps(seen)))
        return True
    if url.path not in STREAMS:
        await say(writer, ANSWERS.get(url.path, ANSWERS["/404"]))
        return True
    seen["ids"].append(headers.get("last-event-id"))
    seen["open"] += 1
    gone = asyncio.ensure_future(reader.read(1))
    stream = asyncio.ensure_future(STREAMS[url.path](writer, query, headers))
    try:
        await asyncio.wait([gone, stream], return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        stream.cancel()
        seen["open"] -= 1
    return False


async def serve(reader, writer):
    try:
        while await one(reader, writer):
            pass
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--unix")
    args = parser.parse_args()
    tcp = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    if args.unix:
        await asyncio.start_unix_server(serve, args.unix)
    print(json.dumps({"port": tcp.sockets[0].getsockname()[1], "path": args.unix}), flush=True)
    await tcp.serve_forever()


asyncio.run(main())
