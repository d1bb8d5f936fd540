# SPDX-License-Identifier: MIT
"""Targets that die, hang, drip, talk nonsense, end their answers at any byte, or move."""

import csv
import json
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import faulty
import named
from cluster import FILE, Account
from harness import KATYDID, Process, locustfile, wait_for
from rig import drill

NONSENSE = (b"\0" * 40, b"HTTP/9.9 hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nHello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"200 OK\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\r\n\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 4 + b"\xff\xfe\r\n\r\n")


@contextmanager
def load(url, kind="HttpUser", seconds=6, users=20, timeout=None):
    """A running test, with what it will have written."""
    more = f", timeout={timeout}" if timeout else ""
    text = FILE.replace("HttpUser", kind).replace('"/delay/5"', f'"/"{more}')
    with locustfile(text) as file, tempfile.TemporaryDirectory(prefix="katydid-drill-") as folder:
        with Process([KATYDID, "-f", file, "-H", url, "--headless", "-u", users, "-r", users, "-t", seconds, "--only-summary", "--summary", f"{folder}/summary.json",
                      "--csv", f"{folder}/out"], env={"KATYDID_HISTORY": "off"}) as run:
            run.total = lambda: json.loads(Path(folder, "summary.json").read_text())["total"]
            run.failures = lambda: list(csv.DictReader(Path(folder, "out_failures.csv").open(newline="")))
            yield run


def faulty_target(report, fault, kind, codes=(0, 1), **more):
    """The target when the test is over, the account, and how many requests failed."""
    with faulty.Faulty(fault) as server, load(server.url, kind, **more) as run:
        run.wait()
        return server, report.take_run(server.seen, run.total(), run, codes), sum(int(row["Occurrences"]) for row in run.failures())


def reached(report, sent, requests, refused, cut, resent, code):
    """Takes the account of a test of which some requests were refused, and so were none of the target's."""
    reported = requests - refused
    report.take(Account(sent, reported, cut, resent, sent - reported - cut - resent, 0, 0, code), (0, 1))


def closes(report, kind):
    server, account, failures = faulty_target(report, faulty.at_each_byte, kind)
    # without any byte of an answer a request on a kept connection is sent again
    torn = sum(0 < n % (len(faulty.ANSWER) + 1) < len(faulty.ANSWER) for n in range(server.faults))
    untouched = sum(n % (len(faulty.ANSWER) + 1) == 0 for n in range(server.faults))
    report.expect(torn - account.cut <= failures <= torn, f"{failures} failed, {torn} answers were torn")
    report.expect(untouched - account.cut <= account.resent <= untouched, f"{account.resent} were sent again, {untouched} had no answer")
    report.expect(server.faults > 2 * len(faulty.ANSWER), "not every byte had its turn")


for one in ("HttpUser", "FastHttpUser"):
    drill(f"{one}: the target closes before each byte of an answer")(lambda report, one=one: closes(report, one))
    drill(f"{one}: the target resets before each byte of an answer")(
        lambda report, one=one: faulty_target(report, lambda n, c: faulty.at_each_byte(n, c, True), one))
    drill(f"{one}: answers come byte by byte")(lambda report, one=one: faulty_target(report, faulty.dripping, one, (0,)))


def nonsense(number, connection):
    connection.sendall(NONSENSE[number % len(NONSENSE)])
    return True


@drill("answers that are none")
def garbage(report):
    _, _, failures = faulty_target(report, nonsense, "HttpUser")
    report.expect(failures > 0, "none of them failed")


@drill("every second answer never comes")
def hanging(report):
    _, _, failures = faulty_target(report, lambda *_: False, "HttpUser", timeout=0.5)
    report.expect(failures > 20, f"{failures} failed for want of an answer")


@drill("the target dies, and is there again after 3 s")
def returns(report):
    with faulty.Faulty() as first, load(first.url, seconds=12) as run:
        wait_for(lambda: first.seen > 300, "load")
        first.close()
        time.sleep(3)
        with faulty.Faulty(port=first.port) as second:
            report.back(time.monotonic(), lambda: second.seen > 100, "load")
            code = run.wait()
            total, refused = run.total(), sum(int(row["Occurrences"]) for row in run.failures() if "refused" in row["Error"])
        reached(report, first.seen + second.seen, total["requests"], refused, total["cut"], total["resent"], code)
        report.expect(code == 1 and refused > 20, f"exit code {code}, {refused} were refused")


@drill("the target's name moves to another address, the old one dies")
def moves(report):
    with tempfile.TemporaryDirectory(prefix="katydid-drill-") as folder:
        (first, second, code), _, total, out = named.run_inside(Path(folder), 20, meanwhile="""
            while seen.get("127.0.0.2", 0) < 300 and run.poll() is None:
                time.sleep(0.05)
            address = "127.0.0.3"
            listeners["127.0.0.2"].shutdown(socket.SHUT_RDWR)
            listeners["127.0.0.2"].close()
        """)
        failed = int(total["Failure Count"])
        reached(report, first + second, int(total["Request Count"]), failed, named.count("cut off", out), named.count("sent again", out), code)
        report.expect(second > 300 and failed < 60, f"{second} at the new address, {failed} failed on the way")
