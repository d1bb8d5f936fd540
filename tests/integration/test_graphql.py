# SPDX-License-Identifier: MIT
"""katydid.graphql with both clients against a server that answers by the operation's name (tests/support/graphql_server.py)."""

import json
import subprocess
import sys
import textwrap

import pytest
from harness import ROOT, STOCK_LOCUST, Process, get_json, locustfile, run_script

PRELUDE = """
import io, json, pathlib, sys
import locust, gevent, katydid, _katydid
from locust import events
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

URL = sys.argv[1]
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)
BOTH = HttpSession, FastHttpSession
HERO = "query Hero($id: ID) { hero(id: $id) { name } }"

def session(cls):
    s = cls(URL, events.request, None)
    if cls is HttpSession:
        s.trust_env = False
    return s

def rows():
    return {(r["method"], r["name"]): r for r in _katydid.stats_rows()}

def failures():
    return {f["name"]: f["error"] for f in _katydid.stats_failures()}
"""


@pytest.fixture
def url():
    with Process([sys.executable, ROOT / "tests" / "support" / "graphql_server.py"]) as server:
        yield f"http://127.0.0.1:{server.wait_line(r'^([0-9]+)$').group(1)}"


@pytest.fixture
def run(url, tmp_path):
    def run(code):
        run_script(tmp_path, PRELUDE + textwrap.dedent(code), url)

    return run


def test_rows_are_called_by_the_operation(run, url, tmp_path):
    (tmp_path / "hero.graphql").write_text("# query Commented {\n" + "query Hero($id: ID) { hero(id: $id) { name } }")
    run("""
        for cls in BOTH:
            s = session(cls)
            answer = s.graphql(HERO, {"id": 7})
            assert answer.ok and answer.data == {"hero": {"name": "R2-D2", "id": 7}} and answer.extensions == {"cost": 3} and answer.errors == []
            assert answer.response.status_code == 200
            assert s.graphql(pathlib.Path(__file__).with_name("hero.graphql")).ok
            assert s.graphql('mutation Make { make(text: "query Not { x }") { id } }').ok
            assert s.graphql("{ hero { name } }").ok
            assert s.graphql("query A { a } query B { b }", operation_name="B").ok
            assert s.graphql(HERO, name="mine", headers={"Authorization": "x"}, url="/graphql?v=2").ok
            assert katydid.graphql(s, HERO, method="GET", variables={"id": "ü&"}).data["hero"]["id"] == "ü&"
        made = {key for key in rows() if key[0]}
        assert made == {("POST", "Hero"), ("POST", "Make"), ("POST", "{hero}"), ("POST", "B"), ("POST", "mine"), ("GET", "Hero")}, made
        assert rows()["POST", "Hero"]["num_requests"] == 4 and not failures()
    """)
    asked = get_json(url + "/seen")
    assert {one["accept"] for one in asked} == {"application/graphql-response+json, application/json"}
    assert asked[0]["asked"]["operationName"] == "Hero" and "operationName" not in asked[3]["asked"]


def test_errors_are_failures_whatever_the_status(run):
    run("""
        for cls in BOTH:
            s = session(cls)
            answer = s.graphql("query Broken { heroes { name } }")
            assert not answer.ok and len(answer.errors) == 2 and answer.data is None
            assert str(answer.error) == failures()["Broken"][len("GraphQLError('"):-2] == "no such hero at heroes.*.name (NOT_FOUND)"
            assert not s.graphql("query Partly { hero { name } }").ok and s.graphql("query Partly { hero { name } }", name="allowed", allow_partial=True).ok
            assert failures()["Partly"] == "GraphQLError('too slow at friends')" and "allowed" not in failures()
            assert s.graphql("query Invalid { x }").response.status_code == 400
            assert "Cannot query field" in failures()["Invalid"]
            assert not s.graphql("query Odd { x }").ok and not s.graphql(HERO, url="/html", name="html").ok
            assert failures()["Odd"] == failures()["html"] == "GraphQLError('an answer that is none of GraphQL')"
            assert not s.graphql(HERO, url="/deep", name="deep").ok and failures()["deep"] == failures()["html"]
            for url in "/single", "/short", "/deep", "/refused":
                answers = katydid.graphql_batch(s, [HERO, HERO], url=url, name=f"batch {url}")
                assert len(answers) == 2 and not any(answer.ok for answer in answers), url
                assert ("no batches" if url == "/refused" else "none of GraphQL") in failures()[f"batch {url}"], failures()
        assert rows()["POST", "Broken"]["num_failures"] == 2
        s = HttpSession("http://127.0.0.1:1", events.request, None)
        s.trust_env = False
        assert not s.graphql(HERO, name="nobody").ok and "refused" in failures()["nobody"]
    """)


def test_an_answer_of_any_form_is_told(run):
    run("""
        for cls in BOTH:
            s = session(cls)
            assert str(s.graphql("query Numbered { x }").error) == "no such hero"
            assert not s.graphql("query Deep { x }").ok
            answer = s.graphql("query Ill { hero { name } }")
            assert answer.response.status_code == 503 and answer.data and not answer.ok and str(answer.error) == "status 503"
        assert failures()["Numbered"] == "GraphQLError('no such hero')" and failures()["Deep"] == "GraphQLError('an answer that is none of GraphQL')"
        assert "503" in failures()["Ill"] and "GraphQL" not in failures()["Ill"], failures()
        assert all(row["num_failures"] == row["num_requests"] == 2 and not row["discarded"] for row in rows().values()), rows()
    """)


def test_persisted_queries_batches_and_uploads(run, url):
    run("""
        for cls in BOTH:
            s = session(cls)
            document = f"query Hero {{ hero {{ name }} }} # {cls.__name__}"
            for _ in range(3):
                assert s.graphql(document, persisted=True).ok
            a, b, c = katydid.graphql_batch(s, [HERO, (HERO, {"id": 3}), ("query Broken { x }", None)])
            assert a.ok and b.data["hero"]["id"] == 3 and not c.ok
            upload = "mutation Up($file: Upload!) { up(file: $file) }"
            assert s.graphql(upload, {"file": None, "n": [1]}, files={"variables.file": ("a.txt", io.BytesIO(b"what is in it"), "text/plain")}).ok
        made = rows()
        assert made["GET", "Hero"]["num_requests"] == 6 and made["POST", "Hero"]["num_requests"] == 2, "the document once each"
        assert made["POST", "Hero + Hero + Broken"]["num_failures"] == 2
        assert set(failures()) == {"Hero + Hero + Broken"}, failures()
    """)
    ups = [one["asked"] for one in get_json(url + "/seen") if isinstance(one["asked"], dict) and one["asked"].get("operationName") == "Up"]
    assert len(ups) == 2 and all(up["files"] == ["what is in it"] and up["map"] == {"0": ["variables.file"]} for up in ups), ups
    assert all(up["variables"] == {"file": None, "n": [1]} for up in ups)


def test_under_stock_locust(url, tmp_path):
    (tmp_path / "pylib").mkdir()
    (tmp_path / "pylib" / "katydid").symlink_to(ROOT / "worker" / "pylib" / "katydid")
    code = f"""
        import sys; sys.path.insert(0, {str(tmp_path / 'pylib')!r})
        import gevent, katydid
        from locust import FastHttpUser, HttpUser, constant, task

        done = set()

        class Plain(HttpUser):
            wait_time = constant(0.2)
            @task
            def ask(self):
                assert self.client.graphql("query Hero {{ hero {{ name }} }}").data["hero"]["name"] == "R2-D2"
                assert not self.client.graphql("query Broken {{ x }}").ok
                done.add(type(self))
                if len(done) == 2:
                    gevent.spawn(self.environment.runner.quit)

        class Fast(FastHttpUser):
            wait_time = constant(0.2)
            ask = Plain.ask
            @task
            def look(self):
                self.ask()
    """
    with locustfile(code) as file:
        run = subprocess.run([STOCK_LOCUST, "-f", file, "-H", url, "--headless", "-u", "2", "-r", "2", "-t", "90", "--json"],
                             capture_output=True, text=True, timeout=100, cwd=tmp_path, check=False)
    assert "Traceback" not in run.stderr and "AssertionError" not in run.stderr, run.stdout + run.stderr
    rows = {row["name"]: row for row in json.loads(run.stdout)}
    assert rows["Hero"]["num_failures"] == 0 and rows["Broken"]["num_failures"] == rows["Broken"]["num_requests"] > 0
