from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(3600)

    @task
    def nothing(self):
        pass
