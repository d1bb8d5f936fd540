from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0)

    def on_start(self):
        self.client.verify = False

    @task
    def front_page(self):
        self.client.get("/")
