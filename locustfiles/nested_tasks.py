"""Task sets within task sets: a visit has places, and one leaves a place by `interrupt`.

    katydid -f locustfiles/nested_tasks.py -H http://127.0.0.1:8000
    make run EXAMPLE=nested_tasks      # against the sample shop
"""

from locust import HttpUser, SequentialTaskSet, TaskSet, between, task


class Visitor(HttpUser):
    wait_time = between(0.05, 0.1)

    @task(3)
    class Catalogue(TaskSet):
        @task(5)
        def list(self):
            self.client.get("/api/products")

        @task(2)
        class Product(TaskSet):
            def on_start(self):
                self.page = self.client.get("/api/products/3", name="/api/products/[id]").json()

            @task(3)
            def again(self):
                self.client.get(f"/api/products/{self.page['id']}", name="/api/products/[id]")

            @task(1)
            def back(self):
                self.interrupt()

        @task(1)
        def leave(self):
            self.interrupt(reschedule=False)

    @task(1)
    class Checkout(SequentialTaskSet):
        @task
        def log_in(self):
            self.token = self.client.post("/api/login", json={"username": "a", "password": "secret"}).json()["token"]

        @task
        def fill(self):
            self.client.post("/api/cart", json={"product_id": 1, "quantity": 1}, headers=self.auth)

        @task
        def look(self):
            self.client.get("/api/cart", headers=self.auth)
            self.interrupt()

        @property
        def auth(self):
            return {"Authorization": f"Bearer {self.token}"}
