# SPDX-License-Identifier: MIT
"""The plan of a load shape is computed ahead of time only when asking it does nothing else."""

import math

from locust import User, _about, task
from locust._needs import give_host, own_host
from locust.env import Environment
from locust.shape import LoadTestShape

SEEN = []
LIMIT = 60


class Stages(LoadTestShape):
    stages = [{"duration": 10, "users": 5, "spawn_rate": 5}, {"duration": 30, "users": 20, "spawn_rate": 2}]

    def tick(self):
        run_time = self.get_run_time()
        for stage in self.stages:
            if run_time < stage["duration"]:
                return stage["users"], stage["spawn_rate"]
        return None


class Waves(LoadTestShape):
    def __init__(self):
        super().__init__()
        self.height = 100

    def tick(self):
        if self.get_run_time() > LIMIT:
            return None
        return max(round(self.height * math.sin(self.get_run_time() / 60 * math.pi)), 1), 10


class Endless(LoadTestShape):
    def tick(self):
        return (7, 1)


class Counts(LoadTestShape):
    count = 0

    def tick(self):
        self.count += 1
        return (self.count, 1)


class Tells(LoadTestShape):
    def tick(self):
        SEEN.append(1)
        return (1, 1)


class AsksTheRunner(LoadTestShape):
    def tick(self):
        return (self.get_current_user_count() + 1, 1)


class ReadsAFile(LoadTestShape):
    def tick(self):
        with open("/etc/hostname") as file:
            return (len(file.read()), 1)


class OwnTime(LoadTestShape):
    def get_run_time(self):
        return 5

    def tick(self):
        return (self.get_run_time(), 1)


class Fails(LoadTestShape):
    def tick(self):
        return (1 / int(self.get_run_time() - 3), 1)


def test_plans_of_shapes_that_only_compute():
    assert _about.plan(Stages()) == [[0, 5, 5], [10, 20, 2], [30, 20, 2]]
    plan = _about.plan(Waves())
    assert plan[0] == [0, 1, 10] and max(users for _, users, _ in plan) == 100 and plan[-1][0] == 61
    assert _about.plan(Endless()) == [[0, 7, 1], [4 * 3600, 7, 1]]


def test_no_plan_of_shapes_that_do_more():
    for shape in (Counts, Tells, AsksTheRunner, ReadsAFile, OwnTime, Fails):
        assert _about.plan(shape()) is None, shape
    assert SEEN == [] and Counts.count == 0


def test_a_plan_leaves_the_shape_alone():
    shape = Stages()
    _about.plan(shape)
    assert shape.get_run_time() < 5 and "get_run_time" not in vars(shape)


class Visitor(User):
    @task
    def look(self):
        pass


def test_a_host_that_was_asked_for_is_not_the_class_s_own():
    environment = Environment(user_classes=[Visitor], host="http://asked")
    give_host(environment, [Visitor])
    environment.host = "http://another"
    give_host(environment, [Visitor])
    assert Visitor.host == "http://another" and own_host(environment, Visitor) is None
    assert _about._class(environment, Visitor)["host"] is None
    Visitor.host = "http://mine"  # as a listener may
    assert own_host(environment, Visitor) == "http://mine"
    give_host(environment, [Visitor])
    assert Visitor.host == "http://another" and own_host(environment, Visitor) == "http://mine"
