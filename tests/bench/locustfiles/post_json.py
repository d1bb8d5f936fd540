from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def look_up(self):
        with self.client.post("/json", json={"product": 4711, "currency": "EUR"}, catch_response=True) as response:
            if response.json()["id"] != 4711:
                response.failure("wrong product")
