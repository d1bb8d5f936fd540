"""PostgreSQL by psycopg 3: each query is a request.

    pip install "psycopg[binary]"
    PG_DSN="host=127.0.0.1 user=shop dbname=shop" katydid -f locustfiles/protocols/postgres_rows.py
    make run EXAMPLE=protocols/postgres_rows      # brings the package and a server
"""

import os
import random

from locust import between, task
from locust.contrib.postgres import PostgresUser


class Reader(PostgresUser):
    conn_string = os.environ.get("PG_DSN", "host=127.0.0.1 dbname=postgres")
    wait_time = between(0.05, 0.1)

    @task(3)
    def one(self):
        self.client.execute_query(f"SELECT {random.randint(1, 100)} * 2")

    @task(1)
    def slow(self):
        self.client.execute_query("SELECT pg_sleep(0.05)")
