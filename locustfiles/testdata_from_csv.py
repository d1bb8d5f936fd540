"""Test data from a file beside the test, each row in turn.

    katydid -f locustfiles/testdata_from_csv.py -H http://127.0.0.1:8000
    make run EXAMPLE=testdata_from_csv      # against the sample shop
"""

import csv
import itertools
from pathlib import Path

from locust import FastHttpUser, between, task

with Path(__file__).with_name("products.csv").open(newline="") as file:
    rows = itertools.cycle(list(csv.DictReader(file)))


class Shopper(FastHttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        with self.rest("POST", "/api/login", json={"username": "reader", "password": "secret"}) as answer:
            self.auth = {"Authorization": f"Bearer {answer.js['token']}"}

    @task
    def add(self):
        row = next(rows)
        item = {"product_id": int(row["id"]), "quantity": int(row["quantity"])}
        with self.rest("POST", "/api/cart", json=item, headers=self.auth) as answer:
            if answer.js is not None:
                assert "error" not in answer.js, "the shop did not take it,"
