"""Invented people from Faker, a package of the tester's own virtual environment.

    python3 -m venv venv && venv/bin/pip install faker && . venv/bin/activate
    katydid -f locustfiles/faker_users.py -H http://127.0.0.1:8000
    make run EXAMPLE=faker_users      # against the sample shop
"""

from faker import Faker
from locust import HttpUser, between, task

fake = Faker()


class Newcomer(HttpUser):
    wait_time = between(0.1, 0.5)

    @task
    def sign_in(self):
        self.client.post("/api/login", json={"username": fake.user_name(), "password": "secret"})
