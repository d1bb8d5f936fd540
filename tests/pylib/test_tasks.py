# SPDX-License-Identifier: MIT
"""Tasks: how they are collected, chosen, filtered, and what ends or interrupts them."""

import random
from collections import Counter

import gevent
import pytest
from gevent.event import Event
from gevent.pool import Group
from played import until

from locust import (
    MarkovTaskSet,
    SequentialTaskSet,
    TaskSet,
    User,
    constant,
    tag,
    task,
    transition,
    transitions,
)
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopUser,
)
from locust.user.markov_taskset import (
    InvalidTransitionError,
    MarkovTaskTagError,
    NoMarkovTasksError,
    NonMarkovTaskTransitionError,
)
from locust.user.task import filter_tasks_by_tags

pytestmark = pytest.mark.usefixtures("deadline")


def run(user_class, environment):
    """Runs one user until it ends; returns it."""
    user = user_class(environment)
    group = Group()
    user.start(group)
    group.join()
    return user


def names(tasks):
    return [t.__name__ for t in tasks]


def test_tasks_are_collected_from_bases_attribute_and_decorator():
    def plain(user):
        pass

    class Base(User):
        @task(2)
        def inherited(self):
            pass

    class Own(Base):
        tasks = {plain: 3}

        @task
        def own(self):
            pass

    assert names(Own.tasks) == ["inherited"] * 2 + ["plain"] * 3 + ["own"]
    assert names(Base.tasks) == ["inherited"] * 2


def test_tasks_as_list_of_pairs():
    def a(user):
        pass

    class Pairs(User):
        tasks = [(a, 2), a]

    assert names(Pairs.tasks) == ["a"] * 3


def test_abstract_is_not_inherited():
    class Base(User):
        abstract = True

    class Child(Base):
        pass

    assert Base.abstract is True
    assert Child.abstract is False


def test_weights_are_respected(environment):
    random.seed(1)
    seen = Counter()

    class Weighted(User):
        @task(3)
        def often(self):
            seen["often"] += 1
            if sum(seen.values()) >= 4000:
                raise StopUser()

        @task
        def rarely(self):
            seen["rarely"] += 1

    run(Weighted, environment)
    assert 2800 < seen["often"] < 3200


def test_other_users_run_although_nobody_waits(environment):
    """constant(0) must still yield, task by task."""
    order = []

    class Busy(User):
        @task
        def work(self):
            order.append(self)
            if len(order) > 20:
                raise StopUser()

    group = Group()
    for _ in range(2):
        Busy(environment).start(group)
    group.join()
    assert len(set(order[:6])) == 2


def test_nested_set_interrupts_to_parent(environment):
    order = []

    class Outer(User):
        @task
        class Inner(TaskSet):
            def on_start(self):
                order.append("start")

            def on_stop(self):
                order.append("stop")

            @task
            def work(self):
                order.append("work")
                assert self.parent is self.user
                if len(order) >= 6:
                    raise StopUser()
                self.interrupt()

    run(Outer, environment)
    assert order == ["start", "work", "stop", "start", "work", "stop", "start", "work", "stop"][:9]


@pytest.mark.parametrize("reschedule, waits", [(True, 0), (False, 1)])
def test_interrupt_waits_as_asked(environment, reschedule, waits):
    waited = []

    class Outer(User):
        rounds = 0

        def wait_time(self):
            waited.append(1)
            return 0

        @task
        class Inner(TaskSet):
            @task
            def leave(self):
                self.user.rounds += 1
                if self.user.rounds == 2:
                    raise StopUser()
                raise InterruptTaskSet(reschedule)

    run(Outer, environment)
    assert len(waited) == waits


@pytest.mark.parametrize("error, waits", [(RescheduleTask, 1), (RescheduleTaskImmediately, 0)])
def test_reschedule(environment, error, waits):
    waited = []

    class Rescheduling(User):
        rounds = 0

        def wait_time(self):
            waited.append(1)
            return 0

        @task
        def work(self):
            self.rounds += 1
            if self.rounds == 2:
                raise StopUser()
            raise error()

    run(Rescheduling, environment)
    assert len(waited) == waits


def test_exception_is_told_to_listeners_and_the_user_goes_on(environment):
    seen = []
    environment.events.user_error.add_listener(lambda **kwargs: seen.append(kwargs))

    class Failing(User):
        rounds = 0

        @task
        def work(self):
            self.rounds += 1
            if self.rounds == 3:
                raise StopUser()
            raise ValueError("no")

    user = run(Failing, environment)
    assert user.rounds == 3
    assert [str(s["exception"]) for s in seen] == ["no", "no"]
    assert seen[0]["tb"].tb_frame.f_code.co_name == "work", "the traceback begins in user code"
    assert seen[0]["user_instance"].user is user


def test_failing_on_start_is_told_and_ends_the_user(environment):
    seen = []
    environment.events.user_error.add_listener(lambda **kwargs: seen.append(kwargs))

    class Failing(User):
        stopped = False

        def on_start(self):
            raise ValueError("no login")

        def on_stop(self):
            self.stopped = True

        @task
        def work(self):
            raise AssertionError("must not run")

    user = run(Failing, environment)
    assert [str(s["exception"]) for s in seen] == ["no login"]
    assert not user.stopped


def test_a_failing_on_stop_is_logged_only_and_the_user_ends(environment, caplog):
    """As in Locust: it makes no exception of the test, and no exit code."""
    seen = []
    environment.events.user_error.add_listener(lambda **kwargs: seen.append((kwargs["user_instance"], str(kwargs["exception"]))))

    class Failing(User):
        def on_stop(self):
            raise ValueError("no logout")

        @task
        def work(self):
            raise StopUser()

    run(Failing, environment)
    assert seen == [] and "no logout" in caplog.text


def test_a_failing_on_start_of_a_task_set_is_an_error_of_its_user(environment):
    """One of its on_stop is logged only, as in Locust."""
    seen = []
    environment.events.user_error.add_listener(lambda **kwargs: seen.append(str(kwargs["exception"])))

    class Failing(User):
        rounds = 0

        @task
        class Inner(TaskSet):
            def on_start(self):
                self.user.rounds += 1
                if self.user.rounds == 3:
                    raise StopUser()
                raise ValueError(f"no {self.user.rounds}")

            def on_stop(self):
                raise ValueError("of on_stop")

            @task
            def work(self):
                raise AssertionError("must not run")

    run(Failing, environment)
    assert seen == ["no 1", "no 2"]


def test_failing_wait_time_ends_the_user_instead_of_spinning(environment):
    class Failing(User):
        rounds = 0

        def wait_time(self):
            raise ZeroDivisionError()

        @task
        def work(self):
            self.rounds += 1

    assert run(Failing, environment).rounds == 1


def test_user_without_tasks_ends_and_is_told(environment):
    seen = []
    environment.events.user_error.add_listener(lambda **kwargs: seen.append(kwargs["exception"]))

    class Empty(User):
        pass

    run(Empty, environment)
    assert [type(error) for error in seen] == [Exception]


def test_on_stop_is_called_when_killed(environment):
    stopped = []

    class Long(User):
        wait_time = constant(100)

        def on_stop(self):
            stopped.append("user")

        @task
        class Inner(TaskSet):
            def on_stop(self):
                stopped.append("set")

            @task
            def work(self):
                pass

    group = Group()
    user = Long(environment)
    user.start(group)
    until(lambda: user._state == "waiting")
    assert user.stop() is True
    group.join()
    assert stopped == ["set", "user"]


def test_error_while_a_killed_task_cleans_up_does_not_keep_the_user(environment):
    seen, stopped = [], []
    environment.events.user_error.add_listener(lambda **kwargs: seen.append(str(kwargs["exception"])))

    class Fragile(User):
        def on_stop(self):
            stopped.append("user")

        @task
        class Inner(TaskSet):
            def on_stop(self):
                stopped.append("set")

            @task
            def work(self):
                try:
                    began.set()
                    gevent.sleep(100)
                finally:
                    raise ProcessLookupError("no such process")

    began, group = Event(), Group()
    user = Fragile(environment)
    user.start(group)
    assert began.wait(60)
    user.stop(force=True)
    group.join(timeout=60)
    assert user.greenlet.dead
    assert stopped == ["set", "user"]
    assert seen == []  # no result of the test


def test_stopping_user_finishes_its_task(environment):
    done = []

    class Slow(User):
        @task
        def work(self):
            began.set()
            may_end.wait()
            done.append(1)

    began, may_end, group = Event(), Event(), Group()
    user = Slow(environment)
    user.start(group)
    assert began.wait(60)
    assert user.stop() is False
    may_end.set()
    group.join()
    assert done == [1]


def test_overridden_steps_are_honoured(environment):
    order = []

    class Outer(User):
        @task
        class Inner(TaskSet):
            def get_next_task(self):
                return type(self).hidden

            def hidden(self):
                order.append("hidden")

            def execute_task(self, task):
                order.append("execute")
                super().execute_task(task)

            def wait(self):
                raise StopUser()

    run(Outer, environment)
    assert order == ["execute", "hidden"]


def test_overriding_on_the_instance_is_honoured(environment):
    order = []

    class Outer(User):
        @task
        class Inner(TaskSet):
            def on_start(self):
                self.get_next_task = lambda: self.second

            @task
            def first(self):
                order.append("first")

            def second(self):
                order.append("second")
                raise StopUser()

    run(Outer, environment)
    assert order == ["second"]


def test_scheduled_tasks_come_first(environment):
    order = []

    class Outer(User):
        @task
        class Inner(TaskSet):
            @task
            def normal(self):
                order.append("normal")
                if len(order) > 1:
                    raise StopUser()
                self.schedule_task(self.later)
                self.schedule_task(self.soon, first=True)

            def soon(self):
                order.append("soon")

            def later(self):
                order.append("later")

    run(Outer, environment)
    assert order == ["normal", "soon", "later", "normal"]


def test_tasks_may_change_while_running(environment):
    order = []

    def second(user):
        order.append("second")
        raise StopUser()

    class Changing(User):
        @task
        def first(self):
            order.append("first")
            self.tasks = [second]

    run(Changing, environment)
    assert order == ["first", "second"]


def test_sequence_keeps_the_order_of_declaration(environment):
    order = []

    def listed(task_set):
        order.append("listed")

    class Steps(User):
        @task
        class Sequence(SequentialTaskSet):
            @task
            def one(self):
                order.append("one")

            tasks = [listed]

            @task(2)
            def two(self):
                order.append("two")
                if len(order) > 5:
                    raise StopUser()

    run(Steps, environment)
    assert order == ["one", "listed", "two", "two", "one", "listed", "two"]


def test_tags():
    class Tagged(User):
        @tag("a")
        @task
        def first(self):
            pass

        @tag("a", "b")
        @task
        def second(self):
            pass

        @tag("c")
        @task
        class Inner(TaskSet):
            @task
            def third(self):
                pass

            @tag("b")
            @task
            def fourth(self):
                pass

        @task
        def untagged(self):
            pass

    def kept(include, exclude):
        cls = type("Copy", (Tagged,), {})
        inner = cls.tasks.index(Tagged.Inner)
        cls.tasks[inner] = type("Inner", (TaskSet,), {"tasks": list(Tagged.Inner.tasks)})
        cls.tasks[inner].tasks = list(Tagged.Inner.tasks)
        filter_tasks_by_tags(cls, include, exclude)
        return names(cls.tasks)

    assert kept({"a"}, None) == ["first", "second"]
    assert kept({"b"}, None) == ["second", "Inner"]
    assert kept(None, {"b"}) == ["first", "Inner", "untagged"]
    assert kept({"a"}, {"b"}) == ["first"]
    assert kept({"nothing"}, None) == []


def test_tag_needs_a_name():
    with pytest.raises(ValueError):
        tag(lambda: None)
    with pytest.raises(ValueError):
        tag()


def test_task_called_run_is_refused():
    with pytest.raises(Exception, match="run"):
        @task
        def run(self):
            pass


def test_markov_starts_at_the_first_task_and_follows_transitions(environment):
    order = []

    class Walk(User):
        @task
        class Chain(MarkovTaskSet):
            @transition("second")
            def first(self):
                order.append("first")

            @transitions(["third"])
            def second(self):
                order.append("second")

            @transitions({"first": 1})
            def third(self):
                order.append("third")
                if len(order) > 5:
                    raise StopUser()

    run(Walk, environment)
    assert order == ["first", "second", "third"] * 2


def test_markov_weights():
    class Chain(MarkovTaskSet):
        @transition("a", weight=3)
        @transition("b")
        def a(self):
            pass

        @transition("a")
        def b(self):
            pass

    assert Counter(Chain.current.transitions) == {"a": 3, "b": 1}


def test_broken_chains_are_refused():
    with pytest.raises(NoMarkovTasksError):
        type("Empty", (MarkovTaskSet,), {})

    def dead_end(self):
        pass

    def to(name):
        def step(self):
            pass
        return transition(name)(step)

    with pytest.raises(InvalidTransitionError):
        type("Lost", (MarkovTaskSet,), {"step": to("nowhere")})
    with pytest.raises(NonMarkovTaskTransitionError):
        type("Dead", (MarkovTaskSet,), {"step": to("dead_end"), "dead_end": dead_end})
    with pytest.raises(MarkovTaskTagError):
        type("Tagged", (MarkovTaskSet,), {"step": tag("x")(to("step"))})


def test_a_wait_time_that_fails_says_so(environment, caplog):
    class Visitor(User):
        def wait_time(self):
            return None + 1

        @task
        def nothing(self):
            pass

    run(Visitor, environment)
    assert "unsupported operand" in caplog.text


def test_a_wait_time_may_go(environment):
    """None, from then on: the old attributes are asked."""
    seen = []

    class Visitor(User):
        wait_time = constant(0)
        min_wait = max_wait = 0

        @task
        def visit(self):
            seen.append(self)
            if len(seen) == 2:
                Visitor.wait_time = None
            if len(seen) == 4:
                raise StopUser()

    run(Visitor, environment)
    assert len(seen) == 4
