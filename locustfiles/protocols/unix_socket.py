"""A service on a Unix socket.

    katydid -f locustfiles/protocols/unix_socket.py -H http+unix://%2Frun%2Fapp.sock
    make run EXAMPLE=protocols/unix_socket         # brings a server
"""

from locust import FastHttpUser, between, task


class Caller(FastHttpUser):
    wait_time = between(0.05, 0.1)

    @task
    def hello(self):
        self.client.get("/hello", name="hello")
