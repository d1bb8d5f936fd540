from locust import User, constant, events, task

ended = 0


class Visitor(User):
    wait_time = constant(3600)

    def on_stop(self):
        global ended
        ended += 1

    @task
    def once(self):
        pass


@events.test_stop.add_listener
def tell(**_):
    print(f"on_stop of {ended} users", flush=True)
