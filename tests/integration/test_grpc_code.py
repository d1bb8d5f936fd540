# SPDX-License-Identifier: MIT
"""gRPC with the code that protoc generates, and without: by reflection, .proto files and a protoset; Locust's own recipe; stock Locust."""

import csv
import json
import os
import subprocess
import textwrap

import pytest
from harness import BUILD, CLIENTS, PATIENCE, ROOT, STOCK_LOCUST, WORKER, Process, locustfile, run_katydid

PROTOS = ROOT / "tests" / "support" / "protos"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """(port, folder with the generated code)"""
    folder = tmp_path_factory.mktemp("shop")
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "grpc_shop.py", folder], stdin=subprocess.PIPE) as server:
        yield server.wait_line(r"^\d+$").group(0), folder


@pytest.fixture
def run(shop, tmp_path):
    """Runs a class's iterations; gives the rows as {(type, name): row}."""
    port, folder = shop

    def run(code, *more, host=None):
        with locustfile(textwrap.dedent(code)) as file:
            done = run_katydid("-f", file, "-H", host or f"127.0.0.1:{port}", "--headless", "-u", 2, "-r", 2, "-i", 4, "-t", 120, "--csv", tmp_path / "out", *more,
                               env={"VIRTUAL_ENV": str(CLIENTS), "PYTHONPATH": str(folder)})
        assert "Traceback" not in done.stdout + done.stderr, done.describe()
        with open(tmp_path / "out_stats.csv", newline="") as file:
            return {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}

    return run


STUBS = """
    import grpc, shop_pb2, shop_pb2_grpc
    from katydid.grpc import GrpcUser
    from locust import constant, task

    class Buyer(GrpcUser):
        wait_time = constant(0)
        stub_class = shop_pb2_grpc.ShopStub

        @task
        def buy(self):
            order = shop_pb2.Order(name="pen", count=3)
            assert self.stub.Buy(order, timeout=60).total == 3
            assert [r.text for r in self.stub.Follow(order)] == ["pen"] * 3
            assert self.stub.Fill(iter([order, order])).total == 6
            assert [r.at.seconds for r in self.stub.Haggle(iter([order]))] == [7]
            try:
                self.stub.Buy(shop_pb2.Order(count=-1), name="refused", ok=grpc.StatusCode.OUT_OF_RANGE)
            except grpc.RpcError as error:
                assert error.details() == "less than nothing"
            else:
                raise AssertionError
"""


def test_generated_stubs(run):
    rows = run(STUBS)
    for method in "Buy", "Follow", "Fill", "Haggle":
        row = rows["grpc", f"/shop.v1.Shop/{method}"]
        assert int(row["Request Count"]) == 4 and int(row["Failure Count"]) == 0
    assert ("grpc first", "/shop.v1.Shop/Follow") in rows and int(rows["grpc", "refused"]["Failure Count"]) == 0


DYNAMIC = """
    from katydid.grpc import GrpcUser
    from locust import constant, task

    class Buyer(GrpcUser):
        wait_time = constant(0)
        FROM

        @task
        def buy(self):
            order = {"name": "pen", "count": 3, "tags": [{"text": "blue"}]}
            answer = self.grpc.call("shop.v1.Shop/Buy", order, timeout=60)
            assert (answer.text, answer.total, answer.at.seconds) == ("pen #blue", 3, 7)
            assert [r.text for r in self.grpc.call("/shop.v1.Shop/Follow", order)] == ["pen #blue"] * 3
            assert self.grpc.call("shop.v1.Shop.Fill", [order, {"name": "x"}], name="filled").total == 3
            assert [r.total for r in self.grpc.call("shop.v1.Shop/Haggle", iter([order]))] == [3]
            assert self.grpc.message("shop.v1.Shop/Buy", order).name == "pen"
            for method, said in ("shop.v1.Shop/Sell", "it has Buy, Fill, Follow, Haggle"), ("shop.v1.Stall/Buy", "shop.v1.Stall"):
                try:
                    self.grpc.call(method)
                except LookupError as error:
                    assert said in str(error), error
                else:
                    raise AssertionError(method)
"""


@pytest.mark.parametrize("where", ["", f"protos = [{str(PROTOS / 'shop.proto')!r}]", "protoset = 'SET'"], ids=["reflection", "protos", "protoset"])
def test_without_generated_code(where, run, shop):
    rows = run(DYNAMIC.replace("FROM", where.replace("SET", str(shop[1] / "shop.protoset"))))
    assert {name for _, name in rows} == {"/shop.v1.Shop/Buy", "/shop.v1.Shop/Follow", "filled", "/shop.v1.Shop/Haggle", "Aggregated"}, "asking is none of the test"
    assert all(int(row["Failure Count"]) == 0 for row in rows.values())


def test_a_user_that_ends_takes_no_question_of_another_with_it(run):
    rows = run("""
        import gevent.event
        from katydid.grpc import GrpcUser
        from locust import task
        from locust.exception import StopUser

        is_known = gevent.event.Event()

        class First(GrpcUser):
            @task
            def tell(self):
                self.grpc.message("shop.v1.Shop/Buy", {"name": "pen"})
                is_known.set()
                gevent.sleep(0.1)
                raise StopUser

        class Second(GrpcUser):
            @task
            def ask(self):
                is_known.wait()
                try:
                    self.grpc.call("shop.v1.Slow/Buy")
                except LookupError:
                    self.grpc.call("shop.v1.Shop/Buy", {"name": "pen"})
                raise StopUser
    """, "-t", "2s")
    assert int(rows["grpc", "/shop.v1.Shop/Buy"]["Request Count"]) == 1


ASKED_AGAIN = """
    import locust, sys
    from google.protobuf import descriptor_pb2
    from katydid._grpc_dynamic import Descriptors

    files = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[1], "rb").read()).file}
    failing = ["once"]

    def find(what, name):
        if what == "file" and failing:
            failing.pop()
            raise ConnectionError("the server was away")
        name = "shop.proto" if what == "symbol" else name
        return [files[name].SerializeToString()]

    known = Descriptors(find)
    try:
        known.method("shop.v1.Shop", "Buy")
    except ConnectionError:
        assert known.method("shop.v1.Shop", "Buy").name == "Buy"
        print("asked again")
"""


def test_reflection_that_failed_is_asked_again(shop, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(ASKED_AGAIN))
    out = subprocess.run([WORKER, "--python", script, shop[1] / "shop.protoset"], capture_output=True, text=True, timeout=PATIENCE,
                         env={**os.environ, "VIRTUAL_ENV": str(CLIENTS)})
    assert "asked again" in out.stdout, out.stdout + out.stderr


def test_health(run):
    rows = run("""
        from katydid.grpc import GrpcUser, RpcError, StatusCode
        from locust import constant, task

        class Doctor(GrpcUser):
            wait_time = constant(0)

            @task
            def ask(self):
                assert [self.grpc.health(name) for name in ("", "shop.v1.Shop", "closed")] == ["SERVING", "SERVING", "NOT_SERVING"]
                try:
                    self.grpc.health("no.such", name="unknown", ok=StatusCode.NOT_FOUND)
                except RpcError as error:
                    assert error.code() is StatusCode.NOT_FOUND
                else:
                    raise AssertionError
    """)
    assert int(rows["grpc", "/grpc.health.v1.Health/Check"]["Request Count"]) == 12
    assert int(rows["", "Aggregated"]["Failure Count"]) == 0


RECIPE = """
    import time
    import grpc, shop_pb2, shop_pb2_grpc
    import grpc.experimental.gevent as grpc_gevent
    from grpc_interceptor import ClientInterceptor
    from locust import User, constant, task
    from locust.exception import LocustError

    grpc_gevent.init_gevent()

    class LocustInterceptor(ClientInterceptor):
        def __init__(self, environment, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.env = environment

        def intercept(self, method, request_or_iterator, call_details):
            response, exception, length = None, None, 0
            start = time.perf_counter()
            try:
                response = method(request_or_iterator, call_details)
                length = response.result().ByteSize()
            except grpc.RpcError as e:
                exception = e
            self.env.events.request.fire(request_type="grpc", name=call_details.method, response_time=(time.perf_counter() - start) * 1000,
                                         response_length=length, response=response, context=None, exception=exception)
            return response

    class GrpcUser(User):
        abstract = True
        stub_class = None

        def __init__(self, environment):
            super().__init__(environment)
            self._channel = grpc.intercept_channel(grpc.insecure_channel(self.host), LocustInterceptor(environment=environment))
            self.stub = self.stub_class(self._channel)

    class Buyer(GrpcUser):
        wait_time = constant(0)
        stub_class = shop_pb2_grpc.ShopStub

        @task
        def buy(self):
            assert self.stub.Buy(shop_pb2.Order(name="pen", count=3)).total == 3
"""


def test_locusts_recipe(run):
    row = run(RECIPE)["grpc", "/shop.v1.Shop/Buy"]
    assert int(row["Request Count"]) == 4 and int(row["Failure Count"]) == 0 and float(row["Max Response Time"]) > 0


UNTIL_ALL = """
    import gevent
    from locust import events

    wanted = {f"/shop.v1.Shop/{method}" for method in ("Buy", "Follow", "Haggle")}

    @events.init.add_listener
    def init(environment, **_):
        @environment.events.request.add_listener
        def request(name, exception, **_):
            assert exception is None or name == "refused", exception
            wanted.discard(name)
            if not wanted:
                gevent.spawn(environment.runner.quit)
"""


@pytest.mark.parametrize("code", [STUBS, DYNAMIC.replace("FROM", "")], ids=["stubs", "reflection"])
def test_under_stock_locust(code, shop, tmp_path):
    port, folder = shop
    (wheel,) = (BUILD / "dist").glob("katydid_for_locust-*.whl")
    (packages,) = (CLIENTS / "lib").glob("python3*/site-packages")
    path = os.pathsep.join(map(str, (wheel, folder, packages)))
    with locustfile(textwrap.dedent(code) + textwrap.dedent(UNTIL_ALL)) as file:
        stock = subprocess.run([STOCK_LOCUST, "-f", file, "-H", f"127.0.0.1:{port}", "--headless", "-u", "2", "-r", "2", "-t", "100", "--json"],
                               capture_output=True, text=True, timeout=PATIENCE * 2, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path})
    assert "Traceback" not in stock.stdout + stock.stderr and stock.returncode == 0, stock.stdout + stock.stderr
    rows = {(row["method"], row["name"]): row["num_requests"] for row in json.loads(stock.stdout[stock.stdout.index("["):])}
    assert all(rows["grpc", f"/shop.v1.Shop/{method}"] > 0 for method in ("Buy", "Follow", "Haggle")), rows
