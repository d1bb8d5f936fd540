"""Locust's documented recipe: grpcio, and an interceptor that tells of each call."""

import time

import grpc
import grpc.experimental.gevent as grpc_gevent
import shop_pb2
import shop_pb2_grpc
from grpc_interceptor import ClientInterceptor
from locust import User, constant, task

grpc_gevent.init_gevent()


class Reporter(ClientInterceptor):
    def __init__(self, environment):
        super().__init__()
        self.environment = environment

    def intercept(self, method, request_or_iterator, call_details):
        response, exception, length = None, None, 0
        started = time.perf_counter()
        try:
            response = method(request_or_iterator, call_details)
            length = response.result().ByteSize()
        except grpc.RpcError as error:
            exception = error
        self.environment.events.request.fire(request_type="grpc", name=call_details.method, response_time=(time.perf_counter() - started) * 1000,
                                             response_length=length, response=response, context=None, exception=exception)
        return response


class Buyer(User):
    wait_time = constant(0)

    def __init__(self, environment):
        super().__init__(environment)
        self.stub = shop_pb2_grpc.ShopStub(grpc.intercept_channel(grpc.insecure_channel(self.host), Reporter(environment)))

    @task
    def buy(self):
        assert self.stub.Buy(shop_pb2.Order(name="pen", count=3)).total == 3
