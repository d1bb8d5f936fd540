# SPDX-License-Identifier: MIT
"""What a threshold looks at: requests of one User class, and the times that k6 means."""

import re
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from threading import Thread

import pytest

from harness import locustfile, run_katydid
from slow_shop import a_shop

CLASSES = '''
from locust import HttpUser, constant, task
class Good(HttpUser):
    wait_time = constant(0.05)
    thresholds = {"http_req_failed": ["rate<0.01"], "http_req_failed{name:/cart}": ["rate<0.01"], "http_reqs": ["count>3"]}
    @task
    def t(self):
        self.client.get("/cart")
class Bad(HttpUser):
    wait_time = constant(0.05)
    thresholds = ["fail_ratio of 'GET /cart' > 99%", "fail_ratio of {expected_response:false} > 99%", "mine: fails of '/cart' > 3", "users >= 1"]
    @task
    def t(self):
        with self.client.get("/cart", catch_response=True) as response:
            response.failure("bad")
'''


def told(process):
    return [line for line in process.stderr.splitlines() if line.startswith("THRESHOLD")]


def test_a_class_is_judged_by_its_own_requests():
    """Two classes ask for the same row; all requests of the one fail."""
    with a_shop() as shop, locustfile(CLASSES) as file:
        ended = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 3, "--exit-code-on-error", 0)
    words = [line.split(" ", 3)[1:3] for line in told(ended)]
    assert ended.code == 0, ended.describe()
    assert words == [["pass", "Good:"]] * 3 + [["pass", "Bad:"]] * 2 + [["pass", "mine:"], ["pass", "Bad:"]], ended.describe()


def test_what_is_not_kept_by_class_is_refused_where_there_are_several():
    for text, words in [("apdex(1s) > 0.9", "is not kept by tags, class or group"), ("p95 of '/c*' < 1s", "of a class a row has no *")]:
        with locustfile(CLASSES + f'\nBad.thresholds = ["{text}"]\n') as file:
            ended = run_katydid("-f", file, "--check-thresholds")
            alone = run_katydid("-f", file, "Bad", "--check-thresholds")
        assert ended.code == 2 and "class Bad, locustfile.py: threshold: " in ended.stderr and words in ended.stderr, ended.describe()
        assert alone.code == 0, alone.describe()


HANDSHAKE_S = 1.5


def answer(connection, context):
    try:
        time.sleep(HANDSHAKE_S)  # this is what k6 leaves out
        with context.wrap_socket(connection, server_side=True) as secure:
            while b"\r\n\r\n" not in secure.recv(65536):
                pass
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    except OSError:
        pass  # the end of the test


@contextmanager
def slow_to_greet(folder):
    """An HTTPS server that answers at once, but takes its time for each handshake."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                Thread(target=answer, args=(connection, context), daemon=True).start()

        thread = Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


GREETED = '''
from locust import HttpUser, constant, task
thresholds = {"http_req_duration": ["min<1000"], "http_req_duration{name:/cart}": ["min<1000"], "http_req_duration{expected_response:true}": ["min<1000"],
              "http_req_duration{tier:gold}": ["min<1000"]}
class Shopper(HttpUser):
    wait_time = constant(0)
    @task
    def t(self):
        self.client.get("/cart", verify=False, tags={"tier": "gold"})
'''


def test_with_its_names_times_are_what_k6_means(tmp_path):
    with slow_to_greet(tmp_path) as host, locustfile(GREETED) as file:
        printed = [run_katydid("-f", file, "--check-thresholds", *more).stdout for more in ([], ["--k6-names"])]
        ours, theirs = [run_katydid("-f", file, "-H", host, "--headless", "-u", 2, "-t", 5, "--threshold", "min > 1000", *more) for more in ([], ["--k6-names"])]
    assert [line.split()[1] for line in told(ours)] == ["pass"] + ["fail"] * 4, ours.describe()
    assert [line.split()[1] for line in told(theirs)] == ["pass"] * 5 and theirs.code == 0, theirs.describe()
    assert "with DNS, connecting and TLS, which k6 leaves out" in printed[0], printed
    assert "of requests without DNS, connecting and TLS;" in printed[1] and "which k6 leaves out" not in printed[1], printed


SILENT = '''
from locust import HttpUser, constant, task
from katydid.metrics import Counter, Gauge, Rate
lost, odd, level = Counter("lost", unit="orders"), Rate("odd"), Gauge("level")
class Shopper(HttpUser):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/cart")
        level.add(3), level.add(7)
'''


@pytest.mark.parametrize("more", [[], ["--processes", 1]], ids=["local", "distributed"])
def test_a_counter_that_counted_nothing_is_0(more):
    """A rate of nothing is no data, and says why; a tag is not known."""
    texts = ["count of lost < 1", "rate of lost < 1", "rate of odd < 10%", "count of lost{shop:7} < 1", "avg of level == 5", "min of level >= 3", "max of level <= 7", "value of level == 7"]
    with a_shop() as shop, locustfile(SILENT) as file:
        ended = run_katydid("-f", file, "-H", shop.url, "--headless", "-t", 2, *[word for text in texts for word in ("--threshold", text)], *more)
    states = [re.match("THRESHOLD (pass|fail|no data)", line)[1] for line in told(ended)]
    assert states == ["pass", "pass", "no data", "no data", "pass", "pass", "pass", "pass"], ended.describe()
    assert "count of lost < 1: 0 (n=0)" in ended.stderr and "rate of odd < 10%: nothing was counted in odd" in ended.stderr, ended.describe()


@pytest.mark.parametrize(("text", "words"), [
    ("p95 of odd < 3", "--threshold: 'p95 of odd < 3': odd is a rate, which has rate and count"),
    ("value of lost > 3", "--threshold: 'value of lost > 3': lost is a counter, which has count and rate"),
    ("p95 of level < 3", "level is a gauge, which has value, avg, min and max"),
])
def test_a_stat_that_a_metric_does_not_have_is_refused_at_once(text, words):
    with locustfile(SILENT) as file:
        ended = run_katydid("-f", file, "--check-thresholds", "--threshold", text)
    assert ended.code == 2 and words in ended.stderr, ended.describe()
