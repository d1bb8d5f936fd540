# SPDX-License-Identifier: MIT
"""PostgresUser: queries to a PostgreSQL server, by psycopg 3."""

from locust import User, events

from ._library import need, record, timed

psycopg = need("psycopg", "psycopg[binary]", "PostgresUser")


class PostgresClient:
    """One connection; its queries are recorded."""

    def __init__(self, conn_string, request_event=None):
        self.connection = psycopg.connect(conn_string)
        self._event = request_event

    def execute_query(self, query):
        outcome = timed(self.connection.execute, query)
        if not outcome["success"] and not self.connection.closed:
            self.connection.rollback()  # or each later query would fail because of this one
        name = "postgres_success" if outcome["success"] else "postgres_failure"
        record(name, "execute_query", outcome, self._event or events.request)

    def close(self):
        self.connection.close()


class PostgresUser(User):
    """Set `conn_string` in the subclass: "postgresql://user:password@host/database"."""

    abstract = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client = PostgresClient(self.conn_string, self.environment.events.request)

    def on_stop(self):
        self.client.close()
