# SPDX-License-Identifier: MIT
"""A receiver of OpenTelemetry's protocol over gRPC, by grpcio: run by the clients' Python with a port (0: any) and, for TLS, the
files of a certificate and its key. Writes a line of JSON for its port and for each request; each line it reads says how it
answers from then on: {} well, {"code", "retry": seconds or null, "message"}, {"rejected": n}, {"hang": true}."""

import base64
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICES = {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"}
lock = threading.Lock()
manner = {}
over = threading.Event()


def tell(**what):
    with lock:
        print(json.dumps(what), flush=True)


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def retry_info(seconds):
    """google.rpc.Status with a RetryInfo."""
    delay = field(1, int(seconds)) + field(2, int(seconds % 1 * 1e9))
    info = field(1, b"type.googleapis.com/google.rpc.RetryInfo") + field(2, field(1, delay))
    return field(1, 14) + field(2, b"busy") + field(3, info)


class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method not in SERVICES:
            return None

        def export(request, context):
            how = dict(manner)
            tell(call=details.method, body=base64.b64encode(request).decode(), code=how.get("code", "OK"), hang="hang" in how,
                 headers={key: value if isinstance(value, str) else "" for key, value in context.invocation_metadata()})
            if "hang" in how:
                over.wait(3600)
            if "code" in how:
                if how.get("retry") is not None:
                    context.set_trailing_metadata((("grpc-status-details-bin", retry_info(how["retry"])),))
                context.abort(grpc.StatusCode[how["code"]], how.get("message", "no, thanks: 5 % left"))
            return field(1, field(1, how["rejected"]) + field(2, b"too many")) if how.get("rejected") else b""

        return grpc.unary_unary_rpc_method_handler(export)


def main():
    global manner
    server = grpc.server(ThreadPoolExecutor(8), handlers=(Handler(),), options=(("grpc.so_reuseport", 0),))
    if len(sys.argv) > 2:
        certificate, key = (open(name, "rb").read() for name in sys.argv[2:4])
        port = server.add_secure_port(f"127.0.0.1:{sys.argv[1]}", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    tell(port=port)
    for line in sys.stdin:
        manner = json.loads(line)
        tell(heard=True)
    over.set()
    server.stop(0)


main()
