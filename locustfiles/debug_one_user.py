"""A user under the debugger: run this file by itself, with breakpoints where you want them.

    python3 locustfiles/debug_one_user.py http://127.0.0.1:8000
    make run EXAMPLE=debug_one_user      # against the sample shop
"""

import sys

from locust import HttpUser, run_single_user, task
from locust.exception import StopUser


class Visitor(HttpUser):
    @task
    def products(self):
        self.client.get("/api/products")
        raise StopUser()


if __name__ == "__main__":
    Visitor.host = sys.argv.pop(1)
    run_single_user(Visitor, include_length=True, include_time=True)
