"""gRPC, cooperatively: grpcio's own gevent support, an interceptor that reports each call.

Messages are plain text here, so that no generated code is needed; with stubs from protoc it is the same.

    pip install grpcio
    katydid -f locustfiles/protocols/grpc_greeter.py -H 127.0.0.1:7002
    make run EXAMPLE=protocols/grpc_greeter      # brings the package and a server
"""

import time

import grpc
import grpc.experimental.gevent as grpc_gevent
from locust import User, between, task

grpc_gevent.init_gevent()


class Reporter(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, event):
        self.event = event

    def intercept_unary_unary(self, continuation, client_call_details, request):
        started, error, length = time.perf_counter(), None, 0
        call = continuation(client_call_details, request)
        try:
            length = len(call.result())
        except grpc.RpcError as exception:
            error = exception
        self.event.fire(
            request_type="grpc",
            name=client_call_details.method,
            response_time=(time.perf_counter() - started) * 1000,
            response_length=length,
            exception=error,
        )
        return call


class Guest(User):
    wait_time = between(0.05, 0.1)

    def on_start(self):
        channel = grpc.insecure_channel(self.host)
        self.channel = grpc.intercept_channel(channel, Reporter(self.environment.events.request))
        self.greet = self.channel.unary_unary(
            "/demo.Greeter/Greet", request_serializer=str.encode, response_deserializer=bytes.decode
        )

    @task
    def hello(self):
        self.greet("Katydid")
