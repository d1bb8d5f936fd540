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
        kinds = {"Greet": (grpc.unary_unary_rpc_method_handler, self.greet), "GreetAll": (grpc.stream_unary_rpc_method_handler, self.greet_all),
                 "Farewells": (grpc.unary_stream_rpc_method_handler, self.farewells), "Chat": (grpc.stream_stream_rpc_method_handler, self.chat)}
        service, _, method = call.method.rpartition("/")
        if service != "/demo.Greeter" or method not in kinds:
            return None
        kind, function = kinds[method]
        return kind(function, request_deserializer=bytes.decode, response_serializer=str.encode)

    @staticmethod
    def greet(name, context):
        time.sleep(DELAY_S)
        if not name:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "nobody")
        return f"Hello, {name}"

    @staticmethod
    def greet_all(names, context):
        time.sleep(DELAY_S)
        return "Hello, " + " and ".join(names)

    @staticmethod
    def farewells(count, context):
        for n in range(int(count)):
            time.sleep(DELAY_S)
            yield f"Goodbye {n}"

    @staticmethod
    def chat(lines, context):
        for line in lines:
            time.sleep(DELAY_S)
            yield line.upper()


async def main():
    greeter = grpc.server(futures.ThreadPoolExecutor(20))
    greeter.add_generic_rpc_handlers((Greeter(),))
    ports = {"grpc_greeter": greeter.add_insecure_port("127.0.0.1:0")}
    ports["grpc_calls"] = ports["grpc_greeter"]
    greeter.start()
    lines = await asyncio.start_server(answer_lines, "127.0.0.1", 0)
    chat = await websockets.serve(echo, "127.0.0.1", 0)
    ports["raw_socket"] = lines.sockets[0].getsockname()[1]
    ports["websocket_chat"] = list(chat.sockets)[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)


asyncio.run(main())
