from locust import HttpUser, constant_throughput, task


class Visitor(HttpUser):
    wait_time = constant_throughput(100)

    @task
    def front_page(self):
        self.client.get("/")
