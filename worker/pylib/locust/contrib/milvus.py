# SPDX-License-Identifier: MIT
"""MilvusUser: a collection of the vector database Milvus, by pymilvus (which speaks gRPC)."""

from abc import ABC, abstractmethod

from locust import User, events  # noqa: F401

from ._library import need, record, timed, timed_search

need("grpc.experimental.gevent", "grpcio", "MilvusUser").init_gevent()
pymilvus = need("pymilvus", "pymilvus", "MilvusUser")


class BaseClient(ABC):
    """What MilvusUser asks of its client."""

    @abstractmethod
    def close(self):
        pass

    @abstractmethod
    def create_collection(self, schema, index_params, **kwargs):
        pass

    @abstractmethod
    def insert(self, data):
        pass

    @abstractmethod
    def upsert(self, data):
        pass

    @abstractmethod
    def search(self, data, anns_field, limit, filter="", search_params=None, output_fields=None,
               calculate_recall=False, ground_truth=None):
        pass

    @abstractmethod
    def hybrid_search(self, reqs, ranker, limit, output_fields=None):
        pass

    @abstractmethod
    def query(self, filter, output_fields=None):
        pass

    @abstractmethod
    def delete(self, filter):
        pass


def _hits(result):
    return sum(len(hits) for hits in result)


class MilvusV2Client(BaseClient):
    """Operations on one collection. Each returns {"success", "response_time" (ms), "result" or
    "exception"}, and searches "empty"."""

    def __init__(self, uri, collection_name, token="root:Milvus", db_name="default", timeout=60):
        self.uri = uri
        self.collection_name = collection_name
        self.token = token
        self.db_name = db_name
        self.timeout = timeout
        self.client = pymilvus.MilvusClient(uri=uri, token=token, db_name=db_name, timeout=timeout)

    def close(self):
        self.client.close()

    def create_collection(self, schema, index_params, **kwargs):
        self.client.create_collection(
            collection_name=self.collection_name,
            schema=schema,
            index_params=index_params,
            **kwargs,
        )

    def insert(self, data):
        return timed(self.client.insert, collection_name=self.collection_name, data=data)

    def upsert(self, data):
        return timed(self.client.upsert, collection_name=self.collection_name, data=data)

    def search(self, data, anns_field, limit, filter="", search_params=None, output_fields=None,
               calculate_recall=False, ground_truth=None):
        """calculate_recall: also how many of the `ground_truth` ids were found, as "recall"."""
        outcome = timed_search(
            self.client.search,
            collection_name=self.collection_name,
            data=data,
            anns_field=anns_field,
            filter=filter,
            limit=limit,
            search_params=search_params,
            output_fields=["id"] if output_fields is None else output_fields,
            count=_hits,
        )
        if calculate_recall and ground_truth is not None and outcome["success"]:
            outcome["recall"] = self.get_recall(outcome["result"], ground_truth, limit)
        return outcome

    def hybrid_search(self, reqs, ranker, limit, output_fields=None):
        return timed_search(
            self.client.hybrid_search,
            collection_name=self.collection_name,
            reqs=reqs,
            ranker=ranker,
            limit=limit,
            output_fields=["id"] if output_fields is None else output_fields,
            timeout=self.timeout,
            count=_hits,
        )

    @staticmethod
    def get_recall(search_results, ground_truth, limit=None):
        """The share of the first `limit` true ids that the first query found; 0.0 if there are
        not that many of them."""
        hits = list(search_results or [])
        if hits and isinstance(hits[0], list):
            hits = hits[0]
        found = [hit.get("id") for hit in hits if hasattr(hit, "get")]
        limit = len(found) if limit is None else limit
        if not limit or len(ground_truth) < limit:
            return 0.0
        truth = set(ground_truth[:limit])
        return len(truth.intersection(found)) / len(truth)

    def query(self, filter, output_fields=None):
        return timed_search(
            self.client.query,
            collection_name=self.collection_name,
            filter=filter,
            output_fields=["id"] if output_fields is None else output_fields,
        )

    def delete(self, filter):
        return timed(self.client.delete, collection_name=self.collection_name, filter=filter)


class MilvusUser(User):
    """Subclass it, and pass on what differs in super().__init__(). With a `schema` the collection
    is made; `kwargs` are arguments of that."""

    abstract = True

    def __init__(self, environment, uri="http://localhost:19530", token="root:Milvus",
                 collection_name="test_collection", db_name="default", timeout=60, schema=None,
                 index_params=None, **kwargs):
        super().__init__(environment)
        if uri is None:
            raise ValueError("'uri' must be provided for MilvusUser")
        if collection_name is None:
            raise ValueError("'collection_name' must be provided for MilvusUser")
        self.client_type = "milvus"
        self.client = MilvusV2Client(uri, collection_name, token, db_name, timeout)
        if schema is not None:
            self.client.create_collection(schema=schema, index_params=index_params, **kwargs)

    def _recorded(self, name, outcome):
        record(self.client_type, name, outcome, self.environment.events.request)
        return outcome

    def insert(self, data):
        return self._recorded("insert", self.client.insert(data))

    def upsert(self, data):
        return self._recorded("upsert", self.client.upsert(data))

    def search(self, data, anns_field, limit, filter="", search_params=None, output_fields=None,
               calculate_recall=False, ground_truth=None):
        """The recall appears as an entry of its own, in percent where others have milliseconds."""
        outcome = self._recorded("search", self.client.search(
            data, anns_field, limit, filter=filter, search_params=search_params,
            output_fields=output_fields, calculate_recall=calculate_recall,
            ground_truth=ground_truth,
        ))
        if "recall" in outcome:
            self._recorded_recall(outcome)
        return outcome

    def _recorded_recall(self, outcome):
        record(self.client_type, "recall", {"response_time": int(outcome["recall"] * 100)},
               self.environment.events.request)

    def hybrid_search(self, reqs, ranker, limit, output_fields=None):
        return self._recorded(
            "hybrid_search", self.client.hybrid_search(reqs, ranker, limit, output_fields)
        )

    def query(self, filter, output_fields=None):
        return self._recorded("query", self.client.query(filter, output_fields))

    def delete(self, filter):
        return self._recorded("delete", self.client.delete(filter))

    def on_stop(self):
        self.client.close()
