from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0)

    @task
    def front_page(self):
        self.client.get("/")
        sum(range(6000))  # some 0.1 ms of a script's own work
