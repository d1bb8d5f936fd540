"""Server-sent events: readers who stay on a ticker, and are told when one comes late.

    katydid -f locustfiles/protocols/sse_ticker.py -H http://127.0.0.1:7002
    make run EXAMPLE=protocols/sse_ticker          # brings a server
"""

import katydid
from locust import FastHttpUser, constant, task

PRICES = 20


class Reader(FastHttpUser):
    wait_time = constant(0.1)

    @task
    def follow(self):
        with self.client.sse("/prices", name="prices") as stream:
            seen = [event.json()["price"] for event in stream.until(n=PRICES, seconds=30)]
        katydid.check.that("all prices came", len(seen) == PRICES)


thresholds = ["p99 of sse_gap{name:prices} < 1s"]
