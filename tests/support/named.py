# SPDX-License-Identifier: MIT
"""A test in a network with a name server of its own, whose answer changes, and two targets of one name, which count."""

import csv
import re
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
address, seen, listeners, lock = "ADDRESS", {}, {}, threading.Lock()

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
        with lock:
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


def count(what, out):
    """Of requests that the run's last lines tell of as cut off, or sent again."""
    found = re.search(rf"(\d+) requests? (?:was|were) {what}", out)
    return int(found.group(1)) if found else 0
