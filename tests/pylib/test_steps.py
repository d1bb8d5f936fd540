# SPDX-License-Identifier: MIT
"""Plug-ins put methods of their own over the steps of task sets, before and while users run."""

import pytest
from gevent.pool import Group

from locust import TaskSet, User, constant, task
from locust.exception import StopUser

pytestmark = pytest.mark.usefixtures("deadline")


def run(user_class, environment):
    """Runs one user until it ends; returns it."""
    user = user_class(environment)
    group = Group()
    user.start(group)
    group.join()
    return user


def limited(original, counts, limit=5):
    def execute_task(self, task):
        if type(self.user).__name__ != "Shopper":  # somebody left over by another test
            return original(self, task)
        counts.append(type(self).__name__)
        if len(counts) == limit:
            raise StopUser()
        return original(self, task)

    return execute_task


@pytest.fixture
def restored():
    """The steps of the loop, put back after the test."""
    from locust.user.task import DefaultTaskSet

    yield DefaultTaskSet
    for cls in (TaskSet, DefaultTaskSet):
        for name, method in ORIGINAL[cls].items():
            if getattr(cls, name) is not method:
                setattr(cls, name, method)


def own_steps():
    from locust.user.task import DefaultTaskSet

    return {cls: {name: cls.__dict__[name] for name in ("execute_task", "get_next_task", "run", "wait")
                  if name in cls.__dict__} for cls in (TaskSet, DefaultTaskSet)}


ORIGINAL = own_steps()


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_replaced_execute_task_of_users_is_called(environment, restored, when):
    counts = []

    def replace():
        restored.execute_task = limited(restored.execute_task, counts)

    class Shopper(User):
        done = 0

        @task
        def buy(self):
            self.done += 1
            if when == "while" and self.done == 3:
                replace()
            if self.done > 50:
                raise StopUser()

    if when == "before":
        replace()
    user = run(Shopper, environment)
    assert counts == ["DefaultTaskSet"] * 5
    assert user.done == (7 if when == "while" else 4)


@pytest.mark.parametrize("place", ["class", "subclass", "object"])
def test_a_replaced_execute_task_of_a_set_is_called(environment, restored, place):
    counts = []

    class Basket(TaskSet):
        done = 0

        @task
        def fill(self):
            self.done += 1
            if self.done == 3:
                if place == "object":
                    bound = limited(TaskSet.execute_task, counts)
                    self.execute_task = lambda task: bound(self, task)
                else:
                    cls = TaskSet if place == "class" else Basket
                    cls.execute_task = limited(TaskSet.execute_task, counts)
            if self.done > 50:
                raise StopUser()

    class Shopper(User):
        tasks = [Basket]

    run(Shopper, environment)
    assert counts == ["Basket"] * 5


def test_a_replaced_run_and_the_users_own_set_are_used(environment, restored):
    seen = []
    original = restored.run

    def observed(self):
        seen.append("run")
        return original(self)

    class Shopper(User):
        def on_start(self):
            mine = self._taskset_instance
            mine.get_next_task = lambda: seen.append("next") or self.buy
            mine.on_stop = lambda: seen.append("stop")

        def buy(self):
            seen.append("task")
            raise StopUser()

        tasks = [buy]

    restored.run = observed
    run(Shopper, environment)
    del restored.run
    assert seen == ["run", "next", "task", "stop"]


def test_users_that_end_in_one_turn_see_one_another_go(environment):
    counts = []

    class Leaving(User):
        wait_time = constant(0.01)

        @task
        def leave(self):
            counts.append(runner.user_count)
            raise StopUser()

    environment.user_classes = [Leaving]
    runner = environment.create_local_runner()
    runner.spawn_users({"Leaving": 3})
    runner.user_greenlets.join()
    assert counts == [3, 2, 1]
    runner.quit()
