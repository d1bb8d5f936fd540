# SPDX-License-Identifier: MIT
"""When the next stage of a plan begins: a mark on the page's charts and those of others, one for all workers."""

import pytest

import receivers
from harness import free_port, get, get_json, katydid, locustfile, wait_for

USER = '''
from locust import User, constant, task
class U(User):
    wait_time = constant(0.1)
    @task
    def t(self): pass
'''
WRITTEN = ["Stage 1 of stages: 1 user in 1s", "Stage 2 of stages: 1 user for 0.5s", "Stage 3 of stages: 3 users in 1s"]


def test_stages_of_users_are_marks_on_every_chart():
    page = free_port()

    def told():
        return [(event["at"], event["text"]) for event in get_json(f"http://127.0.0.1:{page}/api/v1/events")["events"] if event["kind"] == "stage"]

    def is_served():
        try:
            return len(told()) == len(WRITTEN)
        except OSError:
            return False

    with locustfile(USER) as file, receivers.http_receiver() as influx:
        with katydid("-f", file, "--autostart", "--web-port", page, "--processes", 2, "--stages", "1s:1,500ms:1,1s:3", "--out", f"influxdb={influx.url}/kat") as run:
            wait_for(is_served, "the third stage")
            marks = told()
            scraped = [line for line in get(f"http://127.0.0.1:{page}/metrics").decode().splitlines() if line.startswith('katydid_event_timestamp_seconds{kind="stage"')]
            run.signal(15)
            assert run.wait() == 0, run.describe()
    assert [text for _, text in marks] == WRITTEN
    assert {line.split('text="')[1].split('"')[0]: float(line.split()[-1]) for line in scraped} == {text: pytest.approx(at, abs=0.001) for at, text in marks}
    sent = [(at, values["text"].strip('"')) for path, _, body in influx.pushes if "write" in path for measurement, tags, values, at in receivers.influx(body)
            if measurement == "katydid_events" and tags["kind"] == "stage"]
    assert [text for _, text in sorted(sent)] == WRITTEN
