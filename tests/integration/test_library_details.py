# SPDX-License-Identifier: MIT
"""Small promises to programs that use Locust as a library: what they reach for besides starting a test."""

import pytest
from test_as_library import result


def test_sleep_of_0_lets_run_what_was_spawned_before():
    assert result("""
        import locust, gevent

        seen = []
        gevent.sleep(0.01)  # woken by the loop, as most code of a test is
        gevent.spawn(seen.append, 1)
        gevent.sleep(0)
        print(seen)
    """) == "[1]"


def test_run_raises_when_the_environment_catches_nothing():
    assert result("""
        from locust import User
        from locust.env import Environment

        class Idle(User):
            pass

        try:
            Idle(Environment(catch_exceptions=False)).run()
        except Exception as error:
            print(error)
    """).startswith("No tasks defined on Idle")


@pytest.mark.parametrize("old, new", [("Locust", "User"), ("HttpLocust", "HttpUser")])
def test_names_before_1_0_say_what_they_are_called_now(old, new):
    assert result(f"""
        import locust

        try:
            class Mine(locust.{old}):
                pass
        except ImportError as error:
            print(error)
    """).startswith(f"The {old} class has been renamed to {new} in version 1.0. ")


def test_current_percentiles_count_the_first_burst_and_forget_it_later():
    lines = result("""
        import gevent, time
        from locust import stats as constants
        from locust.env import Environment

        constants.CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW = 2
        stats = Environment().create_local_runner().stats

        def burst(milliseconds):
            for _ in range(10):
                stats.log_request("GET", "/", milliseconds, 1)
            return stats.total.get_current_response_time_percentile(0.95)

        print(burst(100))
        gevent.sleep(3)  # beyond the window
        burst(10)
        end = time.time() + 60
        while stats.total.get_current_response_time_percentile(0.95) != 10 and time.time() < end:
            gevent.sleep(0.1)
        print(stats.total.get_current_response_time_percentile(0.95))
    """).split()
    assert lines == ["100", "10"]


def test_master_stays_stopped_when_the_last_worker_leaves_while_users_are_spread():
    assert result("""
        import gevent
        from locust import User, __version__, constant, task
        from locust.env import Environment
        from locust.rpc import Message, zmqrpc

        class Sleeper(User):
            @task
            def rest(self):
                gevent.sleep(600)

        def until(condition):
            with gevent.Timeout(60):
                while not condition():
                    gevent.sleep(0.01)

        master = Environment(user_classes=[Sleeper]).create_master_runner("127.0.0.1", 0)
        workers = [zmqrpc.Client("127.0.0.1", master.server.port, name) for name in ("one", "two")]
        for worker, name in zip(workers, ("one", "two")):
            worker.send(Message("client_ready", __version__, name))
        until(lambda: master.worker_count == 2)
        master.start(1, 10)
        workers[0].send(Message("quit", None, "one"))
        until(lambda: len(master.clients) == 1)
        workers[1].send(Message("quit", None, "two"))
        until(lambda: len(master.clients) == 0)
        gevent.sleep(1.5)  # the spread that began waits a second for reports; then nothing happens
        print(master.state)
    """) == "stopped"


def test_answer_of_stats_requests_can_be_forgotten():
    assert result("""
        from locust.env import Environment

        environment = Environment()
        runner = environment.create_local_runner()
        page = environment.create_web_ui("127.0.0.1", 0, delayed_start=True)
        ask = lambda: page.app.test_client().get("/stats/requests").json["stats"][-1]["num_requests"]
        seen = [ask()]
        runner.stats.log_request("GET", "/", 1, 1)
        seen.append(ask())
        page.app.view_functions["locust.request_stats"].clear_cache()
        print(*seen, ask())
    """) == "0 0 1"
