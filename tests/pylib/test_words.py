"""What the library raises: the classes and texts that Locust has, which scripts look for."""

import logging
import sys

import gevent
import pytest

from locust import MarkovTaskSet, SequentialTaskSet, TaskSet, User, constant_throughput, poisson, tag, task, transition
from locust._ends import Ends
from locust.env import Environment
from locust.exception import LocustError, MissingWaitTimeError
from locust.log import greenlet_exception_logger
from locust.user.markov_taskset import InvalidTransitionError, MarkovTaskTagError, NoMarkovTasksError, NonMarkovTaskTransitionError


def no_chain():
    class M(MarkovTaskSet):
        pass


def to_nothing():
    class M(MarkovTaskSet):
        @transition("b")
        def a(self):
            pass


def to_dead_end():
    class M(MarkovTaskSet):
        @transition("b")
        def a(self):
            pass

        def b(self):
            pass


def tagged_chain():
    class M(MarkovTaskSet):
        @transition("a")
        @tag("x")
        def a(self):
            pass


def chain_of_run():
    class M(MarkovTaskSet):
        @transition("run")
        def run(self):
            pass


def task_of_run():
    class U(User):
        @task
        def run(self):
            pass


def sequence_of_number():
    class S(SequentialTaskSet):
        tasks = 3


class Idle(User):
    wait_time = None


class OldIdle(User):
    task = 1


class Empty(TaskSet):
    pass


class EmptySequence(SequentialTaskSet):
    pass


def shape_of_text():
    Environment(user_classes=[], shape_class="x")


def weightless():
    class U(User):
        weight = 0

    Environment(user_classes=[U])


NONE = "Use the @task decorator or set the 'tasks' attribute of the User (or mark it as abstract = True if you only intend to subclass it)"


@pytest.mark.parametrize("how, kind, text", [
    (no_chain, NoMarkovTasksError, "No Markov tasks defined in class M. Use the @transition(s) decorators to define some."),
    (to_nothing, InvalidTransitionError, "Transition to b from a is invalid since no such element exists on class M"),
    (to_dead_end, NonMarkovTaskTransitionError, "M.b cannot be used as a target for a transition since it does not define any transitions of its own.Used as a transition from a."),
    (tagged_chain, MarkovTaskTagError, "Tags are unsupported for MarkovTaskSet since they can make the markov chain invalid. Tags detected on M.a: {'x'}"),
    (chain_of_run, Exception, "TaskSet.run() is a method used internally by Locust, and you must not override it or annotate it with transitions"),
    (task_of_run, Exception, "User.run() is a method used internally by Locust, and you must not override it or register it as a task"),
    (tag, ValueError, "No tag name was supplied"),
    (sequence_of_number, ValueError, "The 'tasks' attribute can only be set to list or dict"),
    (lambda: constant_throughput(0), ValueError, "constant_throughput() requires a positive rate, got: 0"),
    (lambda: poisson(0), ValueError, "poisson() requires a positive rate, got: 0"),
    (lambda: Idle(Environment(catch_exceptions=False)).run(), Exception, f"No tasks defined on Idle. {NONE}"),
    (lambda: OldIdle(Environment(catch_exceptions=False)).run(), Exception, f"No tasks defined on OldIdle, but you have set a 'task' attribute - maybe you meant to set 'tasks'? {NONE}"),
    (lambda: Empty(Idle(Environment(catch_exceptions=False))).run(), Exception, "No tasks defined on Empty. use the @task decorator or set the 'tasks' attribute of the TaskSet"),
    (lambda: EmptySequence(Idle(Environment(catch_exceptions=False))).run(), LocustError, "No tasks defined. Use the @task decorator or set the 'tasks' attribute of the SequentialTaskSet"),
    (lambda: Idle(Environment()).wait(), MissingWaitTimeError, "You must define a wait_time method on either the Idle or DefaultTaskSet class"),
    (shape_of_text, ValueError, "shape_class should be instance of LoadTestShape or subclass LoadTestShape, but got: x"),
    (weightless, ValueError, "There are no users with weight > 0."),
])
def test_what_is_raised(how, kind, text):
    with pytest.raises(Exception) as caught:
        how()
    assert (type(caught.value), str(caught.value)) == (kind, text)


@pytest.mark.parametrize("is_locust, where", [(True, ""), (False, " at tcp://127.0.0.1:9")])
def test_a_worker_that_waits_for_its_locustfile_says_so(monkeypatch, capsys, is_locust, where):
    from locust import _source

    monkeypatch.setattr(_source, "_OFFER_EVERY_S", 0.01)
    monkeypatch.setattr(_source, "_DOWNLOAD_TIMEOUT_S", 20)
    with pytest.raises(_source.Refusal):
        _source.from_master("tcp://127.0.0.1:9", is_locust)
    assert capsys.readouterr().err == f"Waiting to connect to master{where} to receive locustfile...\n"


def test_an_exit_of_user_code_is_told_once(caplog):
    caplog.set_level(logging.INFO)
    greenlet = gevent.Greenlet(sys.exit, 3)
    greenlet.link_exception(greenlet_exception_logger(logging.getLogger("locust.runners")))
    greenlet.start()
    try:
        greenlet.join()
    except SystemExit as end:  # gevent gives it to the main greenlet as well
        Ends(lambda code: None).take(end)
    gevent.sleep(0.01)  # no second line
    assert [(r.levelname, r.name, r.getMessage()) for r in caplog.records] == [
        ("INFO", "locust.runners", "sys.exit(3) called (use log level DEBUG for callstack)")]
