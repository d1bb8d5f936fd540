"""Users with an open socket that wait for a message."""

from katydid.websocket import WebSocketUser
from locust import task


class Waiter(WebSocketUser):
    @task
    def wait_for_ever(self):
        self.ws.connect("/", name="room").recv()
