# SPDX-License-Identifier: MIT
"""gRPC (docs/grpc.md): users whose generated stubs call by Katydid's C.

    from katydid.grpc import GrpcUser
    from locust import task
    import helloworld_pb2, helloworld_pb2_grpc

    class Guest(GrpcUser):
        host = "10.0.0.1:50051"
        stub_class = helloworld_pb2_grpc.GreeterStub

        @task
        def hello(self):
            self.stub.SayHello(helloworld_pb2.HelloRequest(name="x"), timeout=2)

Under stock Locust the same import works by grpcio."""

from ._grpc_backend import GrpcUser, insecure_channel, secure_channel, ssl_channel_credentials
from ._grpc_names import Compression, RpcError, StatusCode
from ._grpc_status import status_details

__all__ = ["Compression", "GrpcUser", "RpcError", "StatusCode", "insecure_channel", "secure_channel", "ssl_channel_credentials",
           "status_details"]
