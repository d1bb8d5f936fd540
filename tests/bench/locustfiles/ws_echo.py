"""32 bytes there and back, as a measured pair, as fast as they come."""

from katydid.websocket import WebSocketUser
from locust import constant, task

MESSAGE = "x" * 32


class Talker(WebSocketUser):
    wait_time = constant(0)

    def on_start(self):
        self.room = self.ws.connect("/", name="room")

    @task
    def echo(self):
        self.room.request(MESSAGE, name="echo")
