"""A load shape of two waves, as a shop sees them at noon and in the evening.

    katydid -f locustfiles/shapes/double_wave.py -H http://127.0.0.1:8000 --wave-seconds 600
    make run EXAMPLE=shapes/double_wave      # against the sample shop
"""

import math

from locust import HttpUser, LoadTestShape, between, events, task

LOWEST, NOON, EVENING = 5, 30, 60  # users


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--wave-seconds", type=float, default=120, help="how long both waves take")


class Visitor(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def products(self):
        self.client.get("/api/products")


class DoubleWave(LoadTestShape):
    def tick(self):
        day = self.runner.environment.parsed_options.wave_seconds
        now = self.get_run_time() / day
        if now >= 1:
            return None
        users = LOWEST + sum(
            top * math.exp(-(((now - at) / 0.12) ** 2)) for at, top in ((0.3, NOON), (0.7, EVENING))
        )
        return round(users), max(1, round(users / 2))
