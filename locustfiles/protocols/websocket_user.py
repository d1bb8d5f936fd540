"""WebSocket at the speed of C: a chat whose messages and answers are measured in pairs (docs/websocket.md).

    katydid -f locustfiles/protocols/websocket_user.py -H ws://127.0.0.1:7001
    make run EXAMPLE=protocols/websocket_user           # brings a server
"""

import itertools

from katydid.websocket import WebSocketUser
from locust import between, task

numbers = itertools.count()


class Chatter(WebSocketUser):
    wait_time = between(0.05, 0.1)

    def on_start(self):
        self.room = self.ws.connect("/chat", name="chat", compression="deflate", timeout=5, ping_interval=1)

    def on_stop(self):
        self.room.close()

    @task(5)
    def say(self):
        number = next(numbers)
        self.room.request({"id": number, "say": "hello"}, match=lambda message: message["id"] == number, name="say")

    @task
    def come_and_go(self):
        with self.ws.connect("/chat", name="visit", timeout=5) as visit:
            visit.send("anybody here?")
            assert visit.recv() == "anybody here?"
