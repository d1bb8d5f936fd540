# SPDX-License-Identifier: MIT
"""Clients of locust.contrib whose servers are not to be had, with stand-ins for their libraries;
and what a missing library is told like."""

import sys
import types
from types import SimpleNamespace

import pytest
from locust.event import Events


def stand_in(monkeypatch, name, **contents):
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, name, module)
    return module


class Recorded(list):
    """What the request event told."""

    def __init__(self, environment):
        super().__init__()
        environment.events.request.add_listener(lambda **kwargs: self.append(kwargs))

    @property
    def names(self):
        return [(one["request_type"], one["name"]) for one in self]


class FakeCollection:
    """Either library's client: one hit per search, unless asked for nothing."""

    def __init__(self, **options):
        self.options = options
        self.calls = []
        self.is_closed = False

    def __getattr__(self, name):
        def call(**arguments):
            self.calls.append((name, arguments))
            return self.answer(name, arguments)

        return call

    def close(self):
        self.is_closed = True


class FakeQdrant(FakeCollection):
    def answer(self, name, arguments):
        if name == "query_points":
            return SimpleNamespace(points=[] if arguments["query"] is None else ["hit"])
        if name == "scroll":
            return ["row"], "next"
        if name == "delete":
            raise OSError("gone")
        return name == "upsert"


class FakeMilvus(FakeCollection):
    def answer(self, name, arguments):
        return [[{"id": 1}, {"id": 2}]] if name in ("search", "hybrid_search") else [{"id": 1}]


@pytest.fixture
def forget(monkeypatch):
    """The modules are imported anew, and not kept."""
    for name in ("qdrant", "milvus"):
        monkeypatch.delitem(sys.modules, f"locust.contrib.{name}", raising=False)


def test_qdrant(monkeypatch, environment, forget):
    stand_in(monkeypatch, "qdrant_client", QdrantClient=FakeQdrant)
    from locust.contrib import qdrant

    class Shop(qdrant.QdrantUser):
        collection_name = "shop"
        vectors_config = {"size": 2}
        client_kwargs = {"prefer_grpc": True}

    recorded = Recorded(environment)
    user = Shop(environment)
    assert user.client.client.options == {
        "url": "http://localhost:6333", "api_key": None, "timeout": 60, "prefer_grpc": True}
    assert ("create_collection", {"collection_name": "shop", "vectors_config": {"size": 2}}) in user.client.client.calls
    assert user.upsert([1])["success"] and user.search([0.5])["success"]
    nothing = user.search(None)
    assert nothing["empty"] and not nothing["success"] and "exception" not in nothing
    page = user.scroll()
    assert page["result"] == ["row"] and page["next_offset"] == "next"
    assert isinstance(user.delete([1])["exception"], OSError)
    assert recorded.names == [("qdrant", n) for n in ("upsert", "search", "search", "scroll", "delete")]
    assert [bool(one["exception"]) for one in recorded] == [False, False, False, False, True]
    user.on_stop()
    assert user.client.client.is_closed


def test_qdrant_needs_a_collection(monkeypatch, environment, forget):
    stand_in(monkeypatch, "qdrant_client", QdrantClient=FakeQdrant)
    from locust.contrib import qdrant

    with pytest.raises(ValueError, match="collection_name"):
        qdrant.QdrantUser(environment)


def test_milvus(monkeypatch, environment, forget):
    started = []
    for name in ("grpc", "grpc.experimental"):
        stand_in(monkeypatch, name)
    stand_in(monkeypatch, "grpc.experimental.gevent", init_gevent=lambda: started.append(True))
    stand_in(monkeypatch, "pymilvus", MilvusClient=FakeMilvus)
    from locust.contrib import milvus

    recorded = Recorded(environment)
    user = milvus.MilvusUser(environment, collection_name="c", schema="s", index_params="i", shards=2)
    assert started and ("create_collection", {"collection_name": "c", "schema": "s", "index_params": "i", "shards": 2}
                        ) in user.client.client.calls
    found = user.search([[0.1]], "vector", 2, calculate_recall=True, ground_truth=[1, 9])
    assert found["success"] and found["recall"] == 0.5
    user.insert([1]), user.upsert([1]), user.query("a > 1"), user.hybrid_search([], None, 2), user.delete("a > 1")
    assert recorded.names == [("milvus", n) for n in (
        "search", "recall", "insert", "upsert", "query", "hybrid_search", "delete")]
    assert recorded[1]["response_time"] == 50
    assert milvus.MilvusV2Client.get_recall(found["result"], [1], 5) == 0.0


def test_a_missing_package_is_named(monkeypatch, forget):
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(ModuleNotFoundError, match="QdrantUser needs.*pip install 'qdrant-client'"):
        import locust.contrib.qdrant  # noqa: F401


def test_a_library_that_lacks_something_itself_is_not_blamed(monkeypatch, tmp_path):
    from locust.contrib._library import need

    (tmp_path / "half_installed.py").write_text("import something_it_needs")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'something_it_needs'"):
        need("half_installed", "half-installed", "SomeUser")


def test_each_request_is_a_line(tmp_path, environment):
    from locust.contrib.csv_request_logger import CSV_COLUMNS, CsvRequestLogger

    path = tmp_path / "requests.csv"
    logger = CsvRequestLogger(str(path))
    logger.register(environment)
    fire = environment.events.request.fire
    fire(request_type="GET", name='a,"b"', response_time=1.23456, response_length=3, start_time=5.5,
         response=SimpleNamespace(status_code=200))
    fire(request_type="X", name="n", response_time=None, response_length=0, exception=OSError("no"), start_time=6)
    environment.events.quitting.fire(environment=environment, reverse=True)
    fire(request_type="late", name="", response_time=1, response_length=0)
    lines = path.read_text().splitlines()
    assert lines == [",".join(CSV_COLUMNS), '5.5,GET,"a,""b""",1.23,3,200,', "6,X,n,,0,0,no"]
    logger.close()


def test_measure_records_what_went_wrong():
    events, told = Events(), []
    events.request.add_listener(lambda **kwargs: told.append(kwargs))
    with events.request.measure("X", "good") as meta:
        meta["response_length"] = 7
    with events.request.measure("X", "bad"):
        raise ValueError("no")
    assert [(t["name"], t["response_length"], repr(t["exception"])) for t in told] == [
        ("good", 7, "None"), ("bad", 0, "ValueError('no')")]
