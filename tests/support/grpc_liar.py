# SPDX-License-Identifier: MIT
"""A gRPC server whose reflection means harm, for tests: it prints its port. What it does is the last word of the service that it is asked
about (h.Endless …); Fine, which it describes well, has a method Call that answers."""

import itertools
import sys
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

KIND = descriptor_pb2.FieldDescriptorProto


def file(name, *imports, service="", messages=1, kind=""):
    """Names of messages are the file's own, so that one lie says nothing against another file."""
    made = descriptor_pb2.FileDescriptorProto(name=name, package="h", syntax="proto3", dependency=imports)
    first = "Of" + name.replace("/", "_").replace(".", "_")
    for number in range(messages):
        made.message_type.add(name=f"{first}{number or ''}")
    if service:
        made.service.add(name=service).method.add(name="Call", input_type=f".h.{kind or first}", output_type=f".h.{kind or first}")
    return made.SerializeToString()


def files(*list_):
    return reflection_pb2.ServerReflectionResponse(file_descriptor_response={"file_descriptor_proto": list_})


def refusal(text):
    return reflection_pb2.ServerReflectionResponse(error_response={"error_code": 5, "error_message": text})


def many(name):
    """Of files that import a hundred others each, which nobody has heard of: a million, but not deep."""
    return [f"{name}/{number}" for number in range(100)] if name.count("/") < 3 else []


SYMBOLS = {
    "Fine": lambda: files(file("fine", service="Fine")),
    "Huge": lambda: files(b"\0" * (5 << 20)),
    "Heavy": lambda: files(file("heavy", service="Heavy", messages=60_000, kind="None")),
    "Crowd": lambda: files(*(file(f"crowd{number}") for number in range(6000))),
    "Circle": lambda: files(file("circle", "round", service="Circle"), file("round", "circle")),
    "Self": lambda: files(file("self", "self", service="Self")),
    "Deep": lambda: files(file("deep", "deeper", service="Deep")),
    "Wide": lambda: files(file("wide", *many("wide"), service="Wide")),
    "Liar": lambda: files(file("liar", service="Another")),
    "Typeless": lambda: files(file("typeless", service="Typeless", kind="None")),
    "Junk": lambda: files(b"\xff" * 100),
    "Empty": lambda: files(),
    "Nothing": lambda: reflection_pb2.ServerReflectionResponse(),
    "Words": lambda: refusal("x" * 1_000_000),
    "Known": lambda: files(file("google/protobuf/empty.proto"), file("known", "google/protobuf/empty.proto", service="Known")),
}


def of_file(name):
    if name.startswith("deep"):
        return files(file(name, f"{name}er"))
    if name.startswith("wide"):
        return files(file(name, *many(name)))
    return refusal(f"there is no file {name[:100]}")


class Reflection(reflection_pb2_grpc.ServerReflectionServicer):
    def ServerReflectionInfo(self, requests, context):
        for request in requests:
            if request.file_by_filename:
                yield of_file(request.file_by_filename)
                continue
            what = request.file_containing_symbol.rpartition(".")[2]
            if what == "Endless":
                yield from itertools.repeat(files(file("endless", service="Endless")))
            elif what == "Slow":
                time.sleep(2)
            elif what == "Broken":
                context.abort(grpc.StatusCode.DATA_LOSS, "there was more")
            yield SYMBOLS[what]() if what in SYMBOLS else refusal(f"there is no {what}")


def main():
    server = grpc.server(futures.ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)])
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(Reflection(), server)
    answer = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("h.Fine", {"Call": answer}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()


main()
