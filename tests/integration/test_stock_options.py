"""The command line, environment and configuration files, against stock Locust's own parser on the same input."""

import json
import os
import subprocess

import pytest
from harness import BUILD, ROOT, VENV, locustfile, run_katydid

COMMAND_LINES = """
-u 5|--users=5|-u5|-u=5|-u +5|-r 0.5|-r 1e3|-r 0|-r -1|-r x|-t 90|-t 1h30m|-t 20m|-t 10s20m|-t 1.5|-t 5x|-s 10|-s 1m|-s 1.5
--headl|--he|--head|--web-p 80|--mast|--master-|--master-h x|--csv a|--csv a --csv-full|-T a b -E c|--ta a b|-T|-T a -T b|-T -- A
A B|--headless A B|A --headless|-L debug|-L loud|--loglevel=Warning|--config-users {"user_class_name":"A"}|--config-users {"x":1}
--config-users [{"user_class_name":"A"},{"user_class_name":"B"}] {"user_class_name":"C"}|--config-users nope.json|--config-users {bad
--web-auth a:b|--legacy-ui|--slave|--expect-slaves 3|--expect-workers 0|--expect-workers 2|--expect-workers x|--processes -1|--processes 4
--exit-code-on-error 0|--exit-code-on-error -1|--autoquit 3 --autostart|--autoquit -1|-P abc|--web-base-path /load|--otel|--json --json-fi x
--html x_{u}|--profile p|--web-host *|--master-bind-host 0.0.0.0|--config nope.conf|--headless=true|--users|-u --headless|-H foo|-H http://x
--logfile l|--reset-stats|-t -5|-- -x|--list A|-f a.py,b.py|-f a.py -f b.py|--show|--show-task-ratio-|--build-path x|--equal|--user 3
--expect-workers-m 3|--print|--only|--skip-log|--web-host-d x|--class-p|--web-l|--unknown|--enable-r|--exp 3
"""
ENVIRONMENTS = [
    {"LOCUST_HEADLESS": text} for text in ("true", "yes", "ON", "1", "false", "No", "0", "maybe")
] + [
    {"LOCUST_USERS": "7"}, {"LOCUST_USERS": "x"}, {"LOCUST_TAGS": "[x,y]"}, {"LOCUST_TAGS": "x y"}, {"LOCUST_TAGS": "x"},
    {"LOCUST_USER_CLASSES": "A  B"}, {"LOCUST_CONFIG_USERS": '{"user_class_name":"A"}'}, {"LOCUST_RUN_TIME": "1m"},
    {"LOCUST_SPAWN_RATE": "2"}, {"LOCUST_STOP_TIMEOUT": "5"}, {"LOCUST_LOGLEVEL": "debug"}, {"LOCUST_ENABLE_OPENTELEMETRY": "1"},
    {"LOCUST_PROCESSES": "-1"}, {"LOCUST_LOCUSTFILE": "x.py"}, {"LOCUST_WEB_AUTH": "a:b"}, {"LOCUST_MODE_WORKER": "true"},
    {"LOCUST_MASTER_NODE_HOST": "m", "LOCUST_MASTER_NODE_PORT": "7"}, {"LOCUST_CSV": "a", "LOCUST_CSV_FULL_HISTORY": "true"},
    {"TENANT": "env"},
]
SETTINGS = [
    "users = 5", "users 5", "users: 5", "u 100", "headless", "headless = true", "headless = false", "headless=maybe", "tags = [a, b]",
    "tags = a", "tags = a b", "# c\nusers=3", "users=3 # c", "; c\nusers = 3", "--users=3", "[section]\nusers = 3", "---\nusers = 3",
    'host = "http://x"', "host = http://x#frag", "host=http://x # c", "unknown = 3", "unknown", "spawn_rate = 4", "csv = a\ncsv-full-history",
    "loglevel = debug", "run-time = 1h", "users = 5\nusers = 6", "  users = 5  ", "users\t=\t5", "users = [1,2]", "processes = -1",
    "exclude-tags = [x]\ntags = [y]", "slave = true", "tenant = x", "fast", "fast = false", "num = 4", "num = x", "multi = [a,b]", "tenan = y",
    "user-n = x", "quiet",
]
TOML = [
    "users = 5", "users = '5'", "headless = true", "headless = false", "headless = 'true'", "tags = ['a','b']", "tags=[1,2]",
    "spawn-rate = 1.5", "unknown = 1", "run-time = '1m'", "u = 3", "bad =", "processes = -1", "tenant = 'x'", "multi = ['a','b']",
]
FILES = [  # precedence
    {"locust.conf": "users = 4", "pyproject.toml": "[tool.locust]\nusers = 6", ".locust.conf": "users=7"},
    {"locust.conf": "users = 4", ".locust.conf": "users=7\nheadless"},
    {".locust.conf": "headless = true", "locust.conf": "headless = false"},
    {".locust.conf": "tags = [a]", "locust.conf": "tags = [b]"},
    {".locust.conf": "tenant = a", "locust.conf": "tenant = b"},
]
CUSTOM_LINES = """
--ten x|--tenant=x A B|--fast A B|--num x|--multi a b --headless|-q A|--fast=1|--unknown 3|--tag x|--ta x|--tag x --tags y|-lq|--user x
"""
CUSTOM = [
    [["--tenant"], {"env_var": "TENANT", "default": "d"}], [["--fast"], {"action": "store_true"}], [["--num"], {"default": 3, "type": "int"}],
    [["--multi"], {"nargs": "*"}], [["--user-name"], {}], [["-q", "--quiet"], {"action": "store_true"}], [["--tag"], {}],
]
LOCUSTFILE = """
    import json, sys
    from locust import User, events, task

    @events.init_command_line_parser.add_listener
    def add(parser):
        for names, arguments in %r:
            parser.add_argument(*names, **{key: int if value == "int" else value for key, value in arguments.items()})

    @events.init.add_listener
    def show(environment, **kwargs):
        print("OPTIONS", json.dumps(vars(environment.parsed_options)), flush=True)
        sys.exit(0)

    class A(User):
        @task
        def nothing(self):
            pass

    class B(A):
        pass
"""


def words(text):
    return [line.split() for line in text.replace("\n", "|").split("|") if line]


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    def case(argv=(), env=None, files=None, custom=()):
        folder = tmp_path_factory.mktemp("case")
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
        return {"argv": list(argv), "env": env or {}, "dir": str(folder), "custom": list(custom), "files": files}
    return case


def of_stock(cases, folder):
    file = folder / "cases.json"
    file.write_text(json.dumps(cases))
    run = subprocess.run([VENV / "bin" / "python", ROOT / "tests" / "support" / "stock_options.py", file], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def of_ours(case):
    env = {"HOME": case["dir"], "PATH": os.environ["PATH"], **case["env"]}
    run = subprocess.run([BUILD / "support" / "parse_options", *case["argv"]], capture_output=True, text=True, env=env, cwd=case["dir"])
    return {"code": run.returncode, "said": run.stderr, **(json.loads(run.stdout) if run.returncode == 0 and run.stdout else {})}


def assert_same(case, stock, ours):
    about = f"{case['argv']} {case['env']} {case['files']}\nstock: {stock['code']}\nours: {ours['code']} {ours.get('said', '')}"
    assert ours["code"] == stock["code"], about
    if "options" not in stock:
        return
    different = {name: (value, ours["options"].get(name, "nothing")) for name, value in stock["options"].items()
                 if ours["options"].get(name, "nothing") != value and name != "web_host"}
    assert not different, f"{about}\nstock, ours: {different}"


def test_every_form_of_the_command_line(make, tmp_path):
    cases = [make(argv) for argv in words(COMMAND_LINES)]
    for case, stock in zip(cases, of_stock(cases, tmp_path)):
        ours = of_ours(case)
        if ours.get("extra"):  # left for the locustfile, which has none here
            ours = {"code": 2}
        assert_same(case, stock, ours)


def test_environment_and_files(make, tmp_path):
    cases = [make(env=env) for env in ENVIRONMENTS if "TENANT" not in env]
    cases += [make(files={"locust.conf": text}) for text in SETTINGS]
    cases += [make(files={"pyproject.toml": f"[tool.locust]\n{text}"}) for text in TOML]
    cases += [make(files=files) for files in FILES]
    cases.append(make(["-u", "1", "--config", "x.conf"], {"LOCUST_USERS": "9"}, {"x.conf": "users = 3"}))
    cases.append(make(["--config", "x.conf"], {"LOCUST_USERS": "9"}, {"x.conf": "users = 3", "locust.conf": "run-time = 3"}))
    cases.append(make(["--config", "x.conf"], {}, {"x.conf": "users = 3", "pyproject.toml": "[tool.locust]\nusers = 6"}))
    for case, stock in zip(cases, of_stock(cases, tmp_path)):
        ours = of_ours(case)
        if ours.get("settings"):
            ours = {"code": 2}
        assert_same(case, stock, ours)


def test_options_of_a_locustfile_beside_ours(make, tmp_path):
    """Through the whole command: what listeners of `init` see."""
    picked = [*words(CUSTOM_LINES)]
    cases = [make(argv, custom=CUSTOM) for argv in picked]
    cases += [make(files={"locust.conf": text}, custom=CUSTOM) for text in
              ("num = x", "multi = [a,b]", "tag = x")]
    cases.append(make(["--ten", "v"], {"TENANT": "e"}, {"locust.conf": "tenant = x"}, CUSTOM))
    cases.append(make([], {"TENANT": "e"}, {"locust.conf": "tenant = x"}, CUSTOM))
    with locustfile(LOCUSTFILE % (CUSTOM,)) as file:
        for case, stock in zip(cases, of_stock(cases, tmp_path)):
            run = run_katydid("-f", file, "--web-port", 0, *case["argv"], env={**case["env"], "HOME": case["dir"]}, cwd=case["dir"])
            found = [line for line in run.out if line.startswith("OPTIONS ")]
            if run.code == 0 and not found and stock.get("options", {}).get("list_commands"):
                continue
            ours = {"code": run.code, "said": run.stderr}
            if found:
                ours["options"] = {**json.loads(found[-1][8:]), "locustfile": "locustfile.py", "web_port": 8089}
            assert_same(case, stock, ours)
