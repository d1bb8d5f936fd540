"""gRPC by Katydid's own client: all four kinds of call, a deadline, metadata, a status that is expected.

Messages are plain text here, so that no generated code is needed: with `stub_class = my_pb2_grpc.GreeterStub` it is the same.

    katydid -f locustfiles/protocols/grpc_calls.py -H 127.0.0.1:7002
    make run EXAMPLE=protocols/grpc_calls        # brings a server
"""

from katydid.grpc import GrpcUser, RpcError, StatusCode
from locust import between, task

TEXT = {"request_serializer": str.encode, "response_deserializer": bytes.decode}


class GreeterStub:
    """What protoc's plug-in writes."""

    def __init__(self, channel):
        self.Greet = channel.unary_unary("/demo.Greeter/Greet", **TEXT)
        self.GreetAll = channel.stream_unary("/demo.Greeter/GreetAll", **TEXT)
        self.Farewells = channel.unary_stream("/demo.Greeter/Farewells", **TEXT)
        self.Chat = channel.stream_stream("/demo.Greeter/Chat", **TEXT)


class Guest(GrpcUser):
    wait_time = between(0.05, 0.1)
    stub_class = GreeterStub
    timeout = 5  # seconds, of calls that say none

    @task(4)
    def hello(self):
        assert self.stub.Greet("Katydid", metadata=[("x-visitor", "7")]) == "Hello, Katydid"

    @task
    def hello_to_many(self):
        assert self.stub.GreetAll(iter(["Ann", "Ben"])) == "Hello, Ann and Ben"

    @task
    def goodbye(self):
        for farewell in self.stub.Farewells("3", timeout=2):
            assert farewell.startswith("Goodbye")

    @task
    def chat(self):
        assert list(self.stub.Chat(iter(["How are you?", "And you?"]))) == ["HOW ARE YOU?", "AND YOU?"]

    @task
    def not_a_guest(self):
        try:
            self.stub.Greet("", name="Greet nobody", ok=StatusCode.INVALID_ARGUMENT)
        except RpcError as error:
            assert error.code() is StatusCode.INVALID_ARGUMENT
