# SPDX-License-Identifier: MIT
"""QdrantUser: a collection of the vector database Qdrant, by qdrant-client."""

from locust import User, events  # noqa: F401

from ._library import need, record, timed, timed_search

qdrant_client = need("qdrant_client", "qdrant-client", "QdrantUser")


class QdrantLocustClient:
    """Operations on one collection. Each returns {"success", "response_time" (ms), "result" or
    "exception"}, and searches "empty"."""

    def __init__(self, url, collection_name, api_key=None, timeout=60, **kwargs):
        self.url = url
        self.collection_name = collection_name
        self.api_key = api_key
        self.timeout = timeout
        self.client = qdrant_client.QdrantClient(url=url, api_key=api_key, timeout=timeout, **kwargs)

    def close(self):
        self.client.close()

    def create_collection(self, vectors_config, **kwargs):
        """Unless there is one."""
        if not self.client.collection_exists(collection_name=self.collection_name):
            self.client.create_collection(
                collection_name=self.collection_name, vectors_config=vectors_config, **kwargs
            )

    def upsert(self, points):
        return timed(self.client.upsert, collection_name=self.collection_name, points=points)

    def search(self, query, limit=10, query_filter=None, search_params=None, with_payload=True):
        return timed_search(
            self.client.query_points,
            collection_name=self.collection_name,
            query=query,
            limit=limit,
            query_filter=query_filter,
            search_params=search_params,
            with_payload=with_payload,
            count=lambda found: len(found.points),
        )

    def scroll(self, scroll_filter=None, limit=10, with_payload=True):
        outcome = timed_search(
            self.client.scroll,
            collection_name=self.collection_name,
            scroll_filter=scroll_filter,
            limit=limit,
            with_payload=with_payload,
            count=lambda page: len(page[0]),
        )
        if "result" in outcome:
            outcome["result"], outcome["next_offset"] = outcome["result"]
        return outcome

    def delete(self, points_selector):
        return timed(
            self.client.delete,
            collection_name=self.collection_name,
            points_selector=points_selector,
        )


class QdrantUser(User):
    """Set at least `collection_name`; with `vectors_config` the collection is made if missing."""

    abstract = True

    url = "http://localhost:6333"
    api_key = None
    collection_name = None
    timeout = 60  # seconds
    vectors_config = None
    client_kwargs = None  # more arguments of the QdrantClient
    collection_kwargs = None  # and of its create_collection()

    def __init__(self, environment):
        super().__init__(environment)
        if self.collection_name is None:
            raise ValueError("'collection_name' must be provided for QdrantUser")
        self.client_type = "qdrant"
        self.client = QdrantLocustClient(
            url=self.url,
            api_key=self.api_key,
            collection_name=self.collection_name,
            timeout=self.timeout,
            **(self.client_kwargs or {}),
        )
        if self.vectors_config is not None:
            self.client.create_collection(self.vectors_config, **(self.collection_kwargs or {}))

    def _recorded(self, name, outcome):
        record(self.client_type, name, outcome, self.environment.events.request)
        return outcome

    def upsert(self, points):
        return self._recorded("upsert", self.client.upsert(points))

    def search(self, query, limit=10, query_filter=None, search_params=None, with_payload=True):
        return self._recorded(
            "search",
            self.client.search(query, limit, query_filter, search_params, with_payload),
        )

    def scroll(self, scroll_filter=None, limit=10, with_payload=True):
        return self._recorded("scroll", self.client.scroll(scroll_filter, limit, with_payload))

    def delete(self, points_selector):
        return self._recorded("delete", self.client.delete(points_selector))

    def on_stop(self):
        self.client.close()
