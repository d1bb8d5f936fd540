# SPDX-License-Identifier: MIT
"""Events, Environment, dispatch and the runner without a master."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import gevent
import pytest

from locust import HttpUser, LoadTestShape, TaskSet, User, constant, events, log, task
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.event import EventHook, Events
from locust.exception import InterruptTaskSet, RescheduleTask, RunnerAlreadyExistsError, StopTest, StopUser
from locust.rpc import Message
from locust.runners import WorkerNode
from locust.shape import check_tick

pytestmark = pytest.mark.usefixtures("deadline")


class A(User):
    weight = 5
    wait_time = constant(100)

    @task
    def work(self):
        pass


class B(A):
    weight = 1


def test_failing_listener_does_not_keep_the_others_from_hearing(caplog, monkeypatch):
    monkeypatch.setattr(log, "unhandled_greenlet_exception", False)
    hook, heard = EventHook(), []
    hook.add_listener(lambda **kwargs: 1 / 0)
    hook.add_listener(lambda **kwargs: heard.append(kwargs))
    hook.fire(a=1)
    assert heard == [{"a": 1}]
    assert "ZeroDivisionError" in caplog.text and "in event handler: " in caplog.text and '/event.py"' not in caplog.text
    assert log.unhandled_greenlet_exception, "the exit code becomes 2"


def test_control_exceptions_go_through():
    hook, heard = EventHook(), []

    @hook.add_listener
    def reschedule(**kwargs):
        raise RescheduleTask()

    hook.add_listener(lambda **kwargs: heard.append(1))
    with pytest.raises(RescheduleTask):
        hook.fire()
    assert heard == []


def test_reverse_order_and_removal():
    hook, heard = EventHook(), []
    first = hook.add_listener(lambda: heard.append(1))
    hook.add_listener(lambda: heard.append(2))
    hook.fire(reverse=True)
    hook.remove_listener(first)
    hook.fire()
    assert heard == [2, 1, 2]


def test_listeners_may_come_and_go_while_an_event_fires():
    hook, heard = EventHook(), []

    def once(**_):
        heard.append("once")
        hook.remove_listener(once)
        hook.add_listener(lambda **_: heard.append("late"))

    hook.add_listener(once)
    hook.add_listener(lambda **_: heard.append("always"))
    hook.fire()
    assert heard == ["once", "always"]
    hook.fire()
    assert heard == ["once", "always", "always", "late"]


@pytest.mark.parametrize("end", [StopUser, gevent.GreenletExit, InterruptTaskSet])
def test_a_request_whose_listener_ends_the_user_is_counted(environment, end):
    def listener(**_):
        raise end()

    environment.events.request.add_listener(listener)
    runner = environment.create_local_runner()
    environment.events.request.add_listener(lambda **_: pytest.fail("those that follow are not called"))
    with pytest.raises(end):
        environment.events.request.fire(request_type="X", name="x", response_time=1, response_length=1,
                                        exception=None, context={})
    assert [request["name"] for request in runner._core.recorded] == ["x"]


def test_measure_times_and_swallows():
    hook, heard = EventHook(), []
    hook.add_listener(lambda **kwargs: heard.append(kwargs))
    with hook.measure("X", "name") as meta:
        meta["response_length"] = 7
        raise ValueError("no")
    assert heard[0]["response_length"] == 7 and str(heard[0]["exception"]) == "no"
    assert heard[0]["response_time"] >= 0


def test_subclass_of_events_gets_its_own_hooks():
    class More(Events):
        mine: EventHook

    assert isinstance(More().mine, EventHook) and isinstance(More().request, EventHook)
    assert More().mine is not More().mine


def test_users_without_weight_are_left_out():
    class None_(A):
        weight = 0

    class Fixed(A):
        weight = 0
        fixed_count = 1

    assert Environment(user_classes=[A, None_, Fixed]).user_classes == [A, Fixed]
    with pytest.raises(ValueError):
        Environment(user_classes=[None_])


def test_same_class_name_twice_is_refused():
    with pytest.raises(ValueError, match="same class name"):
        Environment(user_classes=[A, type("A", (A,), {})])


def test_shape_must_be_an_instance():
    class Shape(LoadTestShape):
        def tick(self):
            return None

    with pytest.raises(ValueError):
        Environment(shape_class=Shape)
    assert Shape.abstract is False and LoadTestShape.abstract is True


class Scalar:
    """What numpy.int64 has of a number."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value

    __index__ = __int__ = item

    def __float__(self):
        return float(self.value)


@pytest.mark.parametrize("tick, plain", [
    ((3, 1), (3, 1.0, None)),
    ((Scalar(3), Scalar(1)), (3, 1.0, None)),
    ([True, Fraction(1, 2)], (1, 0.5, None)),
    ((Decimal(7), Decimal("0.25"), None), (7, 0.25, None)),
    ((2.5, 1, [User]), (2.5, 1.0, [User])),
])
def test_shapes_may_calculate_with_any_number(tick, plain):
    users, rate, classes = check_tick(tick, [User])
    assert (users, rate, classes) == plain
    assert type(users) in (int, float) and type(rate) is float


@pytest.mark.parametrize("tick", [
    (), (1,), (1, 2, None, 4), ("5", 1), (5, b"1"), (None, 1), (1, None), (1j, 1), False, 7,
    (float("nan"), 1), (1, float("inf")),
])
def test_what_is_no_answer_of_a_shape_is_an_error(tick):
    with pytest.raises((TypeError, ValueError)):
        check_tick(tick, [User])


def test_a_shape_names_classes_of_the_test_only():
    class Other(User):
        pass

    with pytest.raises(KeyError, match="none of this test's: Other"):
        check_tick((1, 1, [User, Other]), [User])


def test_listeners_of_messages_are_called_by_keyword(environment):
    runner = environment.create_local_runner()
    seen = []
    runner.register_message("turned round", lambda msg, environment: seen.append((environment, msg.data)))
    runner.register_message("any", lambda **given: seen.append((given["environment"], given["msg"].data)))
    for n, name in enumerate(("turned round", "any")):
        assert runner._deliver(Message(name, n, "w1"))
        runner.send_message(name, n)
    assert seen == [(environment, 0), (environment, 0), (environment, 1), (environment, 1)]


def test_a_listener_of_a_message_that_fails_fails_nothing(environment, caplog, monkeypatch):
    monkeypatch.setattr(log, "unhandled_greenlet_exception", False)
    runner = environment.create_local_runner()

    def broken(environment, msg):
        raise StopTest("not so")

    runner.register_message("of a peer", broken)
    assert runner._deliver(Message("of a peer", 1, "w1"))
    assert "Uncaught exception in handler for of a peer" in caplog.text
    assert not log.unhandled_greenlet_exception
    with pytest.raises(StopTest):  # from oneself: a call
        runner.send_message("of a peer", 1)
    runner.quit()


def test_exceptions_that_code_counts_are_counted(environment, core):
    runner = environment.create_local_runner()
    runner.log_exception("local", "first", "line 7")
    runner.log_exception("other", "second", "line 7")
    assert [(row["count"], row["msg"], row["nodes"]) for row in runner.exceptions.values()] == [
        (2, "first", {"local", "other"})]
    assert runner._core.exceptions == [("first", "line 7", ""), ("second", "line 7", "")]
    runner.quit()


def test_exceptions_of_users_are_counted_with_their_class(environment, core):
    runner = environment.create_local_runner()
    heard = []
    runner.log_exception = lambda *args: (heard.append(args), type(runner).log_exception(runner, *args))
    environment.events.user_error.fire(user_instance=None, exception=KeyError("receipt"), tb=None)
    assert heard == [("local", "'receipt'", "")], "as Locust calls it, and code may replace it"
    runner.log_exception("local", "by hand", "line 7")
    assert runner._core.exceptions == [("'receipt'", "", "KeyError"), ("by hand", "line 7", "")]
    runner.quit()


def test_percentiles_of_now_fall_back_where_nothing_is_kept(environment):
    from locust.stats import RequestStats, StatsCSV

    environment.stats = RequestStats(use_response_times_cache=False)
    environment.stats.log_request("GET", "/", 7, 1)
    fields = StatsCSV(environment, [0.5])._percentile_fields(environment.stats.total, use_current=True)
    assert fields == [7]


def test_classes_without_a_task_are_told_even_without_tags(environment, caplog):
    environment.user_classes = [type("Idle", (User,), {})]
    environment._filter_tasks_by_tags()
    assert "Idle had no tasks left after filtering" in caplog.text


def test_one_runner_per_environment(environment):
    environment.create_local_runner()
    with pytest.raises(RunnerAlreadyExistsError):
        environment.create_local_runner()


def test_statistics_listener_comes_after_those_of_the_import(core):
    own = Events()
    first = own.request.add_listener(lambda **kwargs: None)
    Environment(events=own).create_local_runner()
    assert own.request._handlers == [first, core.record_request]


def test_equal_weights():
    def one(user):
        pass

    def two(user):
        pass

    class Inner(TaskSet):
        tasks = [one]

    class Own(User):
        weight = 7
        tasks = {one: 3, two: 1, Inner: 2}

    Environment(user_classes=[Own]).assign_equal_weights()
    assert Own.weight == 1 and sorted(t.__name__ for t in Own.tasks) == ["one", "two"]


def test_http_user_without_host_ends_the_test(environment):
    class Homeless(HttpUser):
        pass

    with pytest.raises(StopTest, match="must specify the base host"):
        Homeless(environment)


def ramp(classes, nodes, *steps):
    """The counts after each step of each (target, rate)."""
    dispatcher = UsersDispatcher([WorkerNode(n) for n in nodes], classes)
    seen = []
    for target, rate in steps:
        dispatcher.new_dispatch(target, rate)
        seen.append(list(dispatcher))
    return seen


def test_dispatch_keeps_the_weights(monkeypatch):
    monkeypatch.setattr(gevent, "sleep", lambda seconds: None)
    (steps,) = ramp([B, A], ["w"], (12, 1))
    order = []
    last = {"A": 0, "B": 0}
    for step in steps:
        order.append("A" if step["w"]["A"] > last["A"] else "B")
        last = step["w"]
    assert "".join(order) == "AABAAAAABAAA"


def test_dispatch_spreads_over_hosts_and_goes_down_again(monkeypatch):
    monkeypatch.setattr(gevent, "sleep", lambda seconds: None)
    up, down = ramp([A], ["x_1", "x_2", "y_1"], (2, 10), (0, 10))
    assert up[-1] == {"x_1": {"A": 1}, "x_2": {"A": 0}, "y_1": {"A": 1}}
    assert down[-1] == {"x_1": {"A": 0}, "x_2": {"A": 0}, "y_1": {"A": 0}}


def test_dispatch_starts_fixed_users_first_and_only_so_many(monkeypatch):
    monkeypatch.setattr(gevent, "sleep", lambda seconds: None)

    class Fixed(A):
        fixed_count = 2

    ((first, *_),) = ramp([A, Fixed], ["w"], (5, 2))
    assert first == {"w": {"A": 0, "Fixed": 2}}
    (only,) = ramp([Fixed], ["w"], (5, 10))
    assert only[-1] == {"w": {"Fixed": 2}}


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_dispatch_refuses_rates_that_are_none(rate):
    with pytest.raises(ValueError, match="spawn_rate must be"):
        UsersDispatcher([WorkerNode("w")], []).new_dispatch(1, rate)


def test_a_worker_that_comes_or_goes_is_a_step_of_its_own_at_once(monkeypatch):
    pauses = []
    monkeypatch.setattr(gevent, "sleep", pauses.append)
    old, new = WorkerNode("a"), WorkerNode("b")
    dispatcher = UsersDispatcher([old], [A])
    dispatcher.new_dispatch(6, 2)
    assert next(dispatcher) == {"a": {"A": 2}}
    dispatcher.add_worker(new)
    assert next(dispatcher) == {"a": {"A": 1}, "b": {"A": 1}} and not pauses
    assert next(dispatcher) == {"a": {"A": 2}, "b": {"A": 2}} and len(pauses) == 1
    dispatcher.remove_worker(old)
    assert list(dispatcher) == [{"b": {"A": 4}}, {"b": {"A": 6}}] and len(pauses) == 2
    dispatcher.add_worker(old)
    dispatcher.new_dispatch(6, 2)
    assert list(dispatcher) == [{"a": {"A": 3}, "b": {"A": 3}}], "nothing else is due"
    assert not dispatcher.dispatch_in_progress and dispatcher.get_current_user_count() == 6


CHANGES = json.loads((Path(__file__).parent.parent / "unit/golden/dispatch_workers.json").read_text())


@pytest.mark.parametrize("case", CHANGES, ids=range(len(CHANGES)))
def test_workers_that_come_and_go_are_dealt_with_as_by_locust(monkeypatch, case):
    """Step for step what stock Locust deals (tests/unit/golden/make_dispatch.py)."""
    monkeypatch.setattr(gevent, "sleep", lambda seconds: None)
    classes = [type(name, (User,), {"weight": weight, "fixed_count": fixed})
               for name, weight, fixed in case["classes"]]
    names = sorted(cls.__name__ for cls in classes)
    dispatcher = UsersDispatcher([WorkerNode(w) for w in case["workers"]], classes)
    for number, (what, *args, expected) in enumerate(case["steps"]):
        if what == "aim":
            dispatcher.new_dispatch(*args)
        elif what != "go":
            getattr(dispatcher, f"{what}_worker")(WorkerNode(args[0]))
        dealt = next(dispatcher, None)
        dealt = dealt and {w: [dealt[w][name] for name in names] for w in sorted(dealt)}
        assert dealt == expected, (number, what, args)


def test_a_dispatcher_of_ones_own_says_which_class_is_next(monkeypatch):
    monkeypatch.setattr(gevent, "sleep", lambda seconds: None)

    class LastFirst(UsersDispatcher):
        def _user_gen(self):
            while True:
                yield "A" if self._get_user_current_count("B") == 3 else "B"

    class Half(UsersDispatcher):
        def _user_gen(self):
            names = super()._user_gen()
            while True:
                next(names)
                yield next(names)

    dispatcher = LastFirst([WorkerNode("v"), WorkerNode("w")], [A, B])
    dispatcher.new_dispatch(5, 2)
    assert [list(step.values()) for step in dispatcher] == [
        [{"A": 0, "B": 1}, {"A": 0, "B": 1}], [{"A": 0, "B": 2}, {"A": 1, "B": 1}], [{"A": 1, "B": 2}, {"A": 1, "B": 1}]]
    dispatcher.add_worker(WorkerNode("x"))
    assert dispatcher._rebalance and dispatcher._users_on_workers == {
        "v": {"A": 1, "B": 1}, "w": {"A": 1, "B": 1}, "x": {"A": 0, "B": 1}}


def test_a_dispatcher_of_ones_own_may_ask_for_the_usual_order(monkeypatch):
    monkeypatch.setattr(gevent, "sleep", lambda seconds: None)
    asked = []

    class Noting(UsersDispatcher):
        def _user_gen(self):
            for name in super()._user_gen():
                asked.append(name)
                yield name

    dispatcher = Noting([WorkerNode("v")], [A, B])
    dispatcher.new_dispatch(12, 5)
    assert list(dispatcher)[-1] == {"v": {"A": 10, "B": 2}} and "".join(asked) == "AABAAAAABAAA"


def test_users_that_are_stopped_at_once_have_lived(environment):
    heard = []

    class Brief(A):
        def on_start(self):
            heard.append("start")

        def on_stop(self):
            heard.append("stop")

    environment.user_classes = [Brief]
    runner = environment.create_local_runner()
    runner.spawn_users({"Brief": 2})
    runner.stop_users({"Brief": 2})
    assert sorted(heard) == ["start", "start", "stop", "stop"] and runner.user_count == 0


def test_users_that_ramp_down_are_not_stopped_again(environment):
    ended = []

    class Slow(A):
        def on_stop(self):
            gevent.sleep(0.2)
            ended.append(self)

    environment.user_classes = [Slow]
    environment.stop_timeout = 60
    runner = environment.create_local_runner()
    runner.start(4, spawn_rate=100)
    while runner.user_count < 4 or runner.state != "running":
        gevent.sleep(0.01)
    runner.start(1, spawn_rate=100)
    while runner.state != "spawning":
        gevent.sleep(0.01)
    gevent.joinall([gevent.spawn(runner.stop), gevent.spawn(runner.stop)], raise_error=True)
    assert len(ended) == len(set(ended)) == 4 and runner.user_count == 0
    assert runner.state == "stopped"


def test_local_runner_ramps_up_by_itself_and_quits(environment):
    environment.user_classes = [A, B]
    heard = []
    for name in ("test_start", "spawning_complete", "test_stop"):
        getattr(environment.events, name).add_listener(lambda name=name, **_: heard.append(name))
    runner = environment.create_local_runner()
    runner.start(6, spawn_rate=100)
    gevent.spawn_later(0.1, runner.quit)
    runner.greenlet.join()
    assert heard == ["test_start", "spawning_complete", "test_stop"]
    assert runner.final_user_classes_count == {"A": 5, "B": 1}
    assert runner.user_count == 0 and runner.state == "stopped"


def test_waiting_users_are_stopped_first(environment):
    busy = []

    class Mixed(User):
        wait_time = constant(100)

        @task
        def work(self):
            if not busy:
                busy.append(self)
                gevent.sleep(100)

    environment.user_classes = [Mixed]
    runner = environment.create_local_runner()
    runner.spawn_users({"Mixed": 3})
    with gevent.Timeout(60):
        while [greenlet.args[0]._state for greenlet in runner.user_greenlets].count("waiting") < 2:
            gevent.sleep(0.01)
    runner.stop_users({"Mixed": 2})
    assert [greenlet.args[0] for greenlet in runner.user_greenlets] == busy
    runner.quit()


def test_user_that_forgets_the_base_constructor_is_named(environment):
    class Forgetful(User):
        def __init__(self, environment):
            pass

    environment.user_classes = [Forgetful]
    runner = environment.create_local_runner()
    with pytest.raises(AssertionError, match="Forgetful"):
        runner.spawn_users({"Forgetful": 1})


def test_same_traceback_is_logged_a_few_times_only(environment, caplog):
    from locust import _errors

    _errors._seen.clear()

    class Failing(User):
        rounds = 0

        @task
        def work(self):
            self.rounds += 1
            if self.rounds > 50:
                self.environment.runner.quit()
            raise ValueError("again and again")

    environment.user_classes = [Failing]
    runner = environment.create_local_runner()
    runner.spawn_users({"Failing": 1})
    runner.user_greenlets.join()
    assert caplog.text.count("ValueError: again") == _errors._VERBATIM
    assert sum(row["count"] for row in runner.exceptions.values()) >= 50, "all are counted"


def test_module_events_are_there():
    assert isinstance(events, Events)


def test_names_beyond_the_limit_of_opentelemetry(monkeypatch):
    """Those that were there before keep their label."""
    from locust import opentelemetry

    monkeypatch.setattr(opentelemetry, "request_names", set())
    labels = [opentelemetry._attributes(f"/{n}", None)["name"] for n in range(25)]
    assert labels[:20] == [f"/{n}" for n in range(20)] and len(set(labels[20:])) == 1
    assert opentelemetry._attributes("/3", KeyError("x")) == {"name": "/3", "error.type": "KeyError"}
    assert opentelemetry._attributes("/24", None)["name"] == labels[20]


def test_requests_without_a_time_are_in_no_histogram_of_opentelemetry(monkeypatch):
    from locust import opentelemetry

    recorded = []
    histogram = SimpleNamespace(record=lambda value, attributes: recorded.append((value, attributes["name"])))
    monkeypatch.setattr(opentelemetry, "request_names", set())
    monkeypatch.setattr(opentelemetry, "events", Events())
    opentelemetry._measure(SimpleNamespace(get_meter=lambda _: SimpleNamespace(create_histogram=lambda *_, **__: histogram)))
    for name, ms in (("/none", None), ("/some", 20), ("/zero", 0)):
        opentelemetry.events.request.fire(request_type="GET", name=name, response_time=ms, response_length=0, exception=None, context={})
    assert recorded == [(0.02, "/some"), (0, "/zero")]


def test_what_is_set_in_locust_stats_counts(environment, monkeypatch):
    """Its names live in several modules."""
    from unittest import mock

    from locust import _csv, _stats, _stats_settings, _tables, stats

    assert stats.StatsEntry is _stats.StatsEntry and stats.StatsEntry.__module__ == "locust.stats"
    assert stats.StatsCSV is _csv.StatsCSV and stats.print_stats is _tables.print_stats
    assert {"PERCENTILES_TO_REPORT", "RequestStats", "print_stats"} <= set(dir(stats)) and "print_stats" in stats.__all__
    with mock.patch("locust.stats.PERCENTILES_TO_REPORT", [0.5]):
        assert _stats_settings.PERCENTILES_TO_REPORT == [0.5] == stats.PERCENTILES_TO_REPORT
    assert len(stats.PERCENTILES_TO_REPORT) == 11
    entry = environment.stats.get("/", "GET")
    with mock.patch("locust.stats.calculate_response_time_percentile", lambda *args: 42):
        assert entry.get_response_time_percentile(0.5) == 42
    assert entry.get_response_time_percentile(0.5) == 0
    monkeypatch.setattr(stats, "bucket_response_time", lambda milliseconds: 7)
    environment.stats.log_request("GET", "/", 1234, 0)
    assert entry.response_times == {7: 1}
    stats.own_name = 1
    assert vars(stats)["own_name"] == 1
    del stats.own_name
    with pytest.raises(AttributeError, match="module 'locust.stats' has no attribute 'own_name'"):
        stats.own_name
