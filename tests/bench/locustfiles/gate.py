"""Each user asks the sample shop (locustfiles/_shop.py) for the same four things, twice a second."""

from locust import FastHttpUser, constant_pacing, task


class Visitor(FastHttpUser):
    wait_time = constant_pacing(0.5)

    def on_start(self):
        token = self.client.post("/api/login", json={"username": "ann", "password": "secret"}).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    @task
    def visit(self):
        self.client.get("/api/products", name="/products")
        self.client.get("/api/products/7", name="/product")
        self.client.post("/api/cart", json={"product_id": 7, "quantity": 1}, name="/cart")
        self.client.get("/api/cart", name="/cart shown")
