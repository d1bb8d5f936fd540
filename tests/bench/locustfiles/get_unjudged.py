"""What get_judged.py does in Python, without a tag and a check."""

from locust import HttpUser, constant, task

CHECKS = {"status is 200": lambda r: r.status_code == 200}


class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def front_page(self):
        CHECKS["status is 200"](self.client.get("/"))
