from locust import HttpUser, constant, task

from katydid import check

TAGS = {"tier": "gold"}
CHECKS = {"status is 200": lambda r: r.status_code == 200}


class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def front_page(self):
        check(self.client.get("/", tags=TAGS), CHECKS)
