"""stream=True: the body is read line by line, as it comes.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/streaming
"""

from locust import HttpUser, constant, task


class Listener(HttpUser):
    wait_time = constant(0.05)

    @task
    def lines(self):
        with self.client.get("/stream/10", stream=True, catch_response=True) as response:
            lines = [line.decode() for line in response.iter_lines()]
            if lines != [f"line {n}" for n in range(10)]:
                response.failure(f"read {lines}")
