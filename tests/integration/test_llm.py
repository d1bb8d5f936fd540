# SPDX-License-Identifier: MIT
"""Users of language models against a server whose tokens have a known schedule (tests/support/sse_server.py), by Katydid's client
and by the package openai."""

import json
import subprocess
import sys
import textwrap

import pytest
from harness import CLIENTS, ROOT, STOCK_LOCUST, Process, csv_row, get_json, locustfile, run_katydid, run_script

PRELUDE = """
import json, sys
import locust, gevent, katydid, _katydid
from katydid.llm import LLMUser, ModelError, Prompts
from locust.env import Environment

class Chatter(LLMUser):
    host = sys.argv[1]
    api_key = "secret"
    slo = {"ttft": 60, "itl": 60}

environment = Environment(user_classes=[Chatter])
user = Chatter(environment)
environment.events.request.add_listener(lambda **about: told.append(about))
told = []
SAY = [{"role": "user", "content": "Why is the sky blue?"}]
OLLAMA = {
    "ollama_chat": lambda **more: user.llm.ollama_chat(SAY, options={"num_predict": 10}, **more),
    "ollama_generate": lambda **more: user.llm.ollama_generate("Why?", options={"num_predict": 10}, **more),
}
WAYS = {
    "chat": lambda **more: user.llm.chat(SAY, max_tokens=10, **more),
    "complete": lambda **more: user.llm.complete("Why?", max_tokens=10, **more),
    "respond": lambda **more: user.llm.respond("Why?", max_output_tokens=10, **more),
    "message": lambda **more: user.llm.message(SAY, max_tokens=10, **more),
}
"""


@pytest.fixture(scope="module")
def url():
    with Process([sys.executable, ROOT / "tests" / "support" / "sse_server.py"]) as server:
        yield f"http://127.0.0.1:{json.loads(server.wait_line(r'^{.*}$').group(0))['port']}"


@pytest.fixture
def run(url, tmp_path):
    def run(code):
        run_script(tmp_path, PRELUDE + textwrap.dedent(code), url)

    return run


def test_an_answer_by_every_interface(run):
    run("""
        for name, ask in WAYS.items():
            a = ask(model="plain", name=name)
            assert a.ok and a.text == "to ken " * 5 and a.reasoning == "", (name, a.error, a.text)
            assert (a.tokens_in, a.tokens_out, a.tokens_cached, a.is_estimated) == (11, 10, 4, False), name
            assert len(a.gaps) == 4 and abs(sum(a.gaps) - a.itl * 9) < 1e-9, "ten tokens, the first of them left out"
            assert a.ttft == a.ttfo and a.ttft <= a.ttft + sum(a.gaps) <= a.e2e and abs(a.tpot * 10 - a.e2e) < 1e-9
            about, = (about for about in told if about["name"] == name)
            assert about["request_type"] == "LLM" and about["response_time"] == a.e2e * 1000 and about["exception"] is None
            whole = ask(model="plain", name=name, stream=False)
            assert (whole.ok, whole.text, whole.tokens_out, whole.ttft) == (True, a.text, 10, None), whole.error
            assert abs(whole.e2e * 1000 - told[-1]["response_time"]) < 1e-6 and told[-1]["request_type"] == "LLM"
        assert len(told) == 8, "one row each"
    """)


def test_the_first_token_is_one_with_content(run, url):
    """A service says who speaks, and pings, before the first token comes."""
    run("""
        for name, ask in WAYS.items():
            a = ask(model="thinks")
            assert a.ttft >= 0.05, "the head and what stands before the tokens come at once"
            if name != "complete":
                assert a.reasoning == "to ken " and a.ttfo > a.ttft, "of what is an answer, later"
    """)
    asked = get_json(url + "/seen")["asked"]
    assert {a["path"] for a in asked} == {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"}
    assert all(a["stream_options"] == {"include_usage": True} for a in asked if a.get("stream") and "completions" in a["path"])


def test_a_good_answer_has_the_times_that_are_asked_of_it(run):
    run("""
        for name, ask in WAYS.items():
            whole = ask(model="plain", stream=False)
            assert whole.ttft is None and whole.e2e > 0
            for limit in "ttft", "ttfo", "e2e":
                assert whole.meets({limit: whole.e2e}) and not whole.meets({limit: whole.e2e / 2}), (name, limit)
            assert whole.meets({"itl": 0}) and whole.meets({"tpot": whole.tpot}), "all tokens came with the first"
        for stream in True, False:
            none = WAYS["chat"](model="mute", stream=stream)
            assert none.ok and none.text == "" and none.ttft is None, none.error
            for limit in "ttft", "ttfo", "itl", "tpot":
                assert not none.meets({limit: 60}), limit
            assert none.meets({"e2e": 60}) and none.meets({}), "it is an answer, and has an end"
        one = user.llm.chat(SAY, max_tokens=2, model="plain")
        assert one.ok and one.itl is None and one.meets({"ttft": 60, "itl": 0}), (one.text, one.itl)
    """)


def test_who_says_no_tokens_is_estimated(run):
    run("""
        for way in "chat", "complete":
            a = WAYS[way](model="silent")
            assert a.ok and a.is_estimated and a.tokens_out == 5, "pieces"
    """)


def test_tokens_by_a_counter_of_the_user(run):
    run("""
        class Tokenizer:
            def encode(self, text, add_special_tokens=True):
                return [0] * add_special_tokens + text.split()

        def count(text):
            return len(text) / 4

        from locust.exception import StopTest
        parts = [{"role": "user", "content": [{"type": "text", "text": "one two"}, {"type": "image_url", "image_url": {}}]}, *SAY]
        for counter, out, read in (Tokenizer(), 10, 7), (count, 35 / 4, 27 / 4), (lambda text: text.split(), 10, 7):
            Counting = type("Counting", (Chatter,), {"token_counter": counter})
            counting = Counting(environment)
            a = counting.llm.chat(SAY, max_tokens=10, model="silent", name="silent")
            assert (a.tokens_out, a.tokens_by, a.is_estimated) == (out, "counter", False), (counter, a.tokens_out, a.tokens_by)
            assert abs(a.itl * (out - 1) - sum(a.gaps)) < 1e-9 and abs(a.tpot * out - a.e2e) < 1e-9
            a = counting.llm.chat(parts, max_tokens=10, model="silent", name="silent")
            assert a.tokens_in == read, (counter, a.tokens_in)
            a = counting.llm.chat(SAY, max_tokens=10, model="plain", name="plain", stream=False)
            assert (a.tokens_in, a.tokens_out, a.tokens_by) == (11, out, "counter"), "it knows better what it was asked"
            a = counting.llm.chat(SAY, model="breaks", name="breaks")
            assert a.tokens_by != "counter", "of complete answers only"
        try:
            type("Wrong", (Chatter,), {"token_counter": 7})(environment)
        except StopTest as end:
            assert "token_counter: 7 is neither a function" in str(end)
        else:
            raise AssertionError("7 counts nothing")
        for name, ask in WAYS.items():
            assert ask(model="plain", name=name).tokens_by == "usage", name
    """)


def test_a_counter_that_fails_costs_its_task_and_no_request(run):
    run("""
        class Counting(Chatter):
            def token_counter(self, text):
                raise RuntimeError("no vocabulary")

        try:
            Counting(environment).llm.chat(SAY, max_tokens=10, model="plain", name="plain")
        except RuntimeError as error:
            assert str(error) == "no vocabulary"
        else:
            raise AssertionError
        assert [about["exception"] for about in told] == [None]
    """)


def test_errors_in_place_of_an_answer_and_within_it(run):
    run("""
        from locust.exception import CatchResponseError
        for name, ask in WAYS.items():
            for model, text in {"quota": "rate_limit: slow down", "unknown": "invalid: no model of that name"}.items():
                for stream in True, False:
                    a = ask(model=model, name=model, stream=stream)
                    assert not a.ok and str(a.error) == text and a.ttft is None, (name, model, a.error)
                    assert told[-1]["name"] == model and told[-1]["exception"] is not None and told[-1]["request_type"] == "LLM"
            a = ask(model="breaks", name="breaks")
            wanted = "server_error" if name == "respond" else "overloaded_error"
            assert str(a.error) == f"{wanted}: too much to do" and a.text == "to ken to ken ", a.error
            assert told[-1]["exception"] is a.error and told[-1]["name"] == "breaks"
            a = ask(model="stops", name="stops")
            assert str(a.error) == "the stream ended before the answer was finished" and told[-1]["exception"] is a.error
        assert len(told) == 4 * 6
    """)


def test_answers_of_another_form_are_failures_and_counted(run):
    run("""
        for name in "chat", "complete":
            for model in "null", "number", "list", "deep":
                a = WAYS[name](model=model, name=model)
                wanted = "an event that is no JSON" if model == "deep" else "an event of another form"
                assert str(a.error) == wanted and told[-1]["exception"] is a.error and told[-1]["name"] == model, (model, a.error)
            a = WAYS[name](model="words", name="words")
            assert a.ok and a.tokens_out == 10 and a.tokens_in == 11, (a.error, a.tokens_out)
        assert len(told) == 2 * 5
    """)


def test_ollama_streams_lines(run, url):
    run("""
        for name, ask in OLLAMA.items():
            for model in "plain", "bare":  # whose last line has no end
                a = ask(model=model, name=name)
                assert a.ok and a.text == "to ken " * 5 and (a.tokens_in, a.tokens_out, a.is_estimated) == (11, 10, False), (name, a.error, a.text)
                assert a.finish_reason == "stop" and a.ttft >= 0.05 and len(a.gaps) == 4 and abs(sum(a.gaps) - a.itl * 9) < 1e-9 and a.e2e >= a.ttft
                assert told[-1]["request_type"] == "LLM" and told[-1]["response_time"] == a.e2e * 1000 and told[-1]["exception"] is None
            whole = ask(model="plain", stream=False)
            assert (whole.ok, whole.text, whole.tokens_out, whole.ttft) == (True, a.text, 10, None), whole.error
            a = ask(model="thinks")
            assert a.reasoning == "to ken " and a.text == "to ken " * 4 and a.ttfo > a.ttft
            a = ask(model="silent")
            assert a.ok and a.is_estimated and a.tokens_out == 5
        assert len(told) == 2 * 5
    """)
    asked = [a for a in get_json(url + "/seen")["asked"] if a["path"].startswith("/api/")]
    assert {(a["path"], a["stream"]) for a in asked} == {(path, stream) for path in ("/api/chat", "/api/generate") for stream in (True, False)}


def test_what_goes_wrong_with_lines(run):
    run("""
        user.max_answer = 200_000
        wrong = {"unknown": "no model of that name", "breaks": "too much to do", "stops": "the stream ended before the answer was finished",
                 "number": "an event of another form", "list": "an event of another form", "deep": "an event that is no JSON",
                 "endless": "an answer of more than 200000 bytes"}
        for name, ask in OLLAMA.items():
            for model, text in wrong.items():
                a = ask(model=model, name=model)
                assert str(a.error) == text and told[-1]["name"] == model and told[-1]["exception"] is not None, (name, model, a.error)
            assert ask(model="words").ok
        a = user.llm.ollama_chat(SAY, model="plain", path="/v1/chat/completions", name="events")
        assert str(a.error) == "text/event-stream instead of application/x-ndjson" and told[-1]["exception"] is not None, a.error
    """)


def test_an_answer_without_end_is_a_failure(run):
    run("""
        user.max_answer = 2_000_000
        for name in "chat", "complete":
            a = WAYS[name](model="endless", name="endless")
            assert str(a.error) == "an answer of more than 2000000 bytes" and told[-1]["exception"] is a.error, a.error
            assert 10_000 < len(a.text) < 2_000_000 and WAYS[name](model="plain", name="plain").ok
    """)


def test_connections_are_used_again(run, url):
    before = get_json(url + "/seen")["connections"]
    run("""
        for _ in range(5):
            assert WAYS["chat"](model="plain").ok
    """)
    assert get_json(url + "/seen")["connections"] - before == 2, "the user's, and this question's"


def test_prompts_differ_but_for_what_they_share(run):
    run("""
        make, again = Prompts(words=100, stddev=10, shared=0.5, seed=7), Prompts(words=100, stddev=10, shared=0.5, seed=7)
        texts = [make().split() for _ in range(50)]
        assert texts == [again().split() for _ in range(50)]
        assert len({tuple(text[:50]) for text in texts}) == 1 and len({tuple(text) for text in texts}) == 50
        assert 90 < sum(map(len, texts)) / 50 < 110
    """)


USERS = """
    from katydid.llm import LLMUser
    from locust import constant, task

    class Chatter(LLMUser):
        wait_time = constant(0.1)
        model = "plain"
        slo = {"ttft": 60, "itl": 60}

        @task
        def ask(self):
            answer = self.llm.chat([{"role": "user", "content": "x"}], max_tokens=10, name="sky")
            assert answer.text == "to ken " * 5, answer.error

        @task
        def fail(self):
            self.llm.chat([{"role": "user", "content": "x"}], model="breaks", name="breaks")
"""


def test_a_run_has_rows_metrics_and_thresholds(url, tmp_path):
    with locustfile(USERS) as file:
        run = run_katydid("-f", file, "-H", url, "--headless", "-u", 5, "-r", 5, "-t", 4, "--csv", tmp_path / "out", "--threshold",
                          "p99 of itl{name:sky} < 60s", "--threshold", "rate of goodput{name:breaks} < 50%")
    assert "Traceback" not in run.stderr, run.describe()
    row = csv_row(tmp_path / "out_stats.csv", "sky")
    assert row["Type"] == "LLM" and int(row["Request Count"]) > 0 and row["Failure Count"] == "0"
    assert float(row["Min Response Time"]) >= 100, "to the end of the stream"
    assert csv_row(tmp_path / "out_stats.csv", "breaks")["Failure Count"] == csv_row(tmp_path / "out_stats.csv", "breaks")["Request Count"]
    for name in "ttft", "itl", "chunk_gap", "tpot", "tokens_in", "tokens_out", "tokens_per_s", "goodput", "tokens":
        assert f"{name}{{model:plain,name:sky}}" in run.stderr, run.describe()
    assert "ttft{model:breaks" not in run.stderr, "of complete answers only"


def test_thresholds_say_themselves_what_is_good(url, tmp_path):
    """Nothing of it is in the locustfile, and several ask for different things."""
    with locustfile(USERS.replace('slo = {"ttft": 60, "itl": 60}', "")) as file:
        run = run_katydid("-f", file, "-H", url, "--headless", "-u", 4, "-r", 4, "-t", 4, "--exit-code-on-error", 0, "--processes", 2,
                          "--threshold", "goodput(ttft<60s & itl <= 60) of {name:sky} > 99%",
                          "--threshold", "goodput(ttft<60s & itl<=60ms) of {name:breaks} == 0",
                          "--threshold", "early: goodput(ttft<1ms) < 1%", "--threshold", "goodput(e2e<1ms) > 5%")
    said = [line for line in run.stderr.splitlines() if line.startswith("THRESHOLD")]
    assert [line.split()[1] for line in said] == ["pass", "pass", "pass", "fail"], run.describe()
    assert run.code == 99 and "goodput(e2e<1ms) > 5%: 0 %" in run.stderr, run.describe()
    assert "rate of goodput" not in run.stderr and "slo_goodput{model:plain,name:sky,slo:ttft<60000ms & itl<=60ms}" in run.stderr, run.describe()


ENDS = """
    import gevent
    from locust import events

    @events.request.add_listener
    def told(request_type, name, **_):  # before it is counted
        seen.append((request_type, name))
        if not told.ends and min(map(seen.count, [("LLM", "sky"), ("LLM", "breaks"), ("METRIC", "tokens")])) > 1:
            told.ends = gevent.spawn(Chatter.done.runner.quit)

    told.ends = None

    @events.init.add_listener
    def init(environment, **_):
        Chatter.done = environment

    seen = []
"""


def test_under_stock_locust(url, tmp_path):
    (tmp_path / "pylib").mkdir()
    (tmp_path / "pylib" / "katydid").symlink_to(ROOT / "worker" / "pylib" / "katydid")
    with locustfile(f"import sys; sys.path.insert(0, {str(tmp_path / 'pylib')!r})\n" + textwrap.dedent(USERS + ENDS)) as file:
        run = subprocess.run([STOCK_LOCUST, "-f", file, "-H", url, "--headless", "-u", "2", "-r", "2", "-t", "90", "--json"],
                             capture_output=True, text=True, timeout=100, cwd=tmp_path, check=False)
    assert "Traceback" not in run.stderr and "AssertionError" not in run.stderr, run.stdout + run.stderr
    rows = {(row["method"], row["name"]): row for row in json.loads(run.stdout)}
    assert rows["LLM", "sky"]["num_requests"] == rows["METRIC", "ttft"]["num_requests"] > 0 == rows["LLM", "sky"]["num_failures"]
    assert rows["LLM", "breaks"]["num_failures"] == rows["LLM", "breaks"]["num_requests"]


OPENAI = """
    import json, os
    from locust import constant, events, task
    from locust.contrib.oai import OpenAIUser
    from locust.exception import StopUser

    @events.request.add_listener
    def told(name, response_time, response_length, exception, **_):
        print("TOLD", json.dumps([name, response_time, response_length, str(exception)]), flush=True)

    class Asker(OpenAIUser):
        wait_time = constant(1)

        @task
        def ask(self):
            say = [{"role": "user", "content": "x"}]
            with self.client.rename_request("chat"):
                pieces = [p for p in self.client.chat.completions.create(model="plain", messages=say, max_tokens=10, stream=True,
                                                                         stream_options={"include_usage": True}) if p.choices]
            assert "".join(p.choices[0].delta.content or "" for p in pieces) == "to ken " * 5, pieces
            with self.client.rename_request("responses"):
                kinds = [event.type for event in self.client.responses.create(model="plain", input="x", max_output_tokens=10, stream=True)]
            assert kinds.count("response.output_text.delta") == 5, kinds
            with self.client.rename_request("whole"):
                assert self.client.chat.completions.create(model="plain", messages=say, max_tokens=10).choices[0].message.content
            with self.client.rename_request("odd"):
                list(self.client.chat.completions.create(model="odd", messages=say, max_tokens=10, stream=True, stream_options={"include_usage": True}))
            with self.client.rename_request("breaks"):
                try:
                    list(self.client.chat.completions.create(model="breaks", messages=say, max_tokens=10, stream=True))
                except Exception:
                    pass
            self.environment.runner.quit()
            raise StopUser
"""


def test_streams_of_the_package_openai(url):
    """By locust.contrib.oai, whose own hook read the whole stream before the caller saw a piece of it."""
    env = {"VIRTUAL_ENV": str(CLIENTS), "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{url}/v1"}
    with locustfile(OPENAI) as file:
        run = run_katydid("-f", file, "--headless", "-u", 1, "-t", 60, env=env)
    assert "AssertionError" not in run.stderr, run.describe()
    told = {name: rest for name, *rest in (json.loads(line[5:]) for line in run.stdout.splitlines() if line.startswith("TOLD "))}
    assert [told[name][1:] for name in ("chat", "responses", "whole", "odd")] == [[10, "None"]] * 4, told
    assert told["breaks"][1:] == [0, "too much to do"], told
    assert told["chat"][0] >= 100 and told["responses"][0] >= 100, "to the last piece"
