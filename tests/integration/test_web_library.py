"""environment.create_web_ui() in a plain Python process: Locust's routes without katydid."""

import json

from harness import free_port, get_json, target, wait_for
from test_as_library import USER, script
from test_web import ask

PROGRAM = USER + """
    import sys
    from locust import events
    from locust.env import Environment

    environment = Environment(user_classes=[Visitor], host=sys.argv[1], events=events)
    runner = environment.create_local_runner()
    environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
    web_ui = environment.create_web_ui("127.0.0.1", int(sys.argv[2]))

    @web_ui.app.route("/added")
    def added():
        return "added"

    @web_ui.app.route("/quit")
    def quit():
        runner.quit()
        web_ui.stop()
        return "bye"

    web_ui.greenlet.join()
"""


def post(url, fields):
    status, text, _ = ask(url, "POST", fields.encode())
    return status, json.loads(text)


def test_a_program_serves_locusts_routes():
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with target() as server, script(PROGRAM, server.url, port) as process:

        def is_up():
            try:
                return ask(url + "/added")[1] == "added"
            except OSError:
                assert process.popen.poll() is None, process.describe()
                return False

        wait_for(is_up, "the page")
        status, text, _ = ask(url + "/")
        assert status == 200 and "<table>" in text and '"state": "ready"' in text
        assert ask(url + "/assets/page.js")[0] == 200 and ask(url + "/assets/none")[0] == 404
        assert post(url + "/swarm", "user_count=abc&spawn_rate=1")[1]["success"] is False
        assert post(url + "/swarm", "user_count=3&spawn_rate=3&run_time=1m")[1]["message"] == "Swarming started"
        wait_for(lambda: get_json(url + "/stats/requests")["stats"][-1]["num_requests"] > 20, "requests")
        figures = get_json(url + "/stats/requests")
        assert {row["name"] for row in figures["stats"]} == {"/page", "mistake", "Aggregated"}
        assert figures["state"] == "running" and figures["user_count"] == 3 and figures["errors"]
        tasks = get_json(url + "/tasks")
        assert tasks["total"]["Visitor"]["tasks"]["page"]["ratio"] == 0.75
        _, table, headers = ask(url + "/stats/requests/csv")
        assert table.startswith("Type,Name,") and "attachment;filename=Locust_" in headers["Content-Disposition"]
        assert ask(url + "/stats/requests_full_history/csv")[0] == 404
        assert get_json(url + "/worker-count") == {"worker_count": 0}
        assert ask(url + "/swarm")[0] == 405
        assert get_json(url + "/stop")["success"]
        assert ask(url + "/stats/reset")[1] == "ok"
        wait_for(lambda: get_json(url + "/stats/requests")["stats"][-1]["num_requests"] == 0, "new figures")
        assert ask(url + "/quit")[1] == "bye"
        assert process.wait(90) == 0, process.describe()
