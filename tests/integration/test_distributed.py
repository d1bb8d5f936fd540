"""Master and workers as processes of their own: loss, return, late joins, a restarted master, a cut network."""

import os
import re
import subprocess
import textwrap
import time

import msgpack
import zmq
from fake_worker import FakeWorker
from harness import KATYDID, Process, children, csv_row, free_port, get_json, katydid, locustfile, signal, target, wait_for
from hosts import Net

FILE = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.05)

        @task
        def page(self):
            self.client.get("/delay/5")
"""


def cut_off(text):
    found = re.search(r"(\d+) requests? (?:was|were) cut off", text)
    return int(found.group(1)) if found else 0


def master(file, server, port, *more):
    return katydid("-f", file, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, *more)


def worker(file, port):
    return katydid("-f", file, "--worker", "--master-port", port)


def user_counts(web):
    """Users of each worker that is there; nothing while the page does not answer."""
    try:
        workers = get_json(f"http://127.0.0.1:{web}/stats/requests")["workers"]
    except OSError:
        return {}
    return {w["id"]: w["user_count"] for w in workers if w["state"] not in ("missing", "lost")}


def reported_so_far(web):
    rows = get_json(f"http://127.0.0.1:{web}/stats/requests")["stats"]
    return next((row["num_requests"] for row in rows if row["name"] == "Aggregated"), 0)


def test_master_and_two_workers_agree_with_the_target(tmp_path):
    port = free_port()
    with target() as server, locustfile(FILE) as file:
        with master(file, server, port, "--headless", "--expect-workers", 2, "-u", 20, "-r", 20, "-t", 4, "--csv", tmp_path / "out") as boss:
            with worker(file, port) as one, worker(file, port) as two:
                assert boss.wait() == 0, boss.describe()
                assert one.wait(90) == 0 and two.wait(90) == 0, one.describe()
        reported = int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"])
        assert server.log()["requests"] == reported + cut_off(boss.stderr)


def test_a_killed_worker_loses_only_what_it_had_not_delivered(tmp_path):
    port, web = free_port(), free_port()
    with target() as server, locustfile(FILE) as file:
        with master(file, server, port, "--web-port", web, "--autostart", "--expect-workers", 2, "-u", 20, "-r", 10, "--csv", tmp_path / "out") as boss:
            with worker(file, port) as one, worker(file, port) as two:
                wait_for(lambda: sorted(user_counts(web).values()) == [10, 10], "an even split")
                wait_for(lambda: reported_so_far(web) > 200, "reports of the load")
                os.kill(one.pid, signal.SIGKILL)
                wait_for(lambda: list(user_counts(web).values()) == [20], "the users to move")
                boss.signal(signal.SIGINT)
                assert boss.wait() == 0, boss.describe()
                two.wait(90)
        reported = int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"])
        missing = server.log()["requests"] - reported - cut_off(boss.stderr)
        # ten users at some 18 requests a second each, one-second reports, resent until acknowledged
        assert 0 <= missing <= 10 * 20 * 3, (missing, boss.describe())
        assert re.search(r"(?i)worker .* (lost|missing)", boss.stderr)


def test_nothing_is_lost_when_the_master_stands_still_until_the_users_are_ended(tmp_path):
    # workers hold their users back after three seconds, and end them after five; a standstill that
    # the master tells of is one of more than four, however late a busy worker had heard it last
    port, web = free_port(), free_port()
    impatient = "import locust.runners\nlocust.runners.MASTER_HEARTBEAT_TIMEOUT = 5\n" + textwrap.dedent(FILE)
    with target() as server, locustfile(impatient) as file:
        with master(file, server, port, "--web-port", web, "--autostart", "--expect-workers", 2, "-u", 20, "-r", 20, "--csv", tmp_path / "out") as boss:
            with worker(file, port) as one, worker(file, port) as two:
                boss.wait_line("All users spawned")
                boss.signal(signal.SIGSTOP)
                stopped = time.monotonic()
                one.wait_line("users wait until the master answers")
                two.wait_line("users wait until the master answers")
                held = server.log()["requests"]
                one.wait_line("stopping the users")
                two.wait_line("stopping the users")
                assert server.log()["requests"] <= held + 20, "at most what was under way"
                wait_for(lambda: time.monotonic() > stopped + 6, "a standstill that is told of")
                boss.signal(signal.SIGCONT)
                wait_for(lambda: sorted(user_counts(web).values()) == [10, 10], "the users to come back")
                wait_for(lambda: server.log()["requests"] > held + 100, "the load to come back")
                wait_for(lambda: "has arrived" in get_json(f"http://127.0.0.1:{web}/api/v1/state")["notice"], "the page to say so")
                boss.signal(signal.SIGINT)
                assert boss.wait() == 0, boss.describe()
                assert one.wait(90) == 0 and two.wait(90) == 0, one.describe()
        reported = int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"])
        assert server.log()["requests"] == reported + cut_off(boss.stderr), boss.describe()
        assert re.search(r"The master stood still from \d\d:\d\d:\d\d to .*has arrived", boss.stderr)


def test_the_death_of_the_last_worker_is_an_exit_code():
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--headless", "--processes", 2, "-u", 4, "-r", 4) as boss:
            boss.wait_line("All users spawned")
            wait_for(lambda: len(worker_pids(boss)) == 2, "two workers")
            first, second = worker_pids(boss)
            os.kill(first, signal.SIGKILL)
            boss.wait_line(r"The process of worker \S+ .*ended unexpectedly \(signal 9\)")
            boss.wait_line("Its users move to the other workers")
            os.kill(second, signal.SIGKILL)
            assert boss.wait() == 79, boss.describe()
            assert "No worker is left" in boss.stderr and "its last worker was lost" in boss.stderr


def test_the_death_of_the_only_process_is_the_same_exit_code():
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--headless", "-u", 4, "-r", 4) as boss:
            boss.wait_line("All users spawned")
            os.kill(children(boss.pid)[0], signal.SIGKILL)
            assert boss.wait() == 79, boss.describe()


def test_nobody_else_ends_a_worker_in_its_name():
    port, web = free_port(), free_port()
    with target() as server, locustfile(FILE) as file:
        with master(file, server, port, "--web-port", web, "--autostart", "-u", 5, "-r", 5) as boss, worker(file, port) as one:
            wait_for(lambda: list(user_counts(web).values()) == [5], "the users")
            wait_for(lambda: reported_so_far(web) > 0, "a report, before which comes a heartbeat: it has shown who it is")
            name = list(user_counts(web))[0]
            context = zmq.Context()
            stranger = context.socket(zmq.DEALER)
            stranger.setsockopt(zmq.IDENTITY, name.encode())
            stranger.connect(f"tcp://127.0.0.1:{port}")
            for kind, data in (("quit", None), ("client_stopped", None), ("katydid_call", {"method": "quit"}), ("quit", {"token": "0" * 32})):
                stranger.send(msgpack.packb([kind, data, name]))
            wait_for(lambda: server.log()["requests"] > 200, "the load to go on")
            context.destroy(linger=0)
            one.wait_line("The users go on")
            before = server.log()["requests"]
            wait_for(lambda: server.log()["requests"] > before + 100 and list(user_counts(web).values()) == [5], "the users to be there")
            boss.signal(signal.SIGINT)
            assert boss.wait() == 0, boss.describe()
            assert one.wait(90) == 0, one.describe()
            assert boss.stderr.count("quit. ") <= 1, boss.describe()


def test_nobody_else_reports_in_the_name_of_a_worker():
    port, web = free_port(), free_port()
    with target() as server, locustfile(FILE) as file:
        with master(file, server, port, "--web-port", web, "--autostart", "-u", 5, "-r", 5) as boss, worker(file, port) as one:
            wait_for(lambda: list(user_counts(web).values()) == [5], "the users")
            wait_for(lambda: reported_so_far(web) > 0, "a report, with which it has shown who it is")
            with FakeWorker(port, node_id=list(user_counts(web))[0]) as thief:
                run = get_json(f"http://127.0.0.1:{web}/api/v1/state")["run"]
                for _ in range(20):
                    thief.report(1_000_000, run=run)
                one.wait_line("The users go on")
            assert reported_so_far(web) < 1_000_000
            boss.signal(signal.SIGINT)
            assert boss.wait() == 0, boss.describe()
            assert one.wait(90) == 0, one.describe()
            assert sum(int(n) for n in re.findall(r"Aggregated +(\d+)", boss.stdout + boss.stderr)[-1:]) < 1_000_000, boss.describe()


def test_a_worker_whose_master_is_gone_ends_when_it_was_told_to():
    port = free_port()
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "--worker", "--master-port", port, "--master-max-wait", 2) as lonely:
            assert lonely.wait() == 72, lonely.describe()
        with master(file, server, port, "--headless", "-u", 2) as boss:
            with katydid("-f", file, "--worker", "--master-port", port, "--master-max-wait", 4) as one:
                boss.wait_line("All users spawned")
                boss.signal(signal.SIGKILL)
                assert one.wait() == 0, one.describe()
                assert "Didn't get heartbeat from master in over 4s" in one.stderr


def worker_pids(boss):
    """Those of its processes that run users: the script host is the first."""
    return sorted(children(boss.pid))[1:]


def test_figures_of_a_run_survive_a_lost_worker_though_the_ramp_is_forgotten():
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--headless", "--processes", 2, "-u", 4, "-r", 4, "--reset-stats") as boss:
            boss.wait_line("Resetting stats")
            wait_for(lambda: server.log()["requests"] > 100, "some load")
            resets = boss.stderr.count("Resetting stats")  # each process says so
            os.kill(worker_pids(boss)[0], signal.SIGKILL)
            boss.wait_line("Its users move to the other workers")
            wait_for(lambda: boss.stderr.count("All users spawned") == 2, "the users to be dealt again")
            boss.signal(signal.SIGINT)
            assert boss.wait() == 0, boss.describe()
            assert boss.stderr.count("Resetting stats") == resets
            assert int(re.search(r"Aggregated +(\d+) ", boss.stderr[boss.stderr.index("Shutting down"):]).group(1)) > 50


def test_a_late_worker_gets_its_share():
    port, web = free_port(), free_port()
    with target() as server, locustfile(FILE) as file:
        with master(file, server, port, "--web-port", web, "--autostart", "-u", 12, "-r", 12) as boss:
            with worker(file, port):
                wait_for(lambda: list(user_counts(web).values()) == [12], "all on one")
                with worker(file, port):
                    wait_for(lambda: sorted(user_counts(web).values()) == [6, 6], "half each")
                    with worker(file, port):
                        wait_for(lambda: sorted(user_counts(web).values()) == [4, 4, 4], "a third each")
            assert boss.popen.poll() is None


def test_a_restarted_master_finds_its_workers():
    port, web = free_port(), free_port()
    with target() as server, locustfile(FILE) as file, worker(file, port) as one:
        with master(file, server, port, "--web-port", web, "--autostart", "-u", 5, "-r", 5) as boss:
            wait_for(lambda: list(user_counts(web).values()) == [5], "the first run")
            os.kill(boss.pid, signal.SIGKILL)
            boss.popen.wait(90)
        with master(file, server, port, "--web-port", web, "--autostart", "-u", 7, "-r", 7):
            wait_for(lambda: list(user_counts(web).values()) == [7], "the second run")
            assert one.popen.poll() is None


def test_a_worker_says_that_it_cannot_reach_its_master():
    port = free_port()
    with locustfile(FILE) as file, worker(file, port) as one:
        one.wait_line(rf"(?i)cannot reach the master.*{port}")
        assert one.popen.poll() is None
        with target() as server, master(file, server, port, "--headless", "-u", 1, "-t", 2) as boss:
            assert boss.wait(90) == 0, boss.describe()
            assert one.wait(90) == 0, one.describe()


def requests_at(server, net):
    log = subprocess.run([*net.on(0), "curl", "-s", server.url + "/__log"], check=True, capture_output=True, text=True).stdout
    return int(re.search(r'"requests": (\d+)', log).group(1))


def test_three_hosts_one_of_them_cut_off_for_ten_seconds(tmp_path):
    with Net() as net, locustfile(FILE) as on_master, locustfile(FILE) as on_one, locustfile(FILE) as on_two:
        with target(prefix=net.on(0), address="10.99.0.1") as server:
            # each host has the file on its own disk
            command = [KATYDID, "-f", on_master, "-H", server.url, "--master", "--headless", "--expect-workers", 2, "-u", 20, "-r", 20, "--csv",
                       tmp_path / "out"]
            with Process(command, prefix=net.on(0)) as boss:
                with Process([KATYDID, "-f", on_one, "--worker", "--master-host", "10.99.0.1"], prefix=net.on(1)) as one, \
                        Process([KATYDID, "-f", on_two, "--worker", "--master-host", "10.99.0.1"], prefix=net.on(2)) as two:
                    wait_for(lambda: requests_at(server, net) > 100, "load of all")
                    net.cut(2)
                    boss.wait_line(r"(?i)missing|lost")
                    time.sleep(6)  # and it stays away
                    net.mend(2)
                    boss.wait_line(r"(?i)again|healed|return|back")
                    before = requests_at(server, net)
                    wait_for(lambda: requests_at(server, net) > before + 200, "load after that")
                    boss.signal(signal.SIGINT)
                    assert boss.wait() in (0, 1), boss.describe()  # requests of the cut host may have failed
                    assert one.wait(90) == 0 and two.wait(90) == 0, two.describe()
            seen = requests_at(server, net)
        row = csv_row(tmp_path / "out_stats.csv", "Aggregated")
        # requests that died on the cut wire failed without reaching the target
        assert int(row["Request Count"]) - int(row["Failure Count"]) <= seen <= int(row["Request Count"]) + cut_off(boss.stderr) + 20



def test_messages_of_users_may_have_names_that_only_a_master_uses():
    """What a worker's code sends is for the listeners on the master, and no order to its locustfile's process."""
    script = """
from locust import User, constant, events, task
from locust.runners import MasterRunner, WorkerRunner
NAMES = ["ack", "spawn", "stop", "reconnect", "update_user_class", "katydid_event", "katydid_page"]

class One(User):
    wait_time = constant(0.1)
    @task
    def work(self):
        pass

@events.init.add_listener
def _(environment, runner, **_):
    if isinstance(runner, MasterRunner):
        def heard(msg, **_):
            print("HEARD", msg.type, msg.data, flush=True)
            if msg.type == NAMES[-1]:
                runner.quit()

        for name in NAMES:
            runner.register_message(name, heard)

@events.test_start.add_listener
def _(environment, **_):
    if isinstance(environment.runner, WorkerRunner):
        for name in NAMES:
            environment.runner.send_message(name, {"a": 1})
"""
    names = ["ack", "spawn", "stop", "reconnect", "update_user_class", "katydid_event", "katydid_page"]
    with locustfile(script) as path, katydid("-f", path, "--headless", "--processes", "1", "-u", "1", "-t", "60s") as run:
        assert run.wait() == 0, run.describe()
        assert [line for line in run.stdout.splitlines() if line.startswith("HEARD")] == [f"HEARD {name} {{'a': 1}}" for name in names]
        assert "Traceback" not in run.stderr, run.describe()
