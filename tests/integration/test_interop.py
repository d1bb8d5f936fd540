"""The matrix: stock Locust and Katydid as master and as workers of one another. One life each: start, more users, fewer users,
stop, start again, quit; user messages both ways; and what the master says is what the target counted."""

import urllib.parse
import urllib.request

import pytest
from harness import KATYDID, STOCK_LOCUST, Process, free_port, get_json, locustfile, post, signal, target, wait_for

FILE = """
    import datetime
    import time

    from locust import HttpUser, constant, events, task
    from locust.runners import MasterRunner, WorkerRunner

    GIFT = {"list": [1, "zwei", None, -2.5], "\\u00e9": {"deep": [True]}, 3: datetime.datetime(2026, 1, 2, 3, 4, 5, 678)}

    def say(*words):
        print("MESSAGE", *words, flush=True)

    @events.init.add_listener
    def listen(environment, **_):
        runner = environment.runner

        def answer(msg, pause=0, **_):
            time.sleep(pause)
            runner.send_message("answer", {"to": msg.type, "was": msg.data, "index": runner.worker_index})

        def hear(msg, pause=0, **_):
            time.sleep(pause)
            same = msg.data["was"] == GIFT if msg.data["to"] == "gift" else msg.data["was"]
            say("answer", msg.data["to"], msg.data["index"], same)

        def back(msg, pause=0, **_):
            time.sleep(pause)
            say(msg.type, msg.data, msg.node_id in runner.clients)

        if isinstance(runner, WorkerRunner):
            runner.register_message("slow", lambda environment, msg: answer(msg, pause=2), concurrent=True)
            runner.register_message("gift", answer)
            runner.register_message("mine", lambda environment, msg: runner.send_message(
                "answer", {"to": "mine", "was": msg.data == runner.client_id, "index": runner.worker_index}))
        elif isinstance(runner, MasterRunner):
            runner.register_message("answer", lambda environment, msg: hear(msg))
            runner.register_message("late", lambda environment, msg: back(msg, pause=2), concurrent=True)
            runner.register_message("early", back)

    @events.test_start.add_listener
    def send(environment, **_):
        runner = environment.runner
        if isinstance(runner, MasterRunner):
            runner.send_message("slow", "s")
            runner.send_message("gift", GIFT)
            for worker in runner.clients:
                runner.send_message("mine", worker, client_id=worker)
        else:
            runner.send_message("late", [runner.worker_index])
            runner.send_message("early", [runner.worker_index])

    class Visitor(HttpUser):
        wait_time = constant(0.03)

        @task(9)
        def page(self):
            self.client.get("/page")

        @task
        def mistake(self):
            with self.client.get("/mistake", catch_response=True) as answer:
                answer.failure(f"no {self} <x object at 0x7f0123456789>")
            raise RuntimeError("of the task")
"""

MATRIX = {
    "stock master, our workers": (STOCK_LOCUST, [KATYDID, KATYDID]),
    "our master, stock workers": (KATYDID, [STOCK_LOCUST, STOCK_LOCUST]),
    "our master, one of each": (KATYDID, [STOCK_LOCUST, KATYDID]),
    "our master, our workers": (KATYDID, [KATYDID, KATYDID]),
}


class Page:
    """Locust's web routes, as scripts use them; both masters have them."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def swarm(self, users, rate=20):
        form = urllib.parse.urlencode({"user_count": users, "spawn_rate": rate}).encode()
        with urllib.request.urlopen(f"{self.url}/swarm", form, timeout=60) as answer:
            assert answer.status == 200
        self.until(lambda p: p["state"] == "running" and p["user_count"] == users, f"{users} users")

    def now(self):
        try:
            return get_json(f"{self.url}/stats/requests")
        except OSError:
            return {"state": "", "user_count": -1, "stats": [], "workers": []}

    def until(self, condition, what):
        return wait_for(lambda: (page := self.now()) and condition(page) and page, what)

    def total(self):
        rows = {row["name"]: row["num_requests"] for row in self.now()["stats"]}
        assert sum(rows.values()) == 2 * rows.get("Aggregated", 0)
        return rows.get("Aggregated", 0)


def run_once(page, site, counts):
    """Through these user counts to the end of the test, and all that the target saw is in the master's total."""
    site.reset()
    for users in counts:
        page.swarm(users)
        seen = site.log()["requests"]
        wait_for(lambda seen=seen: site.log()["requests"] > seen + 30, "requests")
    post(f"{page.url}/stop")
    page.until(lambda p: p["state"] == "stopped" and p["user_count"] == 0, "the end of the test")
    wait_for(lambda: page.total() == site.log()["requests"] > 30 * len(counts), "every request in the total")


def heard(process, kind):
    return [line.split(" ", 2)[2].strip() for line in list(process.out) if line.startswith(f"MESSAGE {kind} ")]


@pytest.mark.parametrize("master, workers", MATRIX.values(), ids=MATRIX)
def test_a_whole_life(master, workers):
    port, web = free_port(), free_port()
    with target() as site, locustfile(FILE) as file:
        with Process([master, "-f", file, "-H", site.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
                      "--web-host", "127.0.0.1", "--web-port", web, "--stop-timeout", 10]) as boss:
            boss.wait_line("Starting web interface")
            helpers = [Process([worker, "-f", file, "--worker", "--master-port", port]) for worker in workers]
            try:
                page = Page(web)
                page.until(lambda p: [w["state"] for w in p["workers"]] == ["ready"] * 2, "two workers")
                run_once(page, site, [4, 9, 2])
                page.until(lambda p: [w["state"] for w in p["workers"]] == ["ready"] * 2, "two workers again")
                run_once(page, site, [5])
                check_failures(page, seen=site.log()["requests"])
                check_messages(boss)
                page.until(lambda p: [w["state"] for w in p["workers"]] == ["ready"] * 2, "two workers once more")
                boss.signal(signal.SIGINT)
                assert boss.wait(90) == 1, boss.describe()  # there were failures
                assert [helper.wait(90) for helper in helpers] == [0, 0], "\n".join(h.describe() for h in helpers)
            finally:
                for helper in helpers:
                    helper.stop()
            assert "dropped messages" not in boss.stderr and "Unknown message" not in boss.stderr, boss.describe()


def check_failures(page, seen):
    """Of several processes one row each: addresses in texts are masked alike, tracebacks have no frames of the runner."""
    now = page.now()
    (error,) = now["errors"]
    assert error["name"] == "/mistake" and "object at 0x....>" in error["error"], error
    exceptions = get_json(f"{page.url}/exceptions")["exceptions"]
    assert {e["msg"] for e in exceptions} == {"of the task"}
    occurrences = sum(e["count"] for e in exceptions)
    assert 0 < error["occurrences"] <= seen and occurrences == error["occurrences"], (exceptions, error)


def check_messages(boss):
    """Of two tests and two workers. The concurrent handler slept while the other one was served, on both sides."""
    wait_for(lambda: len(heard(boss, "answer")) == 12 and len(heard(boss, "late")) == 4, "every answer")
    answers = heard(boss, "answer")
    assert sorted(answers) == sorted(2 * ["gift 0 True", "gift 1 True", "mine 0 True", "mine 1 True", "slow 0 s", "slow 1 s"]), answers
    assert answers.index("gift 0 True") < answers.index("slow 0 s") and answers.index("gift 1 True") < answers.index("slow 1 s")
    for kind in ("early", "late"):
        assert sorted(heard(boss, kind)) == ["[0] True", "[0] True", "[1] True", "[1] True"]
    for worker in (0, 1):
        order = [line.split()[1] for line in boss.out if line.startswith((f"MESSAGE early [{worker}]", f"MESSAGE late [{worker}]"))]
        assert order[0] == "early" and order[-1] == "late", order
