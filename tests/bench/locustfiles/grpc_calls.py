import shop_pb2
import shop_pb2_grpc
from katydid.grpc import GrpcUser
from locust import constant, task


class Buyer(GrpcUser):
    wait_time = constant(0)
    stub_class = shop_pb2_grpc.ShopStub

    @task
    def buy(self):
        assert self.stub.Buy(shop_pb2.Order(name="pen", count=3)).total == 3
