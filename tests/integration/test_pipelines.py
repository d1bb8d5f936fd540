# SPDX-License-Identifier: MIT
"""What a pipeline reads, by the readers of others: JUnit by junitparser and an XSD, the summary by jsonschema, TOML by
Python's own reader, annotations by their grammar; and the pipelines of docs/ci.md, as their services take them apart."""

import hashlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from harness import KATYDID, ROOT, locustfile, run_katydid, shop
from read_outputs import read

SCHEMA = ROOT / "docs" / "summary.schema.json"
PAGE = (ROOT / "docs" / "ci.md").read_text()

SHOPPER = '''
from locust import HttpUser, constant, task
from katydid import check
from katydid.metrics import Counter, Gauge, Trend
money, stock, basket = Counter("money", unit="€"), Gauge("stock"), Trend("basket", unit="EUR")

class Shopper(HttpUser):
    wait_time = constant(0.05)
    def on_start(self):
        token = self.client.post("/api/login", json={"username": "a", "password": "secret"}).json()["token"]
        self.client.headers["Authorization"] = "Bearer " + token
    @task
    def look(self):
        r = self.client.get("/api/cart", name="/cart")
        self.client.get("/api/products", name='/a<b>&"c"|]]>\\x01%2C,:\\n::error::x')
        with self.group("check: out, 100%"):
            check(r, {"is <good> & fast": lambda r: r.ok})
        money.add(1.5), stock.add(-3), basket.add(-0.5), basket.add(12.25)
'''
BROKEN = '''
from locust import HttpUser, constant, task
from katydid import check
class Shopper(HttpUser):
    wait_time = constant(0)
    @task
    def look(self):
        self.client.get("/api/products", name="/fine")
        for words in ("no <b>", "other ]]> &", "no <b>", None):
            with self.client.get("/api/products", name="/broken", catch_response=True) as r:
                if words:
                    r.failure(words)
        check(True, {"good": lambda value: value})
        with self.group("basket"):
            for value in (True, False, False):
                check(value, {"bad": lambda value: value})
'''
NASTY = 'half, 50%: <b>&"q"\']]>\x01\x1b\n::error::no\u00e9\U0001f600'


@pytest.fixture(scope="module")
def server():
    with shop("--errors", "0", "--delay-ms", "1") as process:
        yield process


def gates(*tables):
    """A TOML file of thresholds; values as JSON writes texts, which TOML takes as they are."""
    def value(one):
        return json.dumps(one, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "".join("[[threshold]]\n" + "".join(f"{key} = {value(one)}\n" for key, one in table.items()) for table in tables)


@pytest.fixture(scope="module")
def run(server, tmp_path_factory):
    """A run with every output, and names that would break each of them."""
    folder = tmp_path_factory.mktemp("outputs")
    tables = [{"name": NASTY, "threshold": "count > 1e9"}, {"threshold": "p95 of 'GET /a<b>*' < 1h"}, {"threshold": "p95 of '</none>, 5%' < 1s"},
              {"threshold": "count > 1e9, warn"}, {"threshold": "sum: count of money\n > 1"}, {"threshold": "avg of basket < 0"}]
    (folder / "gates.toml").write_text(gates(*tables))
    with locustfile(SHOPPER) as file:
        process = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--thresholds", "gates.toml", "--junit", "junit.xml",
                              "--summary", "summary.json", "--github", cwd=folder, env={"GITHUB_STEP_SUMMARY": str(folder / "page.md"), "GITHUB_OUTPUT": str(folder / "values")})
    assert process.code == 99, process.describe()
    process.folder = folder
    return process


def test_junit_is_read_by_others(run):
    seen = read("junit", run.folder / "junit.xml")
    outcomes = {case["name"]: [kind for kind, *_ in case["outcome"]] for case in seen["cases"] if case["classname"] == "katydid.thresholds"}
    nasty = NASTY.replace("\x01", "?").replace("\x1b", "?") + ": count > 1e9"
    assert outcomes == {nasty: ["Failure"], "p95 of 'GET /a<b>*' < 1h": [], "p95 of '</none>, 5%' < 1s": ["Error"], "count > 1e9, warn": ["Skipped"],
                        "sum: count of money\n > 1": [], "avg of basket < 0": ["Failure"]}
    validity, = [case for case in seen["cases"] if case["classname"] == "katydid.validity"]
    assert [kind for kind, *_ in validity["outcome"]] in ([], ["Skipped"])
    assert list(seen["suites"]) == ["validity", "thresholds", "checks", "endpoints"]
    assert seen["suites"]["thresholds"] == {"tests": 6, "failures": 2, "errors": 1, "skipped": 1}
    assert seen["whole"] == {name: sum(suite[name] for suite in seen["suites"].values()) for name in ("tests", "failures", "errors")}
    failed = next(case for case in seen["cases"] if case["name"] == "avg of basket < 0")
    assert failed["outcome"][0][1] == "threshold" and re.match(r"\d+\.\d+ EUR \(n=\d+\)", failed["outcome"][0][2])
    assert next(case for case in seen["cases"] if case["name"].startswith("p95 of '</none>"))["outcome"][0][1] == "no-data"
    assert seen["name"].startswith("katydid: ") and seen["properties"]["users"] == "2" and {"run", "host", "version"} <= seen["properties"].keys()
    assert "Aggregated" in seen["out"] and "]]>" in seen["out"]


def test_checks_and_rows_are_cases(server, tmp_path):
    with locustfile(BROKEN) as file:
        for more, kind, code in (("--exit-code-on-error", "0"), "Skipped", 0), (("--junit-checks",), "Failure", 1):
            ended = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 1, "-i", 1, *more, "--junit", "junit.xml", cwd=tmp_path)
            assert ended.code == code, ended.describe()
            seen = read("junit", tmp_path / "junit.xml")
            cases = {(case["classname"], case["name"]): case["outcome"] for case in seen["cases"]}
            assert cases["katydid.checks", "good"] == [] and cases["katydid.endpoints", "GET /fine"] == []
            assert cases["katydid.checks", "basket / bad"] == [[kind, "check" if kind == "Failure" else None, "2 of 3 were false", None]]
            (outcome, _, message, text), = cases["katydid.endpoints", "GET /broken"]
            assert (outcome, message) == (kind, "3 of 4 requests failed") and text.splitlines() == ["2 times: CatchResponseError('no <b>')", "1 times: CatchResponseError('other ]]> &')"]


def test_the_summary_is_what_its_schema_says(run):
    summary = read("schema", run.folder / "summary.json", SCHEMA)
    assert [one["state"] for one in summary["thresholds"]] == ["fail", "pass", "no data", "fail", "pass", "fail"]
    metrics = {one["metric"]: one for one in summary["metrics"]}
    histogram = metrics["basket"]["histogram"]
    assert sum(n for _, n in histogram["buckets"]) == sum(n for _, n in histogram["negative"]) == metrics["basket"]["count"] / 2
    assert "histogram" not in metrics["money"] and metrics["money"]["unit"] == "€" and metrics["stock"]["value"] == -3


@pytest.mark.parametrize("change", [{"schema": "katydid-summary/2"}, {"rows": [{"method": "GET"}]}, {"metrics": [{"metric": "x", "type": "sum"}]},
                                    {"more": 1}, {"checks": None}])
def test_the_schema_refuses_what_is_none(run, tmp_path, change):
    (tmp_path / "bad.json").write_text(json.dumps({**json.loads((run.folder / "summary.json").read_text()), **change}))
    with pytest.raises(AssertionError):
        read("schema", tmp_path / "bad.json", SCHEMA)


def unescaped(text, codes):
    assert not re.search(f"%(?!{'|'.join(codes)})", text), text
    for code, sign in codes.items():
        text = text.replace(f"%{code}", sign)
    return text


DATA = {"0D": "\r", "0A": "\n", "25": "%"}
PROPERTY = {"0D": "\r", "0A": "\n", "3A": ":", "2C": ",", "25": "%"}


def annotations(text):
    """[(level, properties, message)]: lines ::level key=value,key=value::message, as GitHub's runner takes them apart."""
    found = []
    for line in text.splitlines():
        if not line.startswith("::"):
            continue
        level, words, message = re.fullmatch(r"::(\w+)(?: ([^:]*))?::(.*)", line).groups()
        pairs = [word.split("=", 1) for word in (words or "").split(",") if word]
        found.append((level, {key: unescaped(value, PROPERTY) for key, value in pairs}, unescaped(message, DATA)))
    return found


def test_annotations_are_what_github_reads(run):
    seen = annotations(run.stderr)
    assert {level for level, *_ in seen} == {"error", "warning"}
    assert all(words.keys() == {"title"} for _, words, _ in seen), seen
    by_title = {}
    for level, words, message in seen:
        by_title.setdefault(words["title"], []).append((level, message))
    (level, nasty), (as_warning, warned), (_, basket) = by_title["Threshold failed"]
    assert level == "error" and nasty.startswith(NASTY.replace("\x01", "").replace("\x1b", "") + ": count > 1e9: ")
    assert as_warning == "warning" and warned.startswith("count > 1e9, warn: ") and basket.startswith("avg of basket < 0: ")
    absent, = by_title["Threshold without data"]
    assert absent[0] == "error" and absent[1].startswith("p95 of '</none>, 5%' < 1s: no row '</none>, 5%'")
    assert by_title.keys() <= {"Threshold failed", "Threshold without data", "Measurement not valid"}


def test_later_steps_find_values(run):
    values = dict(line.split("=", 1) for line in (run.folder / "values").read_text().splitlines())
    total = json.loads((run.folder / "summary.json").read_text())["total"]
    assert (values["verdict"], values["code"], int(values["requests"]), int(values["failures"])) == ("fail", "99", total["requests"], total["failures"])
    assert abs(float(values["p95"]) - total["percentiles"]["95"]) < 1e-6 and values["valid"] in ("true", "false")
    assert set(values) == {"verdict", "valid", "code", "requests", "failures", "fail_ratio", "rps", "p50", "p90", "p95", "p99", "max"}


def test_each_threshold_is_one_line(run):
    told = [line for line in run.stderr.splitlines() if line.startswith("THRESHOLD ")]
    assert [re.match(r"THRESHOLD (pass|fail|no data|warn) ", line)[1] for line in told] == ["fail", "pass", "no data", "warn", "pass", "fail"], told
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", "".join(told))


def test_markdown_stays_in_its_cells(run):
    page = (run.folder / "page.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 6 + 1 + 4, page  # thresholds, and requests: three rows and the total
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) in (4, 9) and not re.search(r"<(?!b>)", row), row


TOML = r'''# thresholds in every way that TOML writes texts
[[threshold]]
threshold = "p95 of 'GET /caf\u00e9 \U0001F600' < 300ms"   # escapes
[[threshold]]
threshold = """p95 of "/a" \
               < 300ms"""
[[threshold]]
"threshold" = 'p95 of "C:\dir\*" < 1s'
[[ threshold ]]
threshold = """
count > 1"""
name = 'a # b'
[[threshold]]
threshold = """fails < 3"""
min_samples = 1_000
no_data = "pass"
'''
LISTS = '''threshold = [
  "p95 < 1s",  # one
  'count > 0'
  , """fails < 1""",
]
'''
INLINE = "threshold = [ {threshold = 'p95 < 1s', name = \"n\"}, {threshold='rps > 1' , abort = true} ]\r\n"


@pytest.mark.parametrize("text", [TOML, LISTS, INLINE], ids=["tables", "lists", "inline"])
def test_toml_is_read_as_python_reads_it(tmp_path, text):
    (tmp_path / "gates.toml").write_bytes(text.encode())
    given = tomllib.loads(text)["threshold"]
    texts = [one if isinstance(one, str) else one["threshold"] for one in given]
    with locustfile(SHOPPER) as file:
        ended = run_katydid("-f", file, "--check-thresholds", "--thresholds", "gates.toml", cwd=tmp_path)
    told = [line for line in ended.stdout.splitlines()[1:] if not line.startswith(" ")]
    wanted = [(f"{one['name']}: " if isinstance(one, dict) and one.get("name") else "") + text for one, text in zip(given, texts, strict=True)]
    assert ended.code == 0 and told == [one.strip() for one in wanted], ended.describe()


@pytest.mark.parametrize("text", [
    'threshold = ["p95 < 1s"', 'threshold = "p95 < 1s', "threshold = 'a'\nthreshold = 'b'", '[[threshold]]\nthreshold = "\\q"', "[threshold\n", 'threshold = ["a" "b"]',
    '[[threshold]]\nthreshold = "p95 < 1s"\n[threshold]\nx = 1', "threshold = ['p95 < 1s'] x",
])
def test_what_is_no_toml_is_refused(tmp_path, text):
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    (tmp_path / "gates.toml").write_text(text + "\n")
    ended = run_katydid("--thresholds", "gates.toml", "--check-thresholds", cwd=tmp_path)
    assert ended.code == 2 and "gates.toml" in ended.stderr, ended.describe()


# ---- docs/ci.md ----


def block(title):
    """The example below that heading, and what it is written in."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    language, text = re.search(r"```(\w+)\n(.*?)```", section, re.DOTALL).groups()
    return language, text


def yaml_of(title, tmp_path):
    language, text = block(title)
    assert language == "yaml"
    (tmp_path / "pipeline.yml").write_text(text)
    return read("yaml", tmp_path / "pipeline.yml")


def of_github(tmp_path):
    (job,) = yaml_of("GitHub Actions", tmp_path)["jobs"].values()
    steps = job["steps"]
    upload = next(step for step in steps if step.get("uses", "").startswith("actions/upload-artifact@"))
    assert upload["if"] == "always()", "a job that failed has its files too"
    comes, *runs = [step["run"] for step in steps if "run" in step]
    assert "pip install" in comes
    return runs, upload["with"]["path"].split()


def of_gitlab(tmp_path):
    (job,) = yaml_of("GitLab", tmp_path).values()
    assert job["artifacts"]["when"] == "always"
    return job["script"], list(job["artifacts"]["reports"].values())


def of_circleci(tmp_path):
    config = yaml_of("CircleCI", tmp_path)
    (name, job), = config["jobs"].items()
    assert config["version"] == 2.1 and name in config["workflows"]["load"]["jobs"]
    steps = [step for step in job["steps"] if isinstance(step, dict)]
    kept = [value["path"] for step in steps for kind, value in step.items() if kind.startswith("store_")]
    return [step["run"] for step in steps if "run" in step], [*kept, "results/load/junit.xml"]


def of_jenkins(tmp_path):
    language, text = block("Jenkins")
    assert language == "groovy" and text.count("{") == text.count("}")
    (script,) = re.findall(r'\bsh """(.*?)"""', text, re.DOTALL)
    assert "$" not in script, "Groovy would put something in its place"
    return [script.replace("\\\n", "")], re.findall(r"\bjunit '(.*?)'", text)


SERVICES = {"github": (of_github, {"GITHUB_ACTIONS": "true"}), "gitlab": (of_gitlab, {"GITLAB_CI": "true"}),
            "circleci": (of_circleci, {"CIRCLECI": "true"}), "jenkins": (of_jenkins, {"JENKINS_URL": "http://ci"})}


@pytest.mark.parametrize("service", SERVICES)
def test_the_pipelines_of_the_documents_run(server, tmp_path, service):
    """Their shell lines, by the shell, as the service has taken them out of its file; only the target and the time are others."""
    take_apart, environment = SERVICES[service]
    commands, kept = take_apart(tmp_path)
    (tmp_path / "gates.toml").write_text(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    (tmp_path / "locustfile.py").write_text(SHOPPER)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "katydid").symlink_to(KATYDID)
    command, = commands
    for old, new in (("https://staging.shop.test", server.url), ("-t 2m", "-t 2"), ("-u 50", "-u 2")):
        assert old in command
        command = command.replace(old, new)
    done = subprocess.run(["/bin/sh", "-ec", command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **environment, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(tmp_path / "page.md")})
    told = [line for line in done.stderr.splitlines() if line.startswith("THRESHOLD ")]
    assert done.returncode in (0, 75, 99) and len(told) == 2, done.stdout + done.stderr
    assert kept and all((tmp_path / path).exists() for path in kept), kept
    assert (tmp_path / "page.md").exists() == (service == "github")
    for path in Path(tmp_path).rglob("junit.xml"):
        suites = read("junit", path)["suites"]
        assert suites["thresholds"]["tests"] == 2 and suites["endpoints"]["tests"] >= 3 and suites["checks"]["tests"] == 1
    for path in Path(tmp_path).rglob("summary.json"):
        read("schema", path, SCHEMA)


def test_build_servers_show_what_failed(server, tmp_path):
    with locustfile(SHOPPER) as file:
        words = ("-f", file, "-H", server.url, "--headless", "-u", 1, "-r", 1, "-t", 1, "--threshold", "count > 1e9", "--threshold", "p95 of '[no]|\n%' < 1s, warn")
        azure = run_katydid(*words, env={"TF_BUILD": "True"})
        city = run_katydid(*words, env={"TEAMCITY_VERSION": "2025.11"})
        taken = run_katydid(*words, "--json", env={"TEAMCITY_VERSION": "2025.11"})
    assert azure.code == city.code == 99, azure.describe()
    issues = [line for line in azure.stdout.splitlines() if "Measurement not valid" not in line]
    assert re.fullmatch(r"##vso\[task\.logissue type=error\]Threshold failed: count > 1e9: .*\(n=\d+\).*", issues[0]), azure.describe()
    assert issues[1].startswith("##vso[task.logissue type=warning]Threshold without data: p95 of '[no]|"), azure.describe()
    lines = city.stdout.splitlines()
    assert all(re.fullmatch(r"##teamcity\[\w+( \w+='([^'|\[\]]|\|['|\[\]nr])*')+\]", line) for line in lines), city.describe()
    assert lines[0].startswith("##teamcity[buildProblem description='Threshold failed: count > 1e9: ") and "'|[no|]||" in lines[1]
    values = dict(re.fullmatch(r"##teamcity\[buildStatisticValue key='(\w+)' value='(\S+)'\]", line).groups() for line in lines if "Statistic" in line)
    assert {"p50", "p95", "p99", "rps", "requests"} <= values.keys() and float(values["p95"]) > 0
    assert json.loads(taken.stdout) and "##teamcity[" in taken.stderr, taken.describe()


# ---- k6's summary ----

MIXED = '''
from locust import HttpUser, constant, events, task
from katydid import check
from katydid.metrics import Counter, Gauge, Rate, Trend
thresholds = {"http_reqs": ["count>3"], "checks": ["rate>0.4"], "basket": ["avg<0"], "checks{check:odd}": ["rate>2"]}
sold, stock, errors, basket = Counter("sold"), Gauge("stock"), Rate("errors"), Trend("basket", unit="EUR")
class Shopper(HttpUser):
    wait_time = constant(0.05)
    thresholds = ["p95 < 1h"]
    @task
    def t(self):
        r = self.client.get("/api/products")
        self.environment.events.request.fire(request_type="GRPC", name="quote", response_time=1, response_length=1, exception=None, context={})
        with self.group("buy"), self.group("pay"):
            check(r, {"good": lambda r: r.ok, "odd": lambda r: False})
        check.that("open", True, tags={"shop": "7"})
        sold.add(2), stock.add(-3), errors.add(False), basket.add(-0.5), basket.add(12.25)
'''


def md5(path):
    return hashlib.md5(path.encode()).hexdigest()


def test_k6s_summary_has_what_the_widget_reads(server, tmp_path):
    """Shape and names of --summary-export: checks, HTTP alone in http_reqs, metrics of the script, the tree of groups."""
    with locustfile(MIXED) as file:
        ended = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 1, "-t", 2, "--k6-summary", "k6.json", "--metrics-file", "m.txt", "--summary", "summary.json",
                            "--threshold", "p95 < 1h", cwd=tmp_path)
    assert ended.code == 99, ended.describe()
    given, ours = (json.loads((tmp_path / name).read_text()) for name in ("k6.json", "summary.json"))
    k6, root = given["metrics"], given["root_group"]
    by_method = {row["method"]: row["requests"] for row in ours["rows"]}
    assert k6["http_reqs"]["count"] == by_method["GET"] and by_method["GRPC"] > 0 and k6["http_reqs"]["thresholds"] == {"count>3": False}
    assert k6["http_req_failed"] == {"passes": 0, "fails": by_method["GET"], "value": 0}
    n = k6["sold"]["count"] / 2
    assert k6["checks"] == {"passes": 2 * n, "fails": n, "value": 2 / 3, "thresholds": {"rate>0.4": False}} | {"value": k6["checks"]["value"]}
    assert k6["stock"] == {"value": -3, "min": -3, "max": -3} and k6["errors"] == {"passes": 0, "fails": n, "value": 0}
    assert k6["basket"]["min"] == -0.5 and k6["basket"]["max"] == 12.25 and k6["basket"]["med"] == -0.5 and k6["basket"]["p(95)"] == 12.25
    assert k6["basket"]["thresholds"] == {"avg<0": True} and k6["checks{check:odd}"]["thresholds"] == {"rate>2": True}
    assert k6["group_duration"].keys() == {"avg", "min", "med", "max", "p(90)", "p(95)"}
    assert not [name for name in k6 if name.startswith("group_") and name != "group_duration"]
    pay = root["groups"]["buy"]["groups"]["pay"]
    assert root["id"] == md5("") and pay["path"] == "::buy::pay" and pay["id"] == md5("::buy::pay")
    assert pay["checks"]["odd"] == {"name": "odd", "path": "::buy::pay::odd", "id": md5("::buy::pay::odd"), "passes": 0, "fails": n}
    assert root["checks"]["open"]["passes"] == n and root["groups"]["buy"]["checks"] == {}
    told = [line for line in (tmp_path / "m.txt").read_text().splitlines() if line.startswith("katydid_threshold_failed{")]
    assert len(told) == 5 and len({line.split("} ")[0] for line in told}) == 5, told  # one of the two that are the same
