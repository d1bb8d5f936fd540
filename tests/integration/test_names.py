# SPDX-License-Identifier: MIT
"""Names: a target that moves is followed, a name server that is not there or does not answer is told."""

import csv
import subprocess
import sys
import textwrap

import hosts
from harness import BUILD, PATIENCE

LOCUSTFILE = """
from locust import FastHttpUser, HttpUser, constant, task

class Plain(HttpUser):
    host = "http://shop.test:8080"
    wait_time = constant(0.05)

    @task
    def page(self):
        self.client.get("/")

class Fast(FastHttpUser):
    host = "http://shop.test:8080"
    wait_time = constant(0.05)

    @task
    def page(self):
        self.client.get("/", headers={"Connection": "close"})
"""

# A network and a name server of its own: answers with the address in the file, not at all when it is empty.
INSIDE = """
import socket, struct, subprocess, sys, threading, time
folder, katydid, seconds = sys.argv[1:4]
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
open(folder + "/resolv.conf", "w").write("nameserver {NAMESERVER}\\n")
open(folder + "/nsswitch.conf", "w").write("hosts: files dns\\n")
for name in ("resolv.conf", "nsswitch.conf"):
    subprocess.run(["mount", "--bind", f"{folder}/{name}", f"/etc/{name}"], check=True)
address, seen, listeners = "ADDRESS", {}, {}

def names():
    s = socket.socket(type=socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))
    seen["names"] = 0
    while True:
        q, who = s.recvfrom(512)
        end = q.index(b"\\0", 12) + 5
        is_v4 = struct.unpack(">H", q[end - 4:end - 2])[0] == 1
        answer = b"\\xc0\\x0c\\0\\1\\0\\1" + struct.pack(">IH", 3600, 4) + socket.inet_aton(address) if is_v4 and address else b""
        if address:
            s.sendto(q[:2] + b"\\x81\\x80" + q[4:6] + struct.pack(">H", len(answer) > 0) + b"\\0\\0\\0\\0" + q[12:end] + answer, who)

def target(at):
    listeners[at] = socket.create_server((at, 8080), backlog=64)
    while True:
        try:
            c, _ = listeners[at].accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(at, c), daemon=True).start()

def serve(at, c):
    while data := c.recv(65536):
        seen[at] = seen.get(at, 0) + 1
        c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        if b"close" in data or listeners[at].fileno() < 0:
            break
    c.close()

for what in ((names,), (target, "127.0.0.2"), (target, "127.0.0.3")):
    threading.Thread(target=what[0], args=what[1:], daemon=True).start()
while len(listeners) < 2 or "names" not in seen:
    time.sleep(0.01)
run = subprocess.Popen([katydid, "-f", folder + "/names.py", "--headless", "-u", "4", "-r", "4", "-t", seconds, "--only-summary", "--csv", folder + "/out"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
MEANWHILE
out = run.communicate()[0]
print("SEEN", seen.get("127.0.0.2", 0), seen.get("127.0.0.3", 0), run.returncode)
print(out)
"""


def run_inside(tmp_path, seconds, nameserver="127.0.0.1", address="127.0.0.2", meanwhile=""):
    """(requests at the first address, at the second, exit code), rows of the failures, the Aggregated row, all output"""
    before, _ = hosts.privileges()
    (tmp_path / "names.py").write_text(LOCUSTFILE)
    script = INSIDE.replace("{NAMESERVER}", nameserver).replace("ADDRESS", address).replace("MEANWHILE", textwrap.dedent(meanwhile))
    (tmp_path / "inside.py").write_text(script)
    done = subprocess.run([*before, "unshare", "--net", "--mount", sys.executable, tmp_path / "inside.py", tmp_path, BUILD / "katydid", str(seconds)],
                          capture_output=True, text=True, timeout=seconds + PATIENCE)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    seen = [int(word) for word in done.stdout.splitlines()[0].split()[1:]]
    with open(tmp_path / "out_failures.csv", newline="") as f:
        failures = list(csv.DictReader(f))
    with open(tmp_path / "out_stats.csv", newline="") as f:
        total = list(csv.DictReader(f))[-1]
    return seen, failures, total, done.stdout


def test_a_name_that_moves_is_followed(tmp_path):
    (first, second, code), failures, total, out = run_inside(tmp_path, 6, meanwhile="""
        while seen.get("127.0.0.2", 0) < 30 and run.poll() is None:
            time.sleep(0.05)
        address = "127.0.0.3"
        listeners["127.0.0.2"].shutdown(socket.SHUT_RDWR)
        listeners["127.0.0.2"].close()
    """)
    assert first >= 30 and second > 30, out
    assert int(total["Request Count"]) - int(total["Failure Count"]) <= first + second, out
    # those that were answered with the old address in the second for which an answer is kept
    assert int(total["Failure Count"]) < 60, (failures, out)
    assert code in (0, 1)


def test_a_name_server_that_is_not_there_fails_at_once(tmp_path):
    _, failures, total, out = run_inside(tmp_path, 2, nameserver="10.255.255.1")
    assert int(total["Request Count"]) == int(total["Failure Count"]) > 20, out
    assert all("name resolution" in row["Error"] for row in failures), failures


def test_a_name_server_that_does_not_answer_is_told(tmp_path):
    (_, _, code), failures, total, out = run_inside(tmp_path, 3, address="")
    assert int(total["Request Count"]) == int(total["Failure Count"]) >= 4 and code == 1, out
    assert all("name resolution" in row["Error"] for row in failures), failures
