# SPDX-License-Identifier: MIT
"""A server of server-sent events with a known schedule, and of other answers in their place. Prints {"port": …, "path": …}:
a TCP port, and with --unix PATH a Unix socket too.

    /events?n=5&gap=20&end=1   n events, gap ms apart, the time of sending (monotonic) in each; end: then close in order, else
                               the connection stays; mark: before each id; `from Last-Event-ID` it goes on behind that id
    /once                      one event, and a 404 for who asks with a Last-Event-ID
    /split?n=3                 all line ends there are, one byte a write
    /flow?bytes=N              an event that does not end
    /break?n=2                 ends in the middle of the answer: its chunks are not finished
    /hello                     a word
    /204  /404  /json  /html   answers that are no stream
    /stuck                     one whose end does not come
    /empty?lines=N             lines of data without any
    /gzip?n=3                  compressed although nobody asked for it
    /slow                      no head before the client goes
    /prices                    {"price": …}, 20 ms apart
    POST /v1/chat/completions, /v1/completions, /v1/responses, /v1/messages: max_tokens tokens, two of them in each piece, the first
                               after 60 ms, 20 ms apart. What else happens says the model: see MODELS
    POST /api/chat, /api/generate: the same as lines of JSON, of options.num_predict tokens; the model "bare" sends its last one without its end
    /seen                      {"open": streams now, "ids": the Last-Event-ID of all requests}
"""

import argparse
import asyncio
import json
import time
import zlib
from urllib.parse import parse_qs, urlsplit

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
seen = {"open": 0, "ids": [], "hosts": [], "connections": 0, "asked": []}


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
    retry = f"retry: {query['retry'] or 10}\n" if "retry" in query else ""
    await say(writer, (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
    for i in range(first, first + int(query.get("n", 5))):
        await asyncio.sleep(gap_s)
        kind = "event: tick\n" if "typed" in query else ""
        await say(writer, chunk(f"{retry}{kind}id: {query.get('mark', '')}{i}\ndata: {time.monotonic()}\n\n".encode()))
    if "end" in query:
        await say(writer, b"0\r\n\r\n")
        return
    await asyncio.sleep(3600)


async def once(writer, query, headers):
    """A stream, and 404 for who comes again."""
    if headers.get("last-event-id"):
        await say(writer, ANSWERS["/404"])
    else:
        await events(writer, {"n": 1, "gap": 1, "end": "", "retry": ""}, headers)


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


async def empty(writer, query, headers):
    await say(writer, (HEAD + "Connection: close\r\n\r\n").encode() + b"data:\n" * int(query["lines"]))
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


STREAMS = {"/events": events, "/prices": prices, "/split": split, "/once": once, "/flow": flow, "/empty": empty, "/break": break_off, "/gzip": zipped, "/slow": slow}
ANSWERS = {
    "/hello": answer("200 OK", "text/plain", "hello"),
    "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/404": answer("404 Not Found", "text/plain", "nothing here"),
    "/json": answer("200 OK", "application/json", '{"error": {"message": "no model of that name", "type": "invalid"}}'),
    "/stuck": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nhal",
    "/html": answer("200 OK", "text/html; charset=utf-8", "<p>please log in"),
}


MODELS = {
    "quota": (answer("429 Too Many Requests", "application/json", '{"error": {"message": "slow down", "type": "rate_limit"}}')),
    "unknown": ANSWERS["/json"],  # a 200 with an error
}
ODD = {  # what is JSON, and no piece of an answer
    "null": {"choices": [None]},
    "number": {"choices": 5},
    "list": {"choices": [{"delta": {"content": ["a"]}, "text": ["a"]}]},
    "deep": [],  # said as text: deeper than json goes
    "endless": {},  # and never an end
    "words": {"choices": [], "usage": {"prompt_tokens": "eleven", "completion_tokens": "ten"}},
}
TOKENS_IN, CACHED = 11, 4


def tokens_out(asked):
    given = asked.get("max_tokens") or asked.get("max_output_tokens") or (asked.get("options") or {}).get("num_predict")
    return 0 if asked["model"] == "mute" else given or 6


def pieces(asked, path):
    """What the stream of an interface says: (event or None, data), None for a pause before a piece."""
    n, model = tokens_out(asked), asked["model"]
    fails = {"type": "error", "error": {"type": "overloaded_error", "message": "too much to do"}}
    usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": n, "prompt_tokens_details": {"cached_tokens": CACHED}}
    texts = ["to ken "] * (n // 2)
    if path == "/v1/messages":
        yield "message_start", {"type": "message_start", "message": {"usage": {"input_tokens": TOKENS_IN - CACHED, "output_tokens": 1, "cache_read_input_tokens": CACHED}}}
        yield "ping", {"type": "ping"}
        for i, text in enumerate(texts):
            yield None, None
            what = {"type": "thinking_delta", "thinking": text} if model == "thinks" and i == 0 else {"type": "text_delta", "text": text}
            yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": what}
            if model == "breaks" and i == 1:
                yield "error", fails
                return
        if model != "stops":
            yield "message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": n}}
            yield "message_stop", {"type": "message_stop"}
    elif path == "/v1/responses":
        yield "response.created", {"type": "response.created", "response": {"status": "in_progress"}}
        for i, text in enumerate(texts):
            yield None, None
            kind = "response.reasoning_summary_text.delta" if model == "thinks" and i == 0 else "response.output_text.delta"
            yield kind, {"type": kind, "delta": text}
            if model == "breaks" and i == 1:
                yield "response.failed", {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "too much to do"}}}
                return
        if model != "stops":
            used = {"input_tokens": TOKENS_IN, "output_tokens": n, "input_tokens_details": {"cached_tokens": CACHED}}
            yield "response.completed", {"type": "response.completed", "response": {"status": "completed", "usage": used}}
    else:
        is_chat = path == "/v1/chat/completions"
        about = {"id": "1", "object": "chat.completion.chunk" if is_chat else "text_completion", "created": 1, "model": model}
        if model == "odd":
            about["response"] = "a text of its own"
        if is_chat:
            yield None, {**about, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
        for i, text in enumerate(texts):
            yield None, None
            part = {"delta": {"reasoning_content" if model == "thinks" and i == 0 else "content": text}} if is_chat else {"text": text}
            yield None, {**about, "choices": [{"index": 0, **part, "finish_reason": None}]}
            if model == "breaks" and i == 1:
                yield None, {"error": fails["error"]}
                return
            if model in ODD and i == 1:
                yield None, ODD[model]
            while model == "endless":
                yield None, {**about, "choices": [{"index": 0, **part, "finish_reason": None}] * 100}
        if model != "stops":
            yield None, {**about, "choices": [{"index": 0, **({"delta": {}} if is_chat else {"text": ""}), "finish_reason": "stop"}]}
            if asked.get("stream_options", {}).get("include_usage") and model != "silent":
                yield None, {**about, "choices": [], "usage": usage}
            yield None, DONE


DONE = "[DONE]"
OLLAMA_ODD = {"number": {"message": 5, "response": 5}, "list": {"message": {"content": ["a"]}, "response": ["a"]}, "deep": ODD["deep"],
              "words": {"prompt_eval_count": "eleven", "eval_count": None}}


def ollama_piece(path, text, kind="content"):
    if path == "/api/chat":
        return {"model": "m", "message": {"role": "assistant", "content": "", kind: text}, "done": False}
    return {"model": "m", "response": "", {"content": "response"}.get(kind, kind): text, "done": False}


def ollama_end(path, asked):
    used = {} if asked["model"] == "silent" else {"prompt_eval_count": TOKENS_IN, "eval_count": tokens_out(asked)}
    return {**ollama_piece(path, ""), "done": True, "done_reason": "stop", "total_duration": 5_000_000, **used}


def ollama_pieces(asked, path):
    """None: a pause."""
    model = asked["model"]
    for i in range(tokens_out(asked) // 2):
        yield None
        yield ollama_piece(path, "to ken ", "thinking" if model == "thinks" and i == 0 else "content")
        if model == "breaks" and i == 1:
            yield {"error": "too much to do"}
            return
        if model in OLLAMA_ODD and i == 1:
            yield OLLAMA_ODD[model]
        while model == "endless":
            yield ollama_piece(path, "to ken " * 100)
    if model != "stops":
        yield ollama_end(path, asked)


async def ask_ollama(writer, path, asked):
    seen["asked"].append({"path": path, **asked})
    if asked["model"] == "unknown":
        await say(writer, answer("404 Not Found", "application/json", '{"error": "no model of that name"}'))
        return
    if not asked.get("stream", True):
        text = {**ollama_end(path, asked), **ollama_piece(path, "to ken " * (tokens_out(asked) // 2)), "done": True}
        await say(writer, answer("200 OK", "application/json; charset=utf-8", json.dumps(text)))
        return
    await say(writer, b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
    pause_s = 0.06
    for data in ollama_pieces(asked, path):
        if data is None:
            await asyncio.sleep(pause_s)
            pause_s = 0.02
            continue
        text = "[" * 100_000 if data is ODD["deep"] else json.dumps(data)
        is_bare = asked["model"] == "bare" and data.get("done")
        await say(writer, chunk(text.encode() + (b"" if is_bare else b"\n")))
    await say(writer, b"0\r\n\r\n")


def whole(asked, path):
    n = tokens_out(asked)
    text, used = "to ken " * (n // 2), {"input_tokens": TOKENS_IN, "output_tokens": n}
    if path == "/v1/messages":
        return {"type": "message", "content": [{"type": "text", "text": text}], "usage": used, "stop_reason": "end_turn"}
    if path == "/v1/responses":
        return {"status": "completed", "error": None, "output": [{"content": [{"type": "output_text", "text": text}]}], "usage": used}
    choice = {"message": {"role": "assistant", "content": text}} if path == "/v1/chat/completions" else {"text": text}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": [{"index": 0, **choice, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": TOKENS_IN, "completion_tokens": n, "total_tokens": TOKENS_IN + n}}


async def ask_model(writer, path, asked):
    seen["asked"].append({"path": path, **asked})
    if asked["model"] in MODELS:
        await say(writer, MODELS[asked["model"]])
        return
    if not asked.get("stream"):
        await say(writer, answer("200 OK", "application/json", json.dumps(whole(asked, path))))
        return
    await say(writer, (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
    pause_s = 0.06
    for kind, data in pieces(asked, path):
        if kind is data is None:
            await asyncio.sleep(pause_s)
            pause_s = 0.02
            continue
        text = data if data is DONE else json.dumps(data)
        text = "[" * 100_000 if data is ODD["deep"] else text
        await say(writer, chunk(f"{f'event: {kind}' + chr(10) if kind else ''}data: {text}\n\n".encode()))
    await say(writer, b"0\r\n\r\n")


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
    if line.startswith(("POST /v1/", "POST /api/")):
        ask = ask_ollama if url.path.startswith("/api/") else ask_model
        await ask(writer, url.path, json.loads(await reader.readexactly(int(headers["content-length"]))))
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
    seen["connections"] += 1
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
