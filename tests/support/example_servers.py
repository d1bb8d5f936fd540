# SPDX-License-Identifier: MIT
"""Servers for the examples in locustfiles/protocols: lines over TCP, WebSocket and gRPC. Each answers after DELAY_S. Run by
the Python that has the clients' libraries; prints {name: port}.
"""

import asyncio
import json
import threading
import time
from concurrent import futures

import grpc
import websockets

DELAY_S = 0.05


async def answer_lines(reader, writer):
    while line := await reader.readline():
        await asyncio.sleep(DELAY_S)
        writer.write(b"you said " + line)
    writer.close()


async def echo(socket):
    async for message in socket:
        await asyncio.sleep(DELAY_S)
        await socket.send(message)


class Greeter(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method != "/demo.Greeter/Greet":
            return None
        return grpc.unary_unary_rpc_method_handler(self.greet, request_deserializer=bytes.decode, response_serializer=str.encode)

    @staticmethod
    def greet(name, context):
        time.sleep(DELAY_S)
        return f"Hello, {name}"


async def main():
    greeter = grpc.server(futures.ThreadPoolExecutor(20))
    greeter.add_generic_rpc_handlers((Greeter(),))
    ports = {"grpc_greeter": greeter.add_insecure_port("127.0.0.1:0")}
    greeter.start()
    lines = await asyncio.start_server(answer_lines, "127.0.0.1", 0)
    chat = await websockets.serve(echo, "127.0.0.1", 0)
    ports["raw_socket"] = lines.sockets[0].getsockname()[1]
    ports["websocket_chat"] = list(chat.sockets)[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)


asyncio.run(main())
