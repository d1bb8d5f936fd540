"""Statistics for what is no HTTP request: fired by hand, by a context manager and by a decorator.

    katydid -f locustfiles/manual_reporting.py --headless -u 5 -r 5 -t 10
    make run EXAMPLE=manual_reporting      # needs no server
"""

import functools
import random
import time

import gevent
from locust import User, between, events, task


def measured(request_type):
    """Reports each call of the function, failed or not."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            started, error = time.perf_counter(), None
            try:
                return function(*args, **kwargs)
            except Exception as exception:
                error = exception
            finally:
                events.request.fire(
                    request_type=request_type,
                    name=function.__name__,
                    response_time=(time.perf_counter() - started) * 1000,
                    response_length=0,
                    exception=error,
                )

        return call

    return decorate


@measured("decorated")
def sometimes_fails():
    gevent.sleep(random.uniform(0.01, 0.05))
    if random.random() < 0.1:
        raise ValueError("bad luck")


class Reporter(User):
    wait_time = between(0.05, 0.1)

    @task
    def by_decorator(self):
        sometimes_fails()

    @task
    def by_context_manager(self):
        with self.environment.events.request.measure("measured", "sleep") as about:
            gevent.sleep(0.02)
            about["response_length"] = 20

    @task
    def by_hand(self):
        events.request.fire(request_type="by hand", name="counted only", response_time=None, response_length=0)
