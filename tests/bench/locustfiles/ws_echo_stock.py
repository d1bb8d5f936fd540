"""The same as people write it for stock Locust: by websocket-client, with an event for each pair."""

import time

import websocket
from locust import User, constant, task

MESSAGE = "x" * 32


class Talker(User):
    wait_time = constant(0)

    def on_start(self):
        self.room = websocket.create_connection(self.host + "/")

    @task
    def echo(self):
        began = time.perf_counter()
        self.room.send(MESSAGE)
        answer = self.room.recv()
        self.environment.events.request.fire(
            request_type="WS", name="echo", response_time=(time.perf_counter() - began) * 1000, response_length=len(answer),
            exception=None, context={}, response=answer)
