# SPDX-License-Identifier: MIT
"""MongoDBUser: queries to a MongoDB server, by pymongo."""

from locust import User, events

from ._library import need, record, timed

pymongo = need("pymongo", "pymongo", "MongoDBUser")


class MongoDBClient(pymongo.MongoClient):
    """A MongoClient; `db` is the database that execute_query() asks."""

    def __init__(self, conn_string, db_name, request_event=None):
        super().__init__(conn_string)
        self.db = self[db_name]
        self._request_event = request_event

    def execute_query(self, collection_name, query):
        """Finds, and fetches what it found: a cursor alone would not ask the server."""
        outcome = timed(lambda: list(self.db[collection_name].find(query)))
        error = outcome.get("exception")
        if error is not None and not isinstance(error, pymongo.errors.PyMongoError):
            raise error
        record("MONGODB", "QUERY", outcome, self._request_event or events.request)
        return outcome.get("result")


class MongoDBUser(User):
    """Set `conn_string` and `db_name` in the subclass."""

    abstract = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client = MongoDBClient(self.conn_string, self.db_name, self.environment.events.request)

    def on_stop(self):
        self.client.close()
