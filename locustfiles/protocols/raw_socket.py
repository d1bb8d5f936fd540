"""A protocol of one's own over a plain TCP socket: a line out, a line back.

While one user waits in `recv`, the others run: sockets are cooperative.

    katydid -f locustfiles/protocols/raw_socket.py -H 127.0.0.1:7000
    make run EXAMPLE=protocols/raw_socket      # brings the package and a server
"""

import socket
import time

from locust import User, between, task


class LineClient:
    def __init__(self, address, event):
        host, port = address.rsplit(":", 1)
        self.event = event
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.file = self.socket.makefile("rwb")

    def ask(self, line):
        started, error, answer = time.perf_counter(), None, b""
        try:
            self.file.write(line.encode() + b"\n")
            self.file.flush()
            answer = self.file.readline()
            if not answer:
                raise ConnectionError("the server closed the connection")
        except OSError as exception:
            error = exception
        self.event.fire(
            request_type="LINE",
            name=line.split()[0],
            response_time=(time.perf_counter() - started) * 1000,
            response_length=len(answer),
            exception=error,
        )
        return answer.decode().strip()

    def close(self):
        self.socket.close()


class LineUser(User):
    wait_time = between(0.05, 0.1)

    def on_start(self):
        self.client = LineClient(self.host, self.environment.events.request)

    def on_stop(self):
        self.client.close()

    @task
    def greet(self):
        self.client.ask("hello there")
