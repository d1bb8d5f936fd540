"""Each row of a file goes to one user, whatever the number of workers; with the last one the test ends (docs/data.md).

    katydid -f locustfiles/rows_once.py -H http://127.0.0.1:8000 --processes 2
    make run EXAMPLE=rows_once      # against the sample shop
"""

from katydid.data import rows
from locust import FastHttpUser, between, task

orders = rows("products.csv")  # beside this file


class Shopper(FastHttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        with self.rest("POST", "/api/login", json={"username": "reader", "password": "secret"}) as answer:
            self.auth = {"Authorization": f"Bearer {answer.js['token']}"}

    @task
    def add(self):
        order = orders.take()
        item = {"product_id": int(order["id"]), "quantity": int(order["quantity"])}
        with self.rest("POST", "/api/cart", json=item, headers=self.auth) as answer:
            if answer.js is not None:
                assert "error" not in answer.js, "the shop did not take it,"
