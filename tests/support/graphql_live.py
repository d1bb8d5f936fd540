# SPDX-License-Identifier: MIT
"""As much of a GraphQL server with subscriptions as its clients can tell: by the protocol graphql-transport-ws over WebSocket,
and by server-sent events, a connection for each operation. What comes of an operation is said by its name:

    Ticks        {"tick": 1} … {"tick": variables.n}, variables.pause seconds before each, then the end
    Forever      the same without an end, until the client has enough of it
    Silent       nothing                          Nothing   an end at once
    Refused      an error in place of results     Stumbles  two results, the second with errors (and data), then the end
    Dies         a result, then the connection ends, with 1011 where there is a code
    Nonsense     a message that is none           Fails     a result, then an error

connection_init with {"token": "no"} is refused with 4403, {"token": "slow"} not answered. A client is asked by ping before it
is acknowledged, and after each result. Run by the Python that has the package websockets; prints {"ws": port, "sse": port}.
GET /seen of the second: {"completed": [operation that the client ended…], "pongs": N, "inits": [payload…]}."""

import asyncio
import json

import websockets

PROTOCOL = "graphql-transport-ws"
seen = {"completed": [], "pongs": 0, "inits": []}
REFUSAL = [{"message": "no such field", "path": ["tick"], "extensions": {"code": "NOT_FOUND"}}]


class Dies(Exception):
    pass


async def results(name, variables):
    """Execution results; a list: errors in place of more."""
    if name in ("Ticks", "Forever"):
        n = 0
        while name == "Forever" or n < variables.get("n", 3):
            await asyncio.sleep(variables.get("pause", 0.01))
            n += 1
            yield {"data": {"tick": n}}
    elif name == "Silent":
        await asyncio.sleep(3600)
    elif name == "Refused":
        yield REFUSAL
    elif name == "Stumbles":
        yield {"data": {"tick": 1}}
        yield {"data": {"tick": None}, "errors": [{"message": "too slow", "path": ["tick"]}]}
    elif name in ("Dies", "Fails"):
        yield {"data": {"tick": 1}}
        if name == "Dies":
            raise Dies
        yield REFUSAL


# ---- over WebSocket ------------------------------------------------------------------------------


async def operate(socket, id, asked):
    async def say(**message):
        await socket.send(json.dumps(message))

    name = asked.get("operationName")
    if name == "Nonsense":
        await socket.send("nonsense")
        return
    try:
        async for result in results(name, asked.get("variables") or {}):
            if isinstance(result, list):
                await say(id=id, type="error", payload=result)
                return
            await say(id=id, type="next", payload=result)
            await say(type="ping", payload={"of": id})
        await say(id=id, type="complete")
    except Dies:
        await socket.close(1011, "I die")


async def talk(socket):
    running = {}
    try:
        hello = json.loads(await socket.recv())
        assert hello["type"] == "connection_init", hello
        payload = hello.get("payload")
        seen["inits"].append(payload)
        if payload == {"token": "no"}:
            await socket.close(4403, "Forbidden")
            return
        await socket.send(json.dumps({"type": "ping"}))
        if payload != {"token": "slow"}:
            await socket.send(json.dumps({"type": "connection_ack", "payload": {"for": payload}}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "subscribe":
                id, asked = message["id"], message["payload"]
                assert id not in running and asked["query"], message
                running[id] = asked.get("operationName"), asyncio.ensure_future(operate(socket, id, asked))
            elif message["type"] == "complete":
                name, task = running.pop(message["id"])
                task.cancel()
                seen["completed"].append(name)
            elif message["type"] == "pong":
                seen["pongs"] += 1
    except websockets.ConnectionClosed:
        pass
    finally:
        for _, task in running.values():
            task.cancel()


def choose(connection, offered):
    return PROTOCOL if PROTOCOL in offered and connection.request.path != "/other" else None


# ---- over server-sent events ---------------------------------------------------------------------


def answer(status, kind, body):
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def stream(writer, asked):
    name = asked.get("operationName")

    async def say(text):
        writer.write(b"%x\r\n%b\r\n" % (len(text), text.encode()))
        await writer.drain()

    if name == "Refused":
        writer.write(answer("400 Bad Request", "application/graphql-response+json", json.dumps({"errors": REFUSAL})))
        return
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n")
    try:
        async for result in results(name, asked.get("variables") or {}):
            await say(f"event: next\ndata: {json.dumps(result)}\n\n")
        await say("event: complete\ndata:\n\n")
        writer.write(b"0\r\n\r\n")
    except Dies:
        writer.write(b"0\r\n\r\n")


async def serve(reader, writer):
    try:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])}
            if head.startswith("GET /seen"):
                writer.write(answer("200 OK", "application/json", json.dumps(seen)))
                continue
            asked = json.loads(await reader.readexactly(int(fields["content-length"])))
            assert fields["accept"] == "text/event-stream", fields
            gone, told = asyncio.ensure_future(reader.read(1)), asyncio.ensure_future(stream(writer, asked))
            await asyncio.wait([gone, told], return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            told.cancel()
            await writer.drain()
            break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main():
    over_socket = await websockets.serve(talk, "127.0.0.1", 0, select_subprotocol=choose)
    over_events = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(json.dumps({"ws": list(over_socket.sockets)[0].getsockname()[1], "sse": over_events.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Future()


asyncio.run(main())
