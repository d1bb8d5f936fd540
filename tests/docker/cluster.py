"""make docker-test: the image and the cluster of docker/ on a real Docker engine; the last line is "N passed, N failed".

Brings the cluster up as README.md says, with the sample shop as the target, and compares what is reported with what the shop saw: while
workers are added and removed, when one is killed, when the master is killed or restarted, and when all of it is stopped. Then what people do
with the image alone: packages of their own, reports, the page of one container.

The engine is that of DOCKER_HOST. COMPOSE="docker-compose" takes that spelling where both are there; BASE and SHOP_IMAGE name
other base images. What it makes carries the name of its own project and is removed at the end; layers stay in the builder's cache.
"""

import contextlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = f"katydid-test-{os.getpid()}"
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"
BUILD_S, PATIENCE_S = 3600, 120
IMAGE_MOST = 150_000_000  # bytes beyond its base
TOKEN = "0123456789abcdef0123456789abcdef"
# No failures by design, so that every failure seen is one of ours.
OVERRIDE = "services:\n  shop:\n    command: python /shop.py --host 0.0.0.0 --port 8000 --errors 0\n"


def run(*command, check=True, timeout=PATIENCE_S, text=None, env=None):
    done = subprocess.run(command, input=text, stdin=None if text else subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False, env=env)
    if check and done.returncode:
        raise AssertionError(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done


def docker(*words, **kwargs):
    return run("docker", *words, **kwargs).stdout.strip()


def wait_for(condition, what, timeout=PATIENCE_S):
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError):  # not yet, or away for the moment
            if answer := condition():
                return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.25)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stop_without_engine():
    """Says what is missing, if anything is, and gives the command for Compose."""
    why = None
    if not shutil.which("docker"):
        why = "there is no command docker: install it (on Debian and Ubuntu: docker.io)"
    elif (version := run("docker", "version", "--format", "{{.Server.Version}}", check=False)).returncode:
        why = f"no Docker engine answers; start one, or name it with DOCKER_HOST. docker says:\n    {version.stdout.strip()}"
    wanted = os.environ.get("COMPOSE")
    choices = [shlex.split(wanted)] if wanted else [["docker", "compose"], ["docker-compose"]]
    found = [c for c in choices if shutil.which(c[0]) and run(*c, "version", check=False).returncode == 0]
    if not why and not found:
        why = f"there is no Compose ({' or '.join(map(shlex.join, choices))}): install it (on Debian and Ubuntu: docker-compose)"
    if why:
        print(f"make docker-test: {why}\n0 passed, 1 failed")
        sys.exit(1)
    return found[0]


class Cluster:
    def __init__(self, compose, folder):
        self.folder = folder
        self.port = free_port()
        (folder / "override.yml").write_text(OVERRIDE)
        self.env = {**os.environ, "IMAGE": NAME, "WEB_PORT": str(self.port), "FILES": str(ROOT / "locustfiles"), "FILE": "ecommerce.py"}
        self.command = [*compose, "-p", NAME, "-f", str(ROOT / "docker/compose.yml"), "-f", str(folder / "override.yml")]

    def compose(self, *words, more=None, **kwargs):
        return run(*self.command, *words, env={**self.env, **(more or {})}, **kwargs).stdout

    def scale(self, workers):
        self.compose("up", "-d", "--no-recreate", "--scale", f"worker={workers}")

    def containers(self, service, *more):
        label = f"label=com.docker.compose.service={service}"
        return docker("ps", "-a", "--filter", f"label=com.docker.compose.project={NAME}", "--filter", label, *more, "--format", "{{.ID}}").split()

    def one(self, service):
        return self.containers(service)[0]

    def call(self, path, body=None, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"X-Katydid": "1", "Content-Type": "application/json", **headers},
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stats(self):
        return self.call("/stats/requests")

    def wait_workers(self, number):
        def ready():
            states = [w["state"] for w in self.stats()["workers"]]
            return len([s for s in states if s != "missing"]) == number
        wait_for(ready, f"{number} workers")

    def start(self, users=20):
        self.call("/api/v1/start", {"users": users, "spawn_rate": users})
        wait_for(lambda: self.stats()["user_count"] == users, f"{users} users")

    def stop_load(self):
        self.call("/api/v1/stop", {})
        wait_for(lambda: self.stats()["state"] == "stopped", "the end of the test")

    def reported(self):
        """Requests that reached the shop, as told: those of its own rows only, and the ones that are no requests in them."""
        rows = [r for r in self.stats()["stats"] if r["method"] in ("GET", "POST")]
        return sum(r["num_requests"] + r["cut"] + r["discarded"] + r["resent"] for r in rows), sum(r["num_failures"] for r in rows)

    def more_requests(self, number=150):
        have = self.reported()[0]
        wait_for(lambda: self.reported()[0] >= have + number, f"{number} more requests")

    def seen(self):
        """What the shop has counted, once it stands still."""
        def ask():
            return sum(json.loads(docker("exec", self.one("shop"), "python", "-c", ASK, "http://127.0.0.1:8000/api/count")).values())
        last = [ask()]

        def still():
            time.sleep(1)
            last.append(ask())
            return last[-1] == last[-2]
        wait_for(still, "the shop to stand still")
        return last[-1]

    def state(self, container):
        return json.loads(docker("inspect", container, "--format", "{{json .State}}"))

    def logs(self, service):
        return "".join(docker("logs", c) for c in self.containers(service))

    @contextlib.contextmanager
    def counted(self):
        """A test around the block; afterwards (shop, reported) is in the list that the block gets."""
        before, result = self.seen(), []
        self.start()
        self.more_requests()
        yield result
        self.stop_load()
        reported, failures = self.reported()
        result += [self.seen() - before, reported]
        assert failures == 0, f"{failures} failures: {self.stats()['errors'][:3]}"
        print(f"    shop {result[0]}, reported {result[1]}")

    def down(self):
        self.compose("down", "-v", "--remove-orphans", "-t", "5", check=False)
        docker("rmi", "--no-prune", NAME, f"{NAME}-own", check=False)


def equal(result):
    assert result[0] == result[1], f"the shop saw {result[0]} requests, reported were {result[1]}"


# ---- the cluster, in this order ---------------------------------------------------------------


def the_cluster_comes_up_with_four_workers(c):
    c.compose("up", "-d", "--build", "--scale", "worker=4", timeout=BUILD_S)
    c.wait_workers(4)


def the_master_is_healthy_and_workers_are(c):
    wait_for(lambda: c.state(c.one("master"))["Health"]["Status"] == "healthy", "a healthy master")
    wait_for(lambda: all(c.state(w)["Health"]["Status"] == "healthy" for w in c.containers("worker")), "healthy workers")


def the_image_is_small(c):
    image, base = (json.loads(docker("image", "inspect", name))[0] for name in (NAME, os.environ.get("BASE", "debian:12-slim")))
    layers = base["RootFS"]["Layers"]
    assert image["RootFS"]["Layers"][:len(layers)] == layers, "it was made of another base"
    beyond = image["Size"] - base["Size"]
    print(f"    {image['Size'] / 1e6:.0f} MB, {beyond / 1e6:.0f} MB beyond its base")
    assert beyond <= IMAGE_MOST


def nothing_is_root_or_may_write_to_its_root(c):
    for container in (c.one("master"), *c.containers("worker")):
        status = docker("exec", container, "sh", "-c", "id -u; grep -E '^(CapEff|NoNewPrivs)' /proc/1/status; touch /mine /usr/mine /venv/mine ~/mine 2>&1; touch /tmp/mine && echo fine")
        assert status.split()[0] == "1000" and status.endswith("fine") and status.count("Read-only file system") == 4, status
        assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status, status


def another_container_reaches_the_page_by_the_name_master(c):
    assert "Katydid" in docker("exec", c.one("shop"), "python", "-c", ASK, "http://master:8089/")


def counts_are_exact_while_workers_come_and_go(c):
    with c.counted() as result:
        c.scale(6)
        c.wait_workers(6)
        c.more_requests()
        c.scale(3)
        wait_for(lambda: len(c.containers("worker")) == 3 and c.stats()["user_count"] == 20, "20 users on 3 workers")
        c.more_requests()
    equal(result)
    c.scale(4)
    c.wait_workers(4)


def a_killed_worker_loses_only_what_it_had_not_delivered(c):
    victim = c.containers("worker")[0]
    with c.counted() as result:
        per_worker = c.stats()["total_rps"] / 4
        docker("kill", victim)
        wait_for(lambda: [w["state"] for w in c.stats()["workers"]].count("missing") == 1 and c.stats()["user_count"] == 20, "20 users on 3 workers")
        c.more_requests()
        docker("start", victim)
        c.wait_workers(4)
        c.more_requests()
    lost = result[0] - result[1]
    # What it had counted since its last report, which was on the way: two seconds, and half as much again for uneven seconds.
    assert 0 <= lost <= 3 * per_worker + 3, f"of {result[0]} requests {lost} are missing, at {per_worker:.1f} a second and worker"
    assert "missing" in c.logs("master"), "the log does not say that a worker is missing"


def a_master_that_was_killed_finds_its_workers(c):
    c.start()
    c.more_requests()
    docker("kill", c.one("master"))
    docker("start", c.one("master"))
    c.wait_workers(4)
    with c.counted() as result:
        pass
    equal(result)


def workers_come_back_to_a_master_that_was_restarted(c):
    c.compose("restart", "-t", "20", "master")
    c.wait_workers(4)
    with c.counted() as result:
        pass
    equal(result)


def the_page_asks_for_tokens_and_tells_who_did_what(c):
    more = {"WEB_TOKEN": f"run anna {TOKEN}", "AUDIT_LOG": "/var/lib/katydid/audit"}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    runs = "/api/v1/runs"
    before = c.call(runs)["runs"]
    c.compose("up", "-d", "--no-deps", "--scale", "worker=4", "master", more=more)
    wait_for(lambda: c.state(c.one("master"))["Health"]["Status"] == "healthy", "a healthy master")
    wait_for(lambda: c.call("/worker-count", **bearer)["worker_count"] == 4, "four workers")
    try:
        c.call("/stats/requests")
        raise AssertionError("who has no token got an answer")
    except urllib.error.HTTPError as refused:
        assert refused.code == 401, refused
    c.call("/api/v1/start", {"users": 1, "spawn_rate": 1}, **bearer)
    c.call("/api/v1/stop", {}, **bearer)
    assert {run["id"] for run in before} <= {run["id"] for run in c.call(runs, **bearer)["runs"]} and before, "stored runs do not outlive their container"
    lines = [json.loads(line) for line in docker("exec", c.one("master"), "cat", "/var/lib/katydid/audit").splitlines()]
    assert [(line["name"], line["action"]) for line in lines] == [("anna", "start"), ("anna", "stop")], lines
    c.compose("up", "-d", "--no-deps", "--scale", "worker=4", "master")
    c.wait_workers(4)


def stopping_all_of_it_under_load_makes_no_failures(c):
    c.start()
    c.more_requests()
    c.compose("stop")
    codes = {s: [c.state(x)["ExitCode"] for x in c.containers(s)] for s in ("master", "worker")}
    assert not any(codes["master"] + codes["worker"]), f"exit codes {codes}:\n{c.logs('master')[-3000:]}"
    assert "refused" not in c.logs("master") and "Traceback" not in c.logs("worker"), c.logs("worker")[-3000:]


def a_test_without_the_page_runs_in_the_cluster(c):
    c.compose("up", "-d", "--no-deps", "--scale", "worker=4", "shop", "worker")
    out = c.compose("run", "--rm", "-T", "--use-aliases", "master", "-f", "ecommerce.py", "-H", "http://shop:8000", "--master", "--headless",
                    "--expect-workers", "4", "-u", "8", "-r", "8", "-t", "3s", "--only-summary")
    assert "Aggregated" in out and len(c.containers("master", "--filter", "status=running")) == 0, out[-2000:]


# ---- the image alone --------------------------------------------------------------------------

SHOP = ("-H", "http://shop:8000")
SHORT = ("--headless", "-u", "2", "-r", "2", "-t", "2s", "--only-summary")


def alone(*words, image=NAME, options=()):
    return docker("run", "--rm", "--network", f"{NAME}_default", *options, image, *words)


def reports_are_written_in_the_images_own_folder(c):
    assert "Aggregated" in alone("-f", "ecommerce.py", *SHOP, *SHORT, "--csv", "out", "--html", "report.html")
    alone("-f", "ecommerce.py", *SHOP, *SHORT, "--csv", "out", options=("--user", "4321:4321"))


def own_files_and_reports_in_a_mounted_folder(c):
    mine = c.folder / "mine"
    mine.mkdir()
    (mine / "my.py").write_text("from locust import HttpUser, task\n\n\nclass Mine(HttpUser):\n    @task\n    def look(self):\n"
                                "        self.client.get('/api/products')\n")
    os.chmod(c.folder, 0o755)
    alone("-f", "my.py", *SHOP, *SHORT, "--csv", "out", "--html", "report.html",
          options=("--user", f"{os.getuid()}:{os.getgid()}", "-v", f"{mine}:/mnt/locust"))
    names = {p.name for p in mine.iterdir()}
    assert {"out_stats.csv", "report.html"} <= names, names


def tests_in_the_style_of_pytest_run(c):
    assert "Aggregated" in alone("-f", "test_pytest_style.py", *SHOP, *SHORT)


def packages_of_ones_own_are_added_with_pip(c):
    docker("build", "-q", "-t", f"{NAME}-own", "-", text=f"FROM {NAME}\nRUN pip install faker\n", timeout=BUILD_S)
    assert "Aggregated" in alone("-f", "faker_users.py", *SHOP, *SHORT, image=f"{NAME}-own")
    assert "Locust" in docker("run", "--rm", "--entrypoint", "pip", NAME, "show", "locust"), "pip does not see the library"


def the_page_of_one_container_is_reached_when_it_is_published(c):
    docker("run", "-d", "--name", f"{NAME}-page", "--label", f"com.docker.compose.project={NAME}", "-p", "127.0.0.1:0:8089", NAME, "-f", "ecommerce.py", *SHOP)
    try:
        port = docker("port", f"{NAME}-page", "8089").splitlines()[0].rpartition(":")[2]
        wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status == 200, "the page")
        wait_for(lambda: c.state(f"{NAME}-page")["Health"]["Status"] == "healthy", "health")
    finally:
        docker("rm", "-f", f"{NAME}-page")


TESTS = (
    the_cluster_comes_up_with_four_workers, the_image_is_small, the_master_is_healthy_and_workers_are,
    nothing_is_root_or_may_write_to_its_root, another_container_reaches_the_page_by_the_name_master,
    counts_are_exact_while_workers_come_and_go, a_killed_worker_loses_only_what_it_had_not_delivered, a_master_that_was_killed_finds_its_workers,
    workers_come_back_to_a_master_that_was_restarted, the_page_asks_for_tokens_and_tells_who_did_what, stopping_all_of_it_under_load_makes_no_failures, a_test_without_the_page_runs_in_the_cluster,
    reports_are_written_in_the_images_own_folder, own_files_and_reports_in_a_mounted_folder, tests_in_the_style_of_pytest_run,
    packages_of_ones_own_are_added_with_pip, the_page_of_one_container_is_reached_when_it_is_published,
)


def run_tests(cluster):
    good = bad = 0
    for test in TESTS:
        started = time.monotonic()
        try:
            test(cluster)
            good += 1
            word = "ok"
        except (AssertionError, OSError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired):
            traceback.print_exc(file=sys.stdout)
            bad += 1
            word = "FAILED"
        print(f"  {word:6} {test.__name__.replace('_', ' ')} ({time.monotonic() - started:.0f} s)", flush=True)
        if bad and test is TESTS[0]:
            break  # without a cluster the others only repeat that
    return good, bad


def main():
    compose = stop_without_engine()
    with tempfile.TemporaryDirectory(prefix="katydid-docker-") as folder:
        cluster = Cluster(compose, Path(folder))
        print(f"  {shlex.join(compose)}, project {NAME}; building the image takes minutes the first time", flush=True)
        try:
            good, bad = run_tests(cluster)
        finally:
            cluster.down()
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
