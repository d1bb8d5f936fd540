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
