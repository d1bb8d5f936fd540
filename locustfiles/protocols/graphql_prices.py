"""Subscriptions of GraphQL: each user keeps a WebSocket open, and reads what two operations tell, one after the other.

    katydid -f locustfiles/protocols/graphql_prices.py -H http://127.0.0.1:7003
    make run EXAMPLE=protocols/graphql_prices      # brings a server
"""

import katydid
from locust import FastHttpUser, between, task

TICKS = "subscription Ticks($n: Int!, $pause: Float) { tick }"


class Watcher(FastHttpUser):
    wait_time = between(0.05, 0.1)

    @task(3)
    def watch(self):
        with self.client.graphql_subscribe(TICKS, {"n": 5, "pause": 0.02}) as ticks:
            answers = list(ticks.until(seconds=10))
        katydid.check.that("five ticks", [answer.data["tick"] for answer in answers] == [1, 2, 3, 4, 5])

    @task
    def watch_two(self):
        with self.client.graphql_socket(name="both") as socket:
            short, long = socket.subscribe(TICKS, {"n": 2}, name="short"), socket.subscribe(TICKS, {"n": 8}, name="long")
            for ticks in short, long:
                for _ in ticks.until(seconds=10):
                    pass
