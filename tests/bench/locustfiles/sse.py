from locust import FastHttpUser, task

import katydid  # noqa: F401  gives clients their sse()


class Reader(FastHttpUser):
    network_timeout = connection_timeout = 60

    @task
    def read(self):
        with self.client.sse("/events", name="events") as stream:
            for _ in stream:
                pass
