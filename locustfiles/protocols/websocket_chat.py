"""WebSocket by the websocket-client package: time from a message sent to its echo.

    pip install websocket-client
    katydid -f locustfiles/protocols/websocket_chat.py -H ws://127.0.0.1:7001
    make run EXAMPLE=protocols/websocket_chat      # brings the package and a server
"""

import time

import websocket
from locust import User, between, task


class Chatter(User):
    wait_time = between(0.05, 0.1)

    def on_start(self):
        with self.environment.events.request.measure("WS", "connect"):
            self.socket = websocket.create_connection(self.host, timeout=5)

    def on_stop(self):
        self.socket.close()

    @task
    def say(self):
        text = f"it is {time.time()}"
        with self.environment.events.request.measure("WS", "echo") as about:
            self.socket.send(text)
            answer = self.socket.recv()
            about["response_length"] = len(answer)
            assert answer == text, f"sent {text!r}, got {answer!r}"
