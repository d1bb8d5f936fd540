# SPDX-License-Identifier: MIT
"""Whether a test passed, as a pipeline gets to know it: thresholds from every place, exit codes, last lines, files."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from xml.etree import ElementTree

import pytest

import echo_server
from harness import KATYDID, ROOT, Process, children, free_port, get_json, katydid, locustfile, run_katydid, shop, wait_for
from read_outputs import read
from slow_shop import a_shop

SCHEMA = ROOT / "docs/summary.schema.json"

USER = '''
from locust import HttpUser, constant, task
class Shopper(HttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/cart")
        self.client.get("/missing")
'''
QUIET = '''
from locust import HttpUser, constant, task
class Shopper(HttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/cart")
'''


def run(shop, text, *arguments, **kwargs):
    with locustfile(text) as file:
        return run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, *arguments, **kwargs)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"X-Katydid": "1", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["field"]


def lines(process):
    return [line for line in process.stderr.splitlines() if line.startswith(("THRESHOLD", "Exit code"))]


def test_a_gate_says_what_it_measured_and_decides_the_exit_code(tmp_path):
    script = USER + '''
thresholds = {
    "http_req_duration{name:/cart}": ["p(95)<5000", {"threshold": "p(99)<6000", "abortOnFail": True}],
    "http_req_failed": ["rate<0.9"],
}
from locust import events
@events.init.add_listener
def more(environment, **_):
    environment.thresholds.add("fail_ratio < 1%", name="few failures", no_data="pass")
'''
    (tmp_path / "gates.toml").write_text('[[threshold]]\nstat = "count"\nwhere = "GET /cart"\nop = ">"\nvalue = 1\n'
                                         'name = "some"\n')
    (tmp_path / "pyproject.toml").write_text('[[tool.katydid.threshold]]\nthreshold = "fails of \'GET /crat\' < 3"\n')
    with a_shop() as shop:
        ended = run(shop, script, "-t", 3, "--thresholds", "gates.toml", "--threshold", "max < 1h", cwd=tmp_path)
    assert ended.code == 99, ended.describe()
    said = [re.sub(r"[\d.]+( ?)(ms|%)? \(n=\d+\)", "N", line) for line in lines(ended)]
    assert said[:4] == ["THRESHOLD pass max < 1h: N", "THRESHOLD pass some: count of 'GET /cart' > 1: N",
                        "THRESHOLD no data fails of 'GET /crat' < 3: no row 'GET /crat'; did you mean 'GET /cart'?",
                        "THRESHOLD pass http_req_duration{name:/cart} p(95)<5000: N"], ended.describe()
    assert re.fullmatch(r"THRESHOLD fail few failures: fail_ratio < 1%: N first at \d\d:\d\d:\d\d", said[6]), said
    assert re.fullmatch(r"Exit code 99: 1 threshold failed; 1 threshold without data; \d+ requests failed", said[7]), said


def test_thresholds_that_hold_leave_the_exit_code_to_the_requests():
    with a_shop() as shop:
        assert run(shop, QUIET, "-t", 2, "--threshold", "fail_ratio < 1%").code == 0
        ended = run(shop, USER, "-t", 2, "--threshold", "fail_ratio < 90%")
        assert ended.code == 1, ended.describe()
        assert run(shop, USER, "-t", 2, "--threshold", "fail_ratio < 90%", "--exit-code-on-error", 0).code == 0


def test_by_the_name_locust_a_failed_threshold_is_1(tmp_path):
    os.symlink(KATYDID, tmp_path / "locust")
    with a_shop() as shop, locustfile(QUIET) as file:
        command = [tmp_path / "locust", "-f", file, "-H", shop.url, "--headless", "-t", 2, "--threshold", "count > 1e9"]
        with Process(command) as ended:
            assert ended.wait() == 1, ended.describe()


LAST_WORD = '''
from locust import HttpUser, events, task
class Shopper(HttpUser):
    wait_time = lambda self: 60
    @task
    def t(self):
        self.client.get("/missing")
        self.environment.runner.quit()
@events.quitting.add_listener
def last(environment, **_):
    SETS
'''


@pytest.mark.parametrize("name", ["katydid", "locust"])
@pytest.mark.parametrize(("sets", "arguments", "code"), [
    ("environment.process_exit_code = 7", ["--threshold", "count > 1e9"], 7), ("environment.process_exit_code = 0", [], 0),
    ("environment.process_exit_code = 3", ["--check-rps", 0], 3), ("environment.parsed_options.exit_code_on_error = 5", [], 5),
    ("environment.parsed_options.exit_code_on_error = 0", ["--exit-code-on-error", 6], 0),
    ("environment.process_exit_code = 300", [], 44), ("environment.process_exit_code = 'the budget is spent'", [], 1), ("environment.process_exit_code = True", [], 1),
], ids=["a code", "none", "a check of its own", "on errors", "no errors", "more than a byte", "words", "truth"])
def test_the_last_word_of_quitting_is_heard(tmp_path, name, sets, arguments, code):
    (tmp_path / name).symlink_to(KATYDID)
    with a_shop() as shop, locustfile(LAST_WORD.replace("SETS", sets)) as file:
        with Process([tmp_path / name, "-f", file, "-H", shop.url, "--headless", "--only-summary", "-t", "2m", *arguments]) as ended:
            assert ended.wait() == code, ended.describe()
            assert ("the budget is spent\n" in ended.stderr) == ("spent" in sets), ended.describe()


@pytest.mark.parametrize(("arguments", "words"), [
    (["--threshold", "p95 < 300mss"], "--threshold: 'p95 < 300mss': column 10: 'mss' is no unit (did you mean ms?)"),
    (["--thresholds", "gates.toml"], "gates.toml:5: abrot: there is no field of that name: did you mean abort?"),
    (["--thresholds", "twice.toml"], "twice.toml:4: stat: this field is there twice"),
    (["--thresholds", "nearly.toml"], "nearly.toml:2: treshold: there is nothing of that name: did you mean threshold?"),
    (["--thresholds", "gates.json"], "gates.json:3: column"),
    (["--thresholds", "nothing.toml"], "cannot read the configuration file nothing.toml"),
    (["--check-fail-ratio", "x"], "give a ratio"),
])
def test_what_is_wrong_is_told_before_anything_starts(tmp_path, arguments, words):
    (tmp_path / "gates.toml").write_text('\n\n[[threshold]]\nthreshold = "p95 < 3"\nabrot = true\n')
    (tmp_path / "twice.toml").write_text('[[threshold]]\nstat = "p95"\nop = "<"\nstat = "p99"\nvalue = 3\n')
    (tmp_path / "nearly.toml").write_text('threshold = ["p95 < 3"]\ntreshold = ["p95 < 2"]\n')
    (tmp_path / "gates.json").write_text('["p95 < 3",\n"p95 < 3"\n')
    with locustfile(QUIET) as file:
        ended = run_katydid("-f", file, "--headless", "-t", 1, *arguments, cwd=tmp_path)
    assert ended.code == 2 and words in ended.stderr, ended.describe()


@pytest.mark.parametrize(("text", "words"), [
    ('thresholds = {\n"http_req_duration": ["p(95)<300x"],\n}', "locustfile.py:3: 'p(95)<300x': column 7: '300x' is no number"),
    ('thresholds = {\n"http_reqs": ["rate>1"],\n"http_reqs": ["rate>2"],\n}',
     "locustfile.py:4: http_reqs: stands there twice, and Python forgets the one of line 3"),
    ('thresholds = {\n"http_req_duration": ["p(95) of 500"],\n}', "locustfile.py:3: 'p(95) of 500': column 13: there is no operator"),
    ('thresholds = ["p95 300ms"]', "locustfile.py:2: 'p95 300ms': column 5: '300ms' is no operator"),
    ('thresholds = {"http_reqs": [["rate>1"]]}', "locustfile.py:2: ['rate>1']: a threshold is no list: take the inner brackets away"),
    ('thresholds = [\n["p95 < 300ms"],\n["rps > 1"]]', "locustfile.py:3: ['p95 < 300ms']: a threshold is no list: take the inner brackets away"),
    ('options = {\n"thresholds": {\n"checks": ["rate>1"]},\n"thresholds": {"http_reqs": ["rate>2"]}}', "locustfile.py:5: thresholds: stands there twice, and Python forgets the one of line 4"),
    ('class Other:\n    thresholds = [\n        "p95 < 1s",\n        "p95 < 1x"]\n    tasks = [print]\nfrom locust import User\nclass Mine(Other, User):\n    pass',
     "class Mine, locustfile.py:5: 'p95 < 1x': column 8: 'x' is no unit"),
    ('thresholds = "p95 < 300x"', "locustfile.py:2: 'p95 < 300x': column 10: 'x' is no unit"),
    ('thresholds = {"mine": ["rate<0.1"],\n7: ["rate<1"]}', "locustfile.py:3: 7: the key is no text"),
    ('thresholds = {"p95 < 300ms": True}', "locustfile.py:2: p95 < 300ms: a threshold is no key: write a list"),
    ('thresholds = {"http_req_duration": 500}', "locustfile.py:2: '500': column 4: there is no operator and number"),
    ('thresholds = {"p95": "< 300ms"}', "locustfile.py:2: '< 300ms': column 1: there is nothing in front of the operator"),
    ('thresholds = ["rps > 1",\n"p95 < 300ms, stop, warn"]', "locustfile.py:3: 'p95 < 300ms, stop, warn': column 20: 'warn' contradicts 'stop' in front of it"),
    ('thresholds = [{"threshold": "p95 < 1s", "where": "GET /cart"}]', "locustfile.py:2: where: does not go beside a text: write it there"),
    ('from locust import events\n@events.init.add_listener\ndef on(environment, **_):\n    environment.thresholds.add("p95 < 1s, warn", abort=True)\n',
     "locustfile.py:5: abort: contradicts what is said beside it"),
    ('thresholds = {"mine": ["p(95) 500"], "other": {"rate"}}', "locustfile.py:2: 'p(95) 500': column 10: there is no operator"),
    ('options = {\n"thresholds": {\n"http_req_failed": ["rate<1x"]}}', "locustfile.py:4: 'rate<1x': column 6: '1x' is no number"),
])
def test_what_is_wrong_in_a_locustfile_names_its_line(text, words):
    with locustfile("\n" + text + QUIET) as file:
        ended = run_katydid("-f", file, "-H", "http://127.0.0.1:9", "--headless", "-t", 1)
    assert ended.code == 2 and words in ended.stderr, ended.describe()


@pytest.mark.parametrize("value", ['{"/cart": 300, "x": [1, 2]}', '{"vus": 5, 7: 3}', '{"p95": 300, "errors": {"note": "a < b"}}', '"gates.toml"', "[[1, 2], [3]]", "7", "None"])
def test_a_variable_of_that_name_may_be_something_else(value):
    with locustfile(QUIET + f'\nthresholds = {value}\noptions = {{"thresholds": 3}}\nShopper.thresholds = {value}\n') as file:
        ended = run_katydid("-f", file, "--check-thresholds")
    assert ended.code == 0 and ended.stdout == "0 thresholds\n", ended.describe()


@pytest.mark.parametrize(("value", "texts"), [
    ('"p95 < 1s"', ["p95 < 1s"]),
    ('{"threshold": "n: p95 < 1s", "abort": True}', ["n: p95 < 1s"]),
    ('{"stat": "p95", "where": "GET /cart", "op": "<", "value": "1s"}', ["p95 of 'GET /cart' < 1s"]),
    ('[{"http_reqs": ["count>3", {"threshold": "rate>1"}]}, "rps > 1", {"threshold": "fails < 1"}]', ["http_reqs count>3", "http_reqs rate>1", "rps > 1", "fails < 1"]),
    ('{"p95 < 1s", }', ["p95 < 1s"]),
    ('__import__("types").MappingProxyType({"checks": ["rate>0.9"]})', ["checks rate>0.9"]),
    ('{1: "p95 < 1s"}.values()', ["p95 < 1s"]),
])
def test_the_variable_takes_what_a_file_takes(value, texts):
    with locustfile(QUIET + f"\nthresholds = {value}\n") as file:
        ended = run_katydid("-f", file, "--check-thresholds")
    assert ended.code == 0 and [line for line in ended.stdout.splitlines()[1:] if not line.startswith(" ")] == texts, ended.describe()


def test_the_resolved_list_is_printed_and_nothing_starts():
    k6 = '\nthresholds = {"http_req_failed": ["rate<0.01"]}\noptions = {"vus": 5, "thresholds": {"checks": ("rate>0.9",)}}\n'
    with locustfile(QUIET + k6) as file:
        ended = run_katydid("-f", file, "--check-thresholds", env={"KATYDID_THRESHOLDS": "p95 < 1s for 5s\nrps > 3\n"})
    assert ended.code == 0, ended.describe()
    assert ended.stdout.startswith("4 thresholds\np95 < 1s for 5s\n"), ended.describe()
    assert "checks rate>0.9" in ended.stdout and "from locustfile.py:10" in ended.stdout, ended.describe()
    assert "http_req_failed rate<0.01" in ended.stdout and "from locustfile.py:9" in ended.stdout, ended.describe()


@pytest.mark.parametrize("role", [["--processes", 8], ["--master"]], ids=["processes", "master"])
def test_only_the_locustfile_is_needed_to_print_the_list(role):
    """No worker starts, and a master that is at work on the port is in nobody's way."""
    with locustfile(QUIET) as file, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = ["--master-bind-host", "127.0.0.1", "--master-bind-port", taken.getsockname()[1]]
        ended = run_katydid("-f", file, "--check-thresholds", "--threshold", "p95 < 1s", "--loglevel", "DEBUG", *role, *port)
    assert ended.code == 0 and ended.stdout.startswith("1 threshold\np95 < 1s\n"), ended.describe()
    assert "worker" not in ended.stderr, ended.describe()


def test_a_threshold_stops_the_test_soon_and_everything_is_written(tmp_path):
    """Slow from some second on: two seconds later it is over, with files, and the reason in the log."""
    with a_shop() as shop, locustfile(QUIET) as file:
        process = katydid("-f", file, "-H", shop.url, "--headless", "-u", 4, "-r", 4, "-t", "10m", "--processes", 2, "--csv", "p",
                          "--threshold", "p95 < 400ms for 1s, stop, after=1s", cwd=tmp_path)
        with process:
            wait_for(lambda: shop.asked > 20, "fast answers")
            shop.delay = 0.5
            process.wait_line("stopped by threshold p95 < 400ms for 1s, stop, after=1s: value ")
            assert process.wait() == 99, process.describe()
    assert (tmp_path / "p_stats.csv").stat().st_size > 0
    assert "THRESHOLD fail p95 < 400ms for 1s" in process.stderr and ", stopped the test" in process.stderr


def test_checks_of_locust_plugins_are_there_without_it():
    with a_shop() as shop:
        for arguments, code in [((), 1), (("--check-fail-ratio", 0.9), 0), (("--check-fail-ratio", 0.1), 3),
                                (("--check-rps", 100000), 3), (("--check-avg-response-time", 5000), 1),
                                (("--check-avg-response-time", 0), 3)]:
            ended = run(shop, USER, "-t", 1, *arguments)
            assert ended.code == code, (arguments, ended.describe())
            assert ("CHECK FAILED" in ended.stderr) == (code == 3), ended.describe()


def test_a_pipeline_gets_files_of_what_came_out(tmp_path):
    nasty = 'p95 of \'GET /a<b>&"c"|]]>\' < 300ms'
    with a_shop() as shop:
        ended = run(shop, USER + '\nthresholds = {"http_req_failed": ["rate<0.9"]}\n', "-t", 2, "--junit", "out/junit.xml", "--summary", "summary.json",
                    "--k6-summary", "k6.json", "--metrics-file", "metrics.txt", "--markdown", "out/note.md", "--threshold", "fail_ratio < 1%", "--threshold", nasty,
                    "--threshold", "count > 1e6, warn", cwd=tmp_path, env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "page.md")})
    assert ended.code == 99, ended.describe()
    suite = ElementTree.parse(tmp_path / "out/junit.xml").getroot().find("testsuite[@name='thresholds']")
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases == {"fail_ratio < 1%": ["failure"], nasty: ["error"], "count > 1e6, warn": ["skipped"], "http_req_failed rate<0.9": []}
    assert "::error title=Threshold failed::fail_ratio < 1%25: " in ended.stderr and "::error title=Threshold without data::" in ended.stderr
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("### Load test not passed\n") and "| fail | fail\\_ratio < 1% |".replace("<", "&lt;") in page, page
    assert (tmp_path / "out/note.md").read_text() == page

    k6 = json.loads((tmp_path / "k6.json").read_text())["metrics"]
    assert k6["http_req_failed"]["thresholds"] == {"rate<0.9": False} and k6["http_req_failed"]["passes"] > 0
    assert {"avg", "min", "med", "max", "p(90)", "p(95)"} <= k6["http_req_waiting"].keys() and k6["http_reqs"]["rate"] > 0
    metrics = (tmp_path / "metrics.txt").read_text()
    assert metrics.endswith("# EOF\n") and re.search(r'^katydid_requests_total\{method="GET",name="/cart"\} \d+$', metrics, re.M), metrics
    for line in metrics.splitlines():
        assert line.startswith("# ") or re.fullmatch(r'\w+\{(\w+="(\\.|[^"\\])*",?)*\} \S+', line), line

    summary = read("schema", tmp_path / "summary.json", SCHEMA)
    assert summary["verdict"]["code"] == 99 and [t["state"] for t in summary["thresholds"]] == ["fail", "no data", "fail", "pass"]
    cart = next(row for row in summary["rows"] if row["name"] == "/cart")
    assert sum(count for _, count in cart["histogram"]["buckets"]) == cart["requests"] - cart["without_time"]


def test_what_cannot_be_written_is_told_before_the_test(tmp_path):
    (tmp_path / "file").write_text("")
    for option in ("--junit", "--summary", "--k6-summary", "--metrics-file", "--markdown"):
        with locustfile(QUIET) as file:
            ended = run_katydid("-f", file, "-H", "http://127.0.0.1:9", "--headless", "-t", 1, option, tmp_path / "file/x")
        assert ended.code == 74 and option in ended.stderr, ended.describe()


def test_a_worker_that_stood_still_makes_the_measurement_invalid(tmp_path):
    with a_shop() as shop, locustfile(QUIET) as file:
        with katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 8, "--fail-on-invalid",
                     "--threshold", "max < 1ms") as process:
            process.wait_line("All users spawned")
            worker, = children(process.pid)
            wait_for(lambda: shop.asked > 20, "requests")
            os.kill(worker, signal.SIGSTOP)
            time.sleep(2.7)  # this is the fault
            os.kill(worker, signal.SIGCONT)
            assert process.wait() == 75, process.describe()
    assert re.search(r"^not valid: worker \S+, from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d \(\w+\)$", process.stderr, re.M), process.describe()
    assert "(measurement not valid)" in process.stderr and "Exit code 75: measurement not valid; 1 threshold failed" in process.stderr


def test_the_page_starts_a_test_with_thresholds_and_reads_the_verdict():
    port = free_port()
    with a_shop() as shop, locustfile(QUIET) as file, katydid("-f", file, "-H", shop.url, "--web-port", port, "--threshold", "count > 0") as process:
        url = f"http://127.0.0.1:{port}/api/v1/"
        process.wait_line("Starting web interface")
        assert post(url + "start", {"users": 1, "spawn_rate": 1, "thresholds": ["p95 < 3x"]}) == (400, "thresholds")
        assert post(url + "start", {"users": 1, "spawn_rate": 1, "thresholds": ["p95 of '/crat' < 3s", {"http_reqs": ["count>0"]}]})[0] == 200
        seen = wait_for(lambda: [v for v in [get_json(url + "verdict")] if v["thresholds"][0]["state"] == "pass"], "a first verdict")[0]
        assert [t["text"] for t in seen["thresholds"]] == ["count > 0", "p95 of '/crat' < 3s", "http_reqs count>0"]
        assert seen["thresholds"][1]["state"] == "not yet" and not seen["over"]
        post(url + "edit", {"thresholds": ["users >= 0"]})
        wait_for(lambda: get_json(url + "verdict")["thresholds"][1]["text"] == "users >= 0", "the other thresholds")
        post(url + "stop", {})
        wait_for(lambda: get_json(url + "verdict")["over"], "the end")
        assert get_json(url + "verdict")["passed"]


def test_the_example_with_gates_passes():
    with shop("--errors", "0", "--delay-ms", "1") as server:
        ended = run_katydid("-f", ROOT / "locustfiles" / "gates.py", "-H", server.url, "--headless", "-u", 3, "-r", 3, "-t", 3)
    assert len(lines(ended)) == 6 and "THRESHOLD pass product: p95 of 'GET /api/products/[id]' < 400ms: " in ended.stderr, ended.describe()


@pytest.mark.parametrize("more", [[], ["--processes", 2]], ids=["local", "distributed"])
def test_the_journey_from_k6_is_judged_by_all_of_its_thresholds(more, tmp_path):
    with shop("--errors", "0", "--delay-ms", "1") as server:
        ended = run_katydid("-f", ROOT / "locustfiles" / "journey.py", "-H", server.url, "--headless", "-u", 3, "-r", 3, "-t", 4,
                            "--csv", tmp_path / "out", *more)
    told = lines(ended)
    assert ended.code in (0, 99) and len(told) == 6 and "no data" not in "".join(told), ended.describe()
    assert any("checkout_errors rate<0.005: 0 (n=" in line for line in told) and any("checkout_duration p(95)<1500: " in line for line in told)
    rows = (tmp_path / "out_stats.csv").read_text()
    assert "/api/cart" in rows and "/api/login" not in rows and "/api/orders" not in rows


TAGGED = '''
from locust import HttpUser, constant, task
from katydid import check
from katydid.metrics import Counter
thresholds = {
    "http_req_duration{tier:gold}": ["p(95)<9000", "max<9000"],
    "http_req_duration{group:::checkout::pay}": ["p(95)<9000"],
    "http_req_duration{name:/cart}": ["avg<9000"],
    "http_req_duration{status:200}": ["p(95)<9000"],
    "http_req_duration{method:GET,status:404}": ["p(95)<9000"],
    "http_reqs{status:500}": ["count<1"],
    "http_reqs{error_code:1404}": ["count>2"],
    "http_reqs{error_code:1503}": ["count<1"],
    "http_req_duration{proto:HTTP/1.1}": ["p(95)<9000"],
    "http_req_duration{expected_response:true}": ["p(95)<9000"],
    "http_req_failed{tier:gold}": ["rate<0.6"],
    "http_req_failed{status:404}": ["rate>0.99"],
    "http_reqs{tier:gold}": ["count>2", "rate>0.1"],
    "group_duration{group:::checkout}": ["p(95)<9000"],
    "group_duration": ["p(95)<9000"],
    "checks{check:status}": ["rate>0.9"],
    "checks{check:status,group:::checkout}": ["rate>0.9"],
    "sold{shop:north}": ["count>2"],
}
sold = Counter("sold")
class Shopper(HttpUser):
    sample_tags = {"tier": "gold"}
    wait_time = constant(0.05)
    @task
    def t(self):
        with self.group("checkout"):
            r = self.client.get("/cart")
            check(r, {"status": lambda r: r.status_code == 200})
            with self.group("pay"):
                self.client.get("/missing")
        sold.add(1, tags={"shop": "north"})
'''
OURS = ["fail_ratio of {tier:gold} < 60%", "count of {build:17,tier:gold} > 1", "fails of class Shopper > 1", "rps of class Shopper > 0.1", "p95 of class 'Shopper' < 9s",
        "p95 of group 'checkout' < 9s", "count of group 'checkout / pay' > 1", "fail_ratio of group 'checkout' > 99%"]


def test_what_a_threshold_looks_at_is_kept_apart_without_being_asked_for(tmp_path):
    with a_shop() as shop:
        options = [word for text in OURS for word in ("--threshold", text)]
        process = run(shop, TAGGED, "-t", "3s", "--exit-code-on-error", 0, "--series-tags", "city=Oslo", "--tag", "build=17", "--tag", "tier=tin", "--summary", tmp_path / "summary.json", *options)
    summary = read("schema", tmp_path / "summary.json", SCHEMA)
    check = summary["checks"][0]
    assert check["tags"] == {"check": "status", "group": "checkout"} and check["fails"] == 0 and check["passes"] > 2
    assert {"sold", "group_duration", "http_req_failed"} <= {metric["metric"] for metric in summary["metrics"]}
    assert len(summary["run"]["sha256"]) == 64 and summary["run"]["tags"] == {"build": "17", "city": "Oslo", "tier": "tin"}
    told = [line for line in lines(process) if line.startswith("THRESHOLD")]
    assert process.code == 0, process.describe()
    assert len(told) == 20 + len(OURS) and all(line.startswith("THRESHOLD pass") for line in told), told


SECURE = '''
from locust import HttpUser, constant, task
class Shopper(HttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/cart", name="the cart")
        self.client.get("SECURE/echo", verify=False)
        with self.client.get("/cart", catch_response=True) as r:
            r.failure("broken")
'''


@contextmanager
def over_tls(folder):
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server, port = echo_server.start((certificate, key))
    yield f"https://127.0.0.1:{port}"
    server.shutdown()
    server.server_close()


def test_requests_have_a_url_an_error_and_a_version_of_tls_as_tags(tmp_path):
    """Of the same run, plain and over TLS, right and wrong."""
    with over_tls(tmp_path) as secure, a_shop() as plain:
        texts = [f"count of {{url:{plain.url}/cart}} > 1", f"count of {{url:{plain.url}/crat}} < 1", "count of {tls_version:tls1.3} > 1",
                 f"count of {{tls_version:tls1.3,url:{plain.url}/cart}} < 1", "fail_ratio of {error:CatchResponseError('broken')} > 99%"]
        script = SECURE.replace("SECURE", secure)
        process = run(plain, script, "-t", "3s", "--exit-code-on-error", 0, *[word for text in texts for word in ("--threshold", text)])
    told = [line.split()[1] if line.split()[1] != "no" else "no data" for line in lines(process) if line.startswith("THRESHOLD")]
    assert told == ["pass", "no data", "pass", "no data", "pass"], process.describe()


DROPPING = '''
from locust import HttpUser, task
def of(rate, name, most):
    return {"executor": "constant-arrival-rate", "rate": rate, "duration": "2s", "gracefulStop": "0s", "preAllocatedVUs": most, "maxVUs": most, "exec": name}
options = {"scenarios": {"busy": of(20, "Busy", 1), "calm": of(1, "Calm", 10)}}
class Busy(HttpUser):
    @task
    def t(self):
        import time
        time.sleep(60)
class Calm(HttpUser):
    @task
    def t(self):
        self.client.get("/cart")
'''


def test_what_a_scenario_drops_is_seen():
    """One user that never comes back, and twenty arrivals a second for it."""
    texts = ["dropped < 1", "dropped_iterations: count<1", "dropped of {scenario:busy} < 1", "dropped of {scenario:calm} < 1", "count of iterations_dropped{scenario:calm} < 1"]
    with a_shop() as shop, locustfile(DROPPING) as file:
        process = run_katydid("-f", file, "-H", shop.url, "--headless",
                              *[word for text in texts for word in ("--threshold", text)])
    told = [line for line in lines(process) if line.startswith("THRESHOLD")]
    assert process.code == 99 and [line.split()[1] for line in told] == ["fail", "fail", "fail", "pass", "pass"], process.describe()


ITERATING = '''
from locust import HttpUser, SequentialTaskSet, TaskSet, constant, task
thresholds = {
    "iterations": ["count>=6", "rate>0"],
    "iteration_duration": ["p(95)<60000", "min>=10"],
}
class Shopper(HttpUser):
    wait_time = constant(0)
    done = 0
    def step(self):
        import time
        time.sleep(0.01)
        Shopper.done += 1
        if Shopper.done == 3:
            raise ValueError("an iteration all the same")
        if Shopper.done > 6:
            self.environment.runner.quit()
            time.sleep(600)
    @task
    class Steps(SequentialTaskSet):
        @task
        def one(self):
            self.user.step()
        @task
        def two(self):
            self.user.step()
            self.interrupt()
    @task
    def plain(self):
        self.step()
'''


@pytest.mark.parametrize("more", [[], ["--processes", 1]], ids=["local", "distributed"])
def test_thresholds_of_iterations_have_data(more, tmp_path):
    with locustfile(ITERATING) as file:
        ended = run_katydid("-f", file, "-H", "http://127.0.0.1:9", "--headless", "-u", 1, "-t", "2m", "--summary", tmp_path / "summary.json", *more)
    told = [line for line in lines(ended) if line.startswith("THRESHOLD")]
    assert len(told) == 4 and all(line.startswith("THRESHOLD pass") for line in told), ended.describe()
    assert told[0] == "THRESHOLD pass iterations count>=6: 6 (n=6)", told
    metrics = {one["metric"]: one for one in json.loads((tmp_path / "summary.json").read_text())["metrics"]}
    assert metrics["iterations"]["sum"] == 6 and sum(n for _, n in metrics["iteration_duration"]["histogram"]["buckets"]) == 6


def test_iterations_of_the_script_are_its_own():
    """A metric of that name counts what the script says."""
    script = QUIET + '''
from katydid.metrics import Counter
rounds = Counter("iterations", unit="rounds")
thresholds = {"iterations": ["count>0"]}
class Round(Shopper):
    @task
    def t(self):
        rounds.add(1000)
del Shopper
'''
    with locustfile(script) as file:
        ended = run_katydid("-f", file, "-H", "http://127.0.0.1:9", "--headless", "-u", 1, "-t", 2)
    told = re.search(r"iterations count>0: (\d+) ", ended.stderr)
    assert told and int(told[1]) % 1000 == 0, ended.describe()


def test_what_is_not_kept_by_tags_is_refused_at_once():
    for text in ("p95 of http_req_waiting{tier:gold} < 1s", "apdex(1s) of class Shopper > 0.9", "sent of group 'pay' < 1kB"):
        process = run_katydid("--threshold", text)
        assert process.code == 2 and "is not kept by tags, class or group" in process.stderr, process.describe()
