# SPDX-License-Identifier: MIT
"""The clients of other protocols, by their real libraries against servers: one run of all of them,
beside a user that would notice if one of them held up the others."""

import csv
import json
import tempfile
from contextlib import ExitStack, contextmanager

import pytest

from harness import CLIENTS, ROOT, Process, free_port, locustfile, run_katydid
from postgres import postgres

SCRIPT = '''
import os, time, gevent
import dns.message
from locust import User, constant, events, task
from locust.contrib.csv_request_logger import CsvRequestLogger
from locust.contrib.dns import DNSUser
from locust.contrib.mongodb import MongoDBUser
from locust.contrib.mqtt import MqttUser
from locust.contrib.oai import OpenAIUser
from locust.contrib.postgres import PostgresUser
from locust.contrib.socketio import SocketIOUser

PORTS = {ports!r}
requests = CsvRequestLogger({requests!r})

@events.init.add_listener
def on_init(environment, **_):
    requests.register(environment)

class Postgres(PostgresUser):
    wait_time = constant(0.05)
    conn_string = PORTS["postgres"]
    fixed_count = 2
    @task
    def slow(self):
        self.client.execute_query("select pg_sleep(0.2)")
        self.client.execute_query("select nonsense")

class Mqtt(MqttUser):
    wait_time = constant(0.2)
    port = PORTS["mqtt"]
    fixed_count = 2
    def on_start(self):
        while not self.client.is_connected():
            time.sleep(0.02)
        self.client.subscribe("news/#", qos=1)
    @task
    def publish(self):
        for qos in (0, 1, 2):
            self.client.publish("news/today", b"12345", qos=qos)

class MqttSelectors(Mqtt):
    use_loop_selectors = True
    fixed_count = 1
    class client_cls(MqttUser.client_cls):
        def _generate_event_name(self, event_type, qos, topic):
            return f"selectors {{event_type}}"

class Dns(DNSUser):
    wait_time = constant(0.05)
    fixed_count = 2
    @task
    def ask(self):
        for name in ("yes.example", "no.example"):
            question = dns.message.make_query(name, "A")
            self.client.udp(question, "127.0.0.1", port=PORTS["dns"], timeout=5, name=name)

class SocketIo(SocketIOUser):
    wait_time = constant(0.1)
    fixed_count = 2
    def on_start(self):
        self.sio.connect(f"http://127.0.0.1:{{PORTS['socketio']}}", transports=["polling"])
    @task
    def talk(self):
        self.sio.call("ask", {{"a": 1}})
        self.sio.emit("shout", {{"b": 2, "c": 3}})
        self.sio.send("hello", name="greeting")

class Mongo(MongoDBUser):
    wait_time = constant(0.05)
    conn_string = f"mongodb://127.0.0.1:{{PORTS['mongodb']}}/?directConnection=true"
    db_name = "shop"
    fixed_count = 2
    @task
    def find(self):
        assert self.client.execute_query("products", {{}})[0]["database"] == "shop"
        self.client.execute_query("broken", {{}})

class OpenAi(OpenAIUser):
    wait_time = constant(0.05)
    fixed_count = 2
    @task
    def chat(self):
        question = [{{"role": "user", "content": "well?"}}]
        self.client.chat.completions.create(model="good", messages=question)
        with self.client.rename_request("bad model"):
            try:
                self.client.chat.completions.create(model="bad", messages=question)
            except Exception as error:
                assert "no such model" in str(error)

class Heart(User):
    fixed_count = 1
    @task
    def beat(self):
        began = time.perf_counter()
        gevent.sleep(0.02)
        late_ms = (time.perf_counter() - began) * 1000 - 20
        events.request.fire(request_type="HEART", name="late", response_time=max(late_ms, 0),
                            response_length=0, exception=None, context={{}})
'''


@contextmanager
def mosquitto():
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        port = free_port()
        config.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        config.flush()
        with Process(["/usr/sbin/mosquitto", "-c", config.name]) as server:
            server.wait_line("running")
            yield port


@pytest.fixture(scope="module")
def run():
    """The finished run, with .rows {(type, name): row} and .logged: rows of the request logger."""
    with ExitStack() as stack:
        servers = stack.enter_context(Process([CLIENTS / "bin" / "python", ROOT / "tests/support/protocol_servers.py"]))
        ports = json.loads(servers.wait_line(r"^\{.*\}$").group(0))
        ports["postgres"] = stack.enter_context(postgres()).address
        ports["mqtt"] = stack.enter_context(mosquitto())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        script = SCRIPT.format(ports=ports, requests=f"{folder}/requests.csv")
        path = stack.enter_context(locustfile(script))
        environment = {"VIRTUAL_ENV": str(CLIENTS), "OPENAI_API_KEY": "none",
                       "OPENAI_BASE_URL": f"http://127.0.0.1:{ports['openai']}/v1"}
        process = run_katydid("-f", path, "--headless", "-u", "14", "-r", "20", "-t", "8s", "--csv",
                              f"{folder}/run", "--csv-full-history", env=environment)
        with open(f"{folder}/run_stats.csv", newline="") as file:
            process.rows = {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}
        with open(f"{folder}/requests.csv", newline="") as file:
            process.logged = list(csv.DictReader(file))
        yield process


def counts(run, kind, name):
    assert (kind, name) in run.rows, f"{sorted(run.rows)}\n{run.describe()}"
    row = run.rows[kind, name]
    return int(row["Request Count"]), int(row["Failure Count"])


def test_postgresql(run):
    good, failed = counts(run, "postgres_success", "execute_query")
    assert good > 0 and failed == 0
    assert float(run.rows["postgres_success", "execute_query"]["Median Response Time"]) >= 190
    bad, failed = counts(run, "postgres_failure", "execute_query")
    assert bad > 0 and failed == bad, "a failed query is a failure, and spoils none of the next ones"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mqtt_messages_are_published(run, qos):
    requests, failures = counts(run, "MQTT", f"publish:{qos}:news/today")
    assert requests > 0 and failures == 0
    assert float(run.rows["MQTT", f"publish:{qos}:news/today"]["Average Content Size"]) == 5


def test_mqtt_connections_and_subscriptions(run):
    assert counts(run, "MQTT", "connect") == (3, 0)
    assert counts(run, "MQTT", "subscribe:1:news/#") == (2, 0)
    assert counts(run, "MQTT", "selectors subscribe") == (1, 0)
    assert counts(run, "MQTT", "selectors publish")[0] > 0
    assert ("MQTT", "disconnect") not in run.rows


def test_dns(run):
    assert counts(run, "DNS", "yes.example")[1] == 0, run.describe()
    requests, failures = counts(run, "DNS", "no.example")
    assert failures == requests > 0
    assert "No answer in DNS response" in run.stdout + run.stderr


def test_socketio(run):
    assert counts(run, "WS", "connect") == (2, 0)
    assert float(run.rows["WSC", "ask"]["Median Response Time"]) >= 95
    for kind, name in (("WSC", "ask"), ("WSE", "shout"), ("WSS", "greeting"), ("WSR", "echo")):
        requests, failures = counts(run, kind, name)
        assert requests > 0 and failures == 0, (kind, name)


def test_mongodb(run):
    requests, failures = counts(run, "MONGODB", "QUERY")
    assert requests > 1 and abs(failures - requests / 2) <= 2, "one collection of two is broken"
    assert float(run.rows["MONGODB", "QUERY"]["Median Response Time"]) >= 95, "the server was asked"


def test_openai(run):
    requests, failures = counts(run, "POST", "/v1/chat/completions")
    assert requests > 0 and failures == 0
    assert float(run.rows["POST", "/v1/chat/completions"]["Average Content Size"]) == 42, "tokens"
    requests, failures = counts(run, "POST", "bad model")
    assert failures == requests > 0


def test_nobody_held_up_the_others(run):
    requests, _ = counts(run, "HEART", "late")
    assert requests > 5, "of 400 in 8 s"
    assert float(run.rows["HEART", "late"]["Median Response Time"]) < 90, "a client that blocks does so for 95 ms and more"


def test_each_request_is_logged(run):
    kinds = {}
    for row in run.logged:
        kinds[row["request_type"]] = kinds.get(row["request_type"], 0) + 1
    total = int(run.rows["", "Aggregated"]["Request Count"])
    assert set(kinds) >= {"MQTT", "DNS", "WSR", "MONGODB", "POST", "HEART", "postgres_failure"}
    assert total <= len(run.logged) <= total + 20, "what came after the end is logged only"
    bad = next(row for row in run.logged if row["name"] == "bad model")
    assert bad["status_code"] == "400" and "400" in bad["exception"]


def test_a_missing_library_is_named():
    with locustfile("from locust.contrib.milvus import MilvusUser\n") as path:
        process = run_katydid("-f", path, "--headless", "-t", "1s", env={"VIRTUAL_ENV": ""})
    assert process.code == 65
    assert "pip install 'grpcio'" in process.stderr or "pip install 'pymilvus'" in process.stderr
