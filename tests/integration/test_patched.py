"""What plug-ins do to the library while it runs: they put methods of their own over its classes and
objects, at any time. The replacement is what is called."""

import json

import pytest

from harness import locustfile, run_katydid, target

CLIENTS = '''
import json
from locust import FastHttpUser, HttpUser, User, constant, task
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

seen = []

def wrapped(original, tag):
    def request(self, method, url, name=None, **kwargs):
        seen.append((tag, method))
        return original(self, method, url, name=name or "named", **kwargs)
    return request

VERBS = ("get", "post", "put", "patch", "delete", "head", "options")

def calls(client):
    del seen[:]
    for verb in VERBS:
        getattr(client, verb)("/x")
    return len(seen), {tag for tag, _ in seen}

class Sub(HttpSession):
    pass

class Plain(HttpUser):
    wait_time = constant(100)

    def on_start(self):
        client, cls = self.client, HttpSession
        sub = Sub(self.host, self.environment.events.request, self)
        fast = FastHttpSession(self.host, self.environment.events.request, self)
        result = {"untouched": calls(client)}
        own = HttpSession.__dict__.get("request")
        original = HttpSession.request
        HttpSession.request = wrapped(original, "class")
        result["class, while it lives"] = calls(client)
        result["subclass"] = calls(sub)
        result["the other client"] = calls(fast)
        del HttpSession.request
        result["put back"] = calls(client)
        client.request = lambda *args, **kwargs: wrapped(original, "object")(client, *args, **kwargs)
        result["object"] = calls(client)
        original = FastHttpSession.request
        FastHttpSession.request = wrapped(original, "fast")
        result["fast"] = calls(fast)
        import requests
        send = requests.Session.send
        def counting(self, request, **kwargs):
            seen.append(("send", request.method))
            return send(self, request, **kwargs)
        requests.Session.send = counting
        del client.request
        result["send of a base"] = calls(HttpSession(self.host, self.environment.events.request, self))
        print("RESULT", json.dumps({k: [n, sorted(t)] for k, (n, t) in result.items()}), flush=True)
        self.environment.runner.quit()

    @task
    def nothing(self): pass
'''


@pytest.fixture(scope="module")
def server():
    with target() as process:
        yield process


def result_of(run):
    lines = [line[7:] for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, run.describe()
    return json.loads(lines[0])


def test_verbs_go_through_a_replaced_request(server):
    with locustfile(CLIENTS) as path:
        run = run_katydid("-f", path, "-H", server.url, "--headless", "-t", "20s")
    assert result_of(run) == {
        "untouched": [0, []],
        "class, while it lives": [7, ["class"]],
        "subclass": [7, ["class"]],
        "the other client": [0, []],
        "put back": [0, []],
        "object": [7, ["object"]],
        "fast": [7, ["fast"]],
        "send of a base": [7, ["send"]],
    }, run.describe()


REQUESTS = '''
import gevent
from locust import %(user)s, events, task
from locust.event import EventHook
from locust.exception import StopUser
from locust.stats import RequestStats, StatsEntry
from locust.clients import HttpSession, ResponseContextManager
import locust.contrib.fasthttp as fasthttp

class U(%(user)s):
    @task
    def asks(self):
        self.client.get("/x", name="a")
        self.client.get("/x", name="a")
        with self.client.get("/x", name="b", catch_response=True) as response:
            response.failure("no")
        gevent.spawn_later(0.3, self.environment.runner.quit)
        raise StopUser()

'''

REPORTS = '''
def report(self, original=%(response)s._report_request):
    self.request_meta["name"] += str(self.request_meta["exception"] is not None)
    original(self)
%(response)s._report_request = report
'''

REPLACED = {
    "log_request": ("HttpUser", '''
def log_request(self, method, name, *numbers, original=RequestStats.log_request):
    original(self, method, "row " + name, *numbers)
RequestStats.log_request = log_request
''', {"row a": (2, 0), "row b": (1, 0), "b": (0, 1)}),
    "log_error of the object": ("FastHttpUser", '''
@events.init.add_listener
def init(environment, **_):
    original = environment.stats.log_error
    environment.stats.log_error = lambda method, name, error: original(method, "bad", error)
''', {"a": (2, 0), "b": (1, 0), "bad": (0, 1)}),
    "log of an entry": ("HttpUser", '''
def log(self, response_time, length, original=StatsEntry.log):
    if self.name != "b":
        original(self, response_time, length)
StatsEntry.log = log
''', {"a": (2, 0), "b": (0, 1)}),
    "fire of the event": ("HttpUser", '''
@events.init.add_listener
def init(environment, **_):
    original = environment.events.request.fire
    environment.events.request.fire = lambda name, **more: original(name="fired " + name, **more)
''', {"fired a": (2, 0), "fired b": (1, 1)}),
    "the event": ("FastHttpUser", '''
@events.init.add_listener
def init(environment, **_):
    class Hook(EventHook):
        def fire(self, name, **more):
            super().fire(name="mine " + name, **more)
    hook = Hook()
    hook._handlers = environment.events.request._handlers
    environment.events.request = hook
''', {"mine a": (2, 0), "mine b": (1, 1)}),
    "reports of HttpUser": ("HttpUser", REPORTS % {"response": "ResponseContextManager"},
                            {"aFalse": (2, 0), "bTrue": (1, 1)}),
    "reports of FastHttpUser": ("FastHttpUser",
                                REPORTS % {"response": "fasthttp.ResponseContextManager"},
                                {"a": (2, 0), "bTrue": (1, 1)}),
    "ends of HttpUser's": ("HttpUser", '''
def leave(self, *error, original=ResponseContextManager.__exit__):
    self.request_meta["name"] += " left"
    return original(self, *error)
ResponseContextManager.__exit__ = leave
''', {"a left": (2, 0), "b left": (1, 1)}),
    "ends of FastHttpUser's": ("FastHttpUser", '''
def leave(self, *error, original=fasthttp.ResponseContextManager.__exit__):
    self.request_meta["name"] += " left"
    return original(self, *error)
fasthttp.ResponseContextManager.__exit__ = leave
''', {"a": (2, 0), "b left": (1, 1)}),
    "nothing, but request_meta was written": ("HttpUser", """
U.abstract = True

class V(HttpUser):
    @task
    def asks(self):
        with self.client.get("/x", name="c", catch_response=True) as response:
            response.request_meta["exception"] = KeyError("by hand")
        with self.client.get("/x", name="d", catch_response=True) as response:
            response.request_meta["exception"] = KeyError("taken back")
            response.success()
        gevent.spawn_later(0.3, self.environment.runner.quit)
        raise StopUser()
""", {"c": (1, 1), "d": (1, 0)}),
    "sending": ("HttpUser", '''
def send(self, method, url, original=HttpSession._send_request_safe_mode, **more):
    self.request_event.fire(request_type="SENT", name=url.rpartition("/")[2], response_time=1,
                            response_length=0, exception=None, context={})
    return original(self, method, url, **more)
HttpSession._send_request_safe_mode = send
''', {"x": (3, 0), "a": (2, 0), "b": (1, 1)}),
}


@pytest.mark.parametrize("mode", [[], ["--processes", "1"]], ids=["local", "processes"])
@pytest.mark.parametrize("what", REPLACED)
def test_what_counts_requests_may_be_replaced(what, mode, server):
    user, code, expected = REPLACED[what]
    with locustfile(REQUESTS % {"user": user} + code) as path:
        run = run_katydid("-f", path, "-H", server.url, "--headless", "-t", "20s", "--json", *mode)
    rows = {row["name"]: (row["num_requests"], row["num_failures"]) for row in json.loads(run.stdout)}
    assert rows == expected, run.describe()


def test_waits_go_through_a_replaced_sleep():
    with locustfile('''
import gevent
from locust import User, constant, task

def hurried(seconds=0, ref=True, original=gevent.sleep):
    original(seconds / 1000, ref)
gevent.sleep = hurried

class U(User):
    wait_time = constant(60)
    tasks_done = 0

    @task
    def counts(self):
        self.tasks_done += 1
        if self.tasks_done == 3:
            print("three", flush=True)
            self.environment.runner.quit()
''') as path:
        run = run_katydid("-f", path, "--headless", "-t", "20s")
    assert "three" in run.stdout, run.describe()
