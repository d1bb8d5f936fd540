from locust import User, constant, task


class Visitor(User):
    wait_time = constant(0.25)

    @task
    def nothing(self):
        pass
