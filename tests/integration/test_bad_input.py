"""Bad input: one clear message with cause and mend, the exit code of docs/exit-codes.md, no traceback of ours."""

import re
import socket
import ssl
import subprocess
import threading
from textwrap import dedent

import pytest
from harness import free_port, katydid, locustfile, run_katydid, target

USER = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.1)

        @task
        def page(self):
            self.client.get("/")
"""
QUICK = ("--headless", "-u", 1, "-t", 1)


def assert_refused(run, code, *patterns, traceback=False):
    """The code, each pattern on stderr, and tracebacks only when the user's own file made one."""
    assert run.code == code, run.describe()
    for pattern in patterns:
        assert re.search(pattern, run.stderr), f"no {pattern!r} in\n{run.describe()}"
    assert ("Traceback" in run.stderr) == traceback, run.describe()
    for line in run.stderr.splitlines():
        assert not re.match(r'\s+File ".*/(pylib|katydid_boot|importlib)/', line), run.describe()
        assert not re.match(r'\s+File "<frozen', line), run.describe()


def refused(code, *arguments, patterns, traceback=False, **kwargs):
    run = run_katydid(*arguments, timeout=120, **kwargs)
    assert_refused(run, code, *patterns, traceback=traceback)
    return run


# The command line


@pytest.mark.parametrize("words, patterns", [
    (["-u", "abc"], ["-u/--users", "'abc'", "a whole number of users"]),
    (["-r", "fast"], ["-r/--spawn-rate", "'fast'", "users per second"]),
    (["-t", "5 minutes"], ["-t/--run-time", "'5 minutes'", "1h30m"]),
    (["--web-port", "99999"], ["--web-port", "'99999'", "65535"]),
    (["--master-host", "a:5557"], ["--master-host", "'a:5557'", "without a port"]),
    (["-H", "http://"], ["-H/--host", "'http://'", "https://www.example.com"]),
    (["--loglevel", "loud"], ["--loglevel", "'loud'", "WARNING"]),
    (["--config", "none.conf"], ["none.conf", "No such file"]),
    (["-H", "http://\udcff"], ["-H/--host", "not UTF-8"]),
    (["--config-users", '{"user_class_name": "Visitor", "weight": "x"}'], ['"weight"', "a number, 0 or more"]),
])
def test_a_value_that_does_not_parse(tmp_path, words, patterns):
    run = refused(2, *words, patterns=patterns, cwd=tmp_path)
    assert run.stderr.count("\n") == 1 and run.stdout == "", run.describe()


def test_a_home_that_cannot_be_looked_into_has_no_settings(tmp_path):
    refused(64, "-f", "none.py", patterns=["Could not find 'none.py'"], cwd=tmp_path, env={"HOME": "/" + "x" * 300})


def test_an_environment_variable_that_does_not_parse(tmp_path):
    refused(2, patterns=["LOCUST_USERS", "'many'"], env={"LOCUST_USERS": "many"}, cwd=tmp_path)


def test_a_setting_that_does_not_parse(tmp_path):
    (tmp_path / "locust.conf").write_text("headless\nusers = many\n")
    refused(2, patterns=[r"locust\.conf:2", "'many'"], cwd=tmp_path)


@pytest.mark.parametrize("word, near", [("--user-count=5", "--users"), ("--headles5", "--headless"), ("--spawnrate=5", "--spawn-rate")])
def test_an_unknown_option_names_the_nearest(word, near):
    with locustfile(USER) as file:
        refused(2, "-f", file, word, *QUICK, "-H", "http://127.0.0.1:1", patterns=[re.escape(word), f"(?i)did you mean '?{near}"])


def test_an_unknown_option_is_compared_with_those_of_the_locustfile_too():
    text = """
        from locust import events

        @events.init_command_line_parser.add_listener
        def add(parser):
            parser.add_argument("--tenant")
    """
    with locustfile(dedent(text) + dedent(USER)) as file:
        refused(2, "-f", file, "--tennant=x", *QUICK, "-H", "http://127.0.0.1:1", patterns=["--tennant", "(?i)did you mean '?--tenant"])


# The locustfile


def test_no_locustfile(tmp_path):
    refused(64, *QUICK, patterns=[r"locustfile\.py", "-f|--locustfile"], cwd=tmp_path)
    refused(64, "-f", "nowhere.py", *QUICK, patterns=[r"nowhere\.py"], cwd=tmp_path)


def test_a_syntax_error_shows_its_line():
    with locustfile("import locust\n\ndef broken(:\n") as file:
        refused(65, "-f", file, *QUICK, patterns=[re.escape(f'File "{file}", line 3'), "SyntaxError"])


def test_an_exception_at_import_shows_the_users_traceback():
    with locustfile("import locust\n\ndef f():\n    return 1 / 0\n\nf()\n") as file:
        refused(65, "-f", file, *QUICK, traceback=True, patterns=[
            re.escape(f'File "{file}", line 6'), re.escape(f'File "{file}", line 4, in f'), "ZeroDivisionError"])


def test_a_module_that_is_missing_is_named():
    with locustfile("import no_such_module_of_mine\n") as file:
        refused(65, "-f", file, *QUICK, traceback=True, patterns=[re.escape(f'File "{file}", line 1'), "no_such_module_of_mine"])


def test_no_user_class():
    with locustfile("import locust\n") as file:
        refused(66, "-f", file, *QUICK, patterns=["User class", re.escape(file.name)])


def test_an_unknown_user_class():
    with locustfile(USER) as file:
        refused(66, "-f", file, *QUICK, "-H", "http://127.0.0.1:1", "Visitr", patterns=["Visitr", "Visitor"])


def test_a_class_without_tasks():
    with locustfile("from locust import HttpUser\n\nclass Idle(HttpUser):\n    host = 'http://127.0.0.1:1'\n") as file:
        refused(67, "-f", file, *QUICK, patterns=["Idle", "@task|task"])


# The network


def test_no_host():
    with locustfile(USER) as file:
        refused(69, "-f", file, *QUICK, patterns=["(?i)host", "-H|--host"])


def test_a_host_that_does_not_resolve():
    with locustfile(USER) as file:
        refused(70, "-f", file, *QUICK, "-H", "http://no-such-host.invalid", patterns=[r"no-such-host\.invalid", "(?i)resolve"])


def test_a_host_that_nobody_asks_need_not_resolve():
    with locustfile("from locust import User, constant, task\nclass Idle(User):\n    wait_time = constant(1)\n    @task\n    def t(self): pass\n") as file:
        run = run_katydid("-f", file, *QUICK, "-H", "http://no-such-host.invalid")
        assert run.code == 0, run.describe()


@pytest.fixture
def busy_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield s.getsockname()[1]


def test_the_web_port_is_in_use(busy_port):
    with locustfile(USER) as file:
        refused(68, "-f", file, "--web-port", busy_port, patterns=[str(busy_port), "(?i)in use", "--web-port|-P"])


def test_the_web_address_is_not_ours():
    with locustfile(USER) as file:
        refused(68, "-f", file, "--web-host", "192.0.2.1", "--web-port", 0, patterns=[r"192\.0\.2\.1", "--web-host"])


def test_the_masters_port_is_in_use(busy_port):
    with locustfile(USER) as file:
        refused(68, "-f", file, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", busy_port, *QUICK,
                patterns=[str(busy_port), "(?i)in use", "--master-bind-port"])


def test_workers_that_do_not_come_in_time():
    with locustfile(USER) as file:
        refused(72, "-f", file, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", free_port(), *QUICK,
                "-H", "http://127.0.0.1:1", "--expect-workers", 2, "--expect-workers-max-wait", 1, patterns=["(?i)gave up waiting for workers", "0 of 2"])


def test_a_worker_without_its_master_says_so_and_keeps_trying():
    port = free_port()
    with locustfile(USER) as file, target() as server:
        with katydid("-f", file, "--worker", "--master-host", "127.0.0.1", "--master-port", port) as worker:
            worker.wait_line(rf"127\.0\.0\.1:{port}.*(?i:retry|trying)")
            assert worker.popen.poll() is None
            with katydid("-f", file, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--headless",
                         "-u", 1, "-t", 4, "-H", server.url, "--expect-workers-max-wait", 60) as master:
                assert master.wait() == 0, master.describe() + worker.describe()
            assert server.log()["requests"] > 0
            assert worker.wait() == 0, worker.describe()
        assert "Traceback" not in worker.stderr


@pytest.fixture
def strangers_certificate(tmp_path):
    """An HTTPS server with a certificate that nobody signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def test_a_certificate_that_does_not_verify(strangers_certificate):
    with locustfile(USER) as file:
        refused(73, "-f", file, "--headless", "-u", 1, "-t", 10, "-H", strangers_certificate, patterns=["(?i)certificate", "(?i)self.signed|verif", "verify *= *False|REQUESTS_CA_BUNDLE"])


# The machine


def limited(soft, hard):
    """A command prefix that runs the rest under this limit of descriptors."""
    return ["/bin/sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@"', "sh"]


def test_too_few_descriptors_that_cannot_be_raised():
    with locustfile(USER) as file:
        refused(71, "-f", file, "--headless", "-u", 5000, "-r", 5000, "-t", 1, "-H", "http://127.0.0.1:1",
                prefix=limited(256, 256), patterns=["5100", "256", "ulimit|LimitNOFILE|limits.conf"])


@pytest.mark.parametrize("limit", [10, 13, 16, 20, 40])
@pytest.mark.parametrize("role", ["", "--master", "--worker"])
def test_a_limit_of_descriptors_that_nothing_can_run_with(limit, role):
    with locustfile(USER) as file:
        refused(71, "-f", file, *([role] if role == "--worker" else [*QUICK, "-H", "http://127.0.0.1:1", *role.split()]), prefix=limited(limit, limit), patterns=[str(limit), "64", "ulimit"])


def test_too_few_descriptors_are_raised_when_allowed():
    hard = int(subprocess.run(["/bin/sh", "-c", "ulimit -Hn"], capture_output=True, text=True, check=True).stdout)
    assert hard >= 4096
    with locustfile(USER) as file, target() as server:
        run = run_katydid("-f", file, "--headless", "-u", 600, "-r", 600, "-t", 3, "-H", server.url, prefix=limited(256, 4096))
        assert run.code == 0, run.describe()


@pytest.mark.parametrize("option", ["--csv", "--logfile", "--json-file", "--html"])
def test_an_output_that_cannot_be_written(option):
    with locustfile(USER) as file:
        refused(74, "-f", file, *QUICK, "-H", "http://127.0.0.1:1", option, "/dev/null/x", patterns=["/dev/null/x", option])
