# SPDX-License-Identifier: MIT
"""A server of gRPC by grpcio, for tests: grpc_server.py [CERT KEY [CA of clients]] prints its ports as JSON, and the path of a socket. Messages are bytes.

/t.T/Echo      the request, with its metadata as trailers that begin with saw-
/t.T/Wait      an answer after as many seconds as the request says
/t.T/Fail      the status that the request has as a number, behind a blank its details
/t.T/Rich      INVALID_ARGUMENT with details: BadRequest of google.rpc, and a message of a type that nobody knows
/t.T/Bytes     as many bytes as the request says
/t.T/Many      as many answers as the request says, behind a blank the seconds between them
/t.T/Join      all requests joined by a blank
/t.T/Each      an answer for each request, in capitals
/t.T/Count     how many calls of the others there were, and how many were cancelled, by name"""

import json
import os
import sys
import threading
import time
from collections import Counter
from concurrent import futures

import grpc

calls, cancelled = Counter(), Counter()
lock = threading.Lock()
codes = {code.value[0]: code for code in grpc.StatusCode}


def counted(name, function):
    def call(request, context):
        with lock:
            calls[name] += 1
        return function(request, context)

    return call


def note_cancelled(name):
    with lock:
        cancelled[name] += 1


def echo(request, context):
    context.send_initial_metadata((("first", "1"), ("first-bin", b"\0\1\xff")))
    context.set_trailing_metadata(tuple(("saw-" + key, value) for key, value in context.invocation_metadata()))
    return request


def wait(request, context):
    end = time.monotonic() + float(request)
    while time.monotonic() < end:
        if not context.is_active():
            note_cancelled("Wait")
            break
        time.sleep(0.005)
    return b"waited"


def fail(request, context):
    number, _, details = request.decode().partition(" ")
    context.set_trailing_metadata((("why-bin", b"\xfe\xff"), ("why", "so")))
    context.abort(codes[int(number)], details)


def rich(request, context):
    from google.protobuf.any_pb2 import Any
    from google.rpc.error_details_pb2 import BadRequest
    from google.rpc.status_pb2 import Status
    from grpc_status import rpc_status

    known = Any()
    known.Pack(BadRequest(field_violations=[BadRequest.FieldViolation(field="name", description="too short")]))
    status = Status(code=3, message="not so", details=[known, Any(type_url="type.example/own.Kind", value=b"\x08\x05")])
    context.abort_with_status(rpc_status.to_status(status))


def many(request, context):
    count, pause, *how = *request.decode().split(), "0"
    is_over = False
    try:
        for i in range(int(count)):
            if i:
                time.sleep(float(pause))
            if not context.is_active():
                return
            yield b"%d" % i  # where grpcio itself sees that the call is over, it asks for no more
        is_over = True
    finally:
        if not is_over:
            note_cancelled("Many")
    if how[:1] == ["fail"]:
        context.abort(grpc.StatusCode.DATA_LOSS, "no more")


def each(requests, context):
    for request in requests:
        yield request.upper()


def count(request, context):
    with lock:
        return json.dumps({"calls": calls, "cancelled": cancelled}).encode()


def handlers():
    unary, to_stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    kinds = {
        "Echo": (unary, echo), "Wait": (unary, wait), "Fail": (unary, fail), "Rich": (unary, rich),
        "Bytes": (unary, lambda request, context: b"x" * int(request)), "Many": (to_stream, many),
        "Join": (grpc.stream_unary_rpc_method_handler, lambda requests, context: b" ".join(requests)),
        "Each": (grpc.stream_stream_rpc_method_handler, each),
    }
    methods = {name: kind(counted(name, function)) for name, (kind, function) in kinds.items()}
    methods["Count"] = unary(count)
    return grpc.method_handlers_generic_handler("t.T", methods)


def credentials(files):
    certificate, key, *ca = ([open(path, "rb").read() for path in files])
    return grpc.ssl_server_credentials([(key, certificate)], ca[0] if ca else None, bool(ca))


def start(secure=None, options=(), compression=None, address=None):
    server = grpc.server(futures.ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0), *options], compression=compression)
    server.add_generic_rpc_handlers((handlers(),))
    if address:
        server.add_insecure_port(f"unix:{address}")
    port = server.add_secure_port("127.0.0.1:0", secure) if secure else server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main():
    path = f"{os.path.dirname(sys.argv[1])}/grpc-{os.getpid()}.sock" if sys.argv[1:] else None
    servers = {"plain": start(address=path), "gzip": start(compression=grpc.Compression.Gzip),
               "large": start(options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])}
    if sys.argv[1:]:
        servers["tls"] = start(credentials(sys.argv[1:3]))
        servers["mutual"] = start(credentials([*sys.argv[1:3], sys.argv[1]]))
    print(json.dumps({"unix": path, **{name: port for name, (_, port) in servers.items()}}), flush=True)
    sys.stdin.read()


main()
