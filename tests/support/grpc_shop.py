# SPDX-License-Identifier: MIT
"""A shop by generated code, for tests: grpc_shop.py FOLDER [v1] makes the code of tests/support/protos there, with a protoset,
and prints the server's port. It has reflection (grpcio's, v1alpha; with v1 of that version too), and health."""

import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

FOLDER = Path(sys.argv[1])
PROTOS = Path(__file__).resolve().parent / "protos"
subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", f"--python_out={FOLDER}", f"--grpc_python_out={FOLDER}", "--include_imports",
                f"--descriptor_set_out={FOLDER / 'shop.protoset'}", PROTOS / "shop.proto", PROTOS / "parts.proto"], check=True)
sys.path.insert(0, str(FOLDER))

import grpc  # noqa: E402
import shop_pb2  # noqa: E402
import shop_pb2_grpc  # noqa: E402
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # noqa: E402
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc  # noqa: E402


def receipt(*orders):
    tags = "".join(f" #{tag.text}" for order in orders for tag in order.tags)
    made = shop_pb2.Receipt(text=" ".join(order.name for order in orders) + tags, total=sum(order.count for order in orders))
    made.at.seconds = 7
    return made


class Shop(shop_pb2_grpc.ShopServicer):
    def Buy(self, request, context):
        if request.count < 0:
            context.abort(grpc.StatusCode.OUT_OF_RANGE, "less than nothing")
        return receipt(request)

    def Follow(self, request, context):
        for _ in range(request.count):
            yield receipt(request)

    def Fill(self, requests, context):
        return receipt(*requests)

    def Haggle(self, requests, context):
        for request in requests:
            yield receipt(request)


class Reflection(reflection.ReflectionServicer):
    """Thinks about shop.v1.Slow, which there is not, for a while."""

    def ServerReflectionInfo(self, requests, context):
        for request in requests:
            if request.file_containing_symbol == "shop.v1.Slow":
                time.sleep(0.5)
            yield from super().ServerReflectionInfo(iter([request]), context)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
    shop_pb2_grpc.add_ShopServicer_to_server(Shop(), server)
    states = health.HealthServicer()
    states.set("shop.v1.Shop", health_pb2.HealthCheckResponse.SERVING)
    states.set("closed", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(Reflection(("shop.v1.Shop", reflection.SERVICE_NAME)), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()


main()
