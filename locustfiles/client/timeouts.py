"""A timeout is a failure of that request, with requests' own exception.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/timeouts
"""

from locust import HttpUser, constant, task
from requests.exceptions import ReadTimeout


class Impatient(HttpUser):
    wait_time = constant(0.05)

    @task
    def too_late(self):
        with self.client.get("/delay/1", timeout=(1, 0.1), catch_response=True) as response:
            if isinstance(response.error, ReadTimeout) and response.status_code == 0:
                response.success()
            else:
                response.failure(f"expected a read timeout, got {response.error!r}")
