"""The bench's laboratory: nginx pinned to one core, generators pinned to another, and honest accounts.

Processor time is read from /proc for a generator's whole process tree; requests are counted by nginx itself
(stub_status), so that no generator is believed about its own work. K6=path in the environment puts k6 beside ours.
"""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from harness import CLIENTS, KATYDID, VENV, Process, children, csv_row, free_port, get, get_json, shop, target, wait_for  # noqa: E402,F401

HISTORY = tempfile.TemporaryDirectory(prefix="katydid-history-")
os.environ.setdefault("KATYDID_HISTORY", HISTORY.name)  # nobody's own

K6 = os.environ.get("K6")
TICK = os.sysconf("SC_CLK_TCK")
GENERATOR_CORE, TARGET_CORE = 0, 1
FILES = ROOT / "tests" / "bench" / "locustfiles"
JSON_200 = (
    '{"id": 4711, "name": "Folding chair", "price": 12.5, "tags": ["garden", "wood", "sale"], "stock": '
    '{"berlin": 12, "lyon": 0, "porto": 7}, "description": "Light, strong, stowed away in no time at all."}'
)


def tree(pid):
    pids = [pid]
    for child in children(pid):
        pids += tree(child)
    return pids


def cpu_seconds(pid):
    """User + system time of a process and everything below it."""
    total = 0.0
    for p in tree(pid):
        try:
            fields = Path(f"/proc/{p}/stat").read_text().rsplit(") ", 1)[1].split()
        except FileNotFoundError:
            continue
        total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def own_cpu_seconds(pid):
    """Of one process, to the nanosecond, threads that have ended left out."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def tick_of(frame):
    """The number of a tick on the live socket; None of another message."""
    text = zlib.decompress(frame[1]) if frame[0] == 2 else frame[1]
    said = json.loads(text) if frame[0] in (1, 2) else {}
    return said["tick"] if said.get("type") == "tick" else None


def is_up(url):
    try:
        return bool(get(url))
    except OSError:
        return False


def rss_bytes(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024


def worker_pid(pid):
    """The load-generating process below a katydid: of its katydid-workers the busiest, which is no script host."""
    return max((p for p in tree(pid) if "katydid-worker" in Path(f"/proc/{p}/cmdline").read_text()), key=cpu_seconds)


@contextmanager
def nginx(workers=1, core=TARGET_CORE):
    """A 12-byte page, a 200-byte JSON document, the same over TLS, and nginx's own count of requests."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        plain, tls, h2, h2_tls, status = (free_port() for _ in range(5))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
        pages = (
            "location = / { default_type text/plain; return 200 'Hello there\\n'; }"
            f"location = /json {{ default_type application/json; return 200 '{JSON_200}'; }}"
        )
        Path(folder, "nginx.conf").write_text(f"""
            daemon off; worker_processes {workers}; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections {min(131072, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100)}; multi_accept on; }}
            http {{
              access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
              client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
              uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
              ssl_session_cache shared:s:10m; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
              server {{ listen 0.0.0.0:{plain} backlog=65535; {pages} location /body- {{ root {folder}; }} }}
              server {{ listen 127.0.0.1:{tls} ssl; {pages} }}
              server {{ listen 127.0.0.1:{h2_tls} ssl http2; {pages} }}
              server {{ listen 127.0.0.1:{h2} http2; {pages} }}
              server {{ listen 127.0.0.1:{status}; location = / {{ stub_status; }} }}
            }}""")
        prefix = ["taskset", "-c", str(core)] if core is not None else []
        with Process(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder, "-e", f"{folder}/error.log"], prefix=prefix) as server:
            server.url, server.tls_url, server.port = f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}", plain
            server.h2_url, server.h2_tls_url = f"http://127.0.0.1:{h2}", f"https://127.0.0.1:{h2_tls}"

            def put(name, size):
                """The address of a page of so many bytes."""
                Path(folder, name).write_bytes(b"x" * size)
                return f"{server.url}/{name}"

            def count():
                text = urllib.request.urlopen(f"http://127.0.0.1:{status}/", timeout=10).read().decode()
                return int(text.split("requests\n")[1].split()[2])

            def is_up():
                try:
                    return count() >= 0
                except OSError:
                    return False

            server.put, server.count = put, count
            wait_for(is_up, "nginx to listen")
            yield server


@contextmanager
def generated_code():
    """The environment in which the code of tests/support/protos can be imported, and grpcio."""
    protos = ROOT / "tests" / "support" / "protos"
    (packages,) = (CLIENTS / "lib").glob("python3*/site-packages")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([CLIENTS / "bin" / "python", "-m", "grpc_tools.protoc", f"-I{protos}", f"--python_out={folder}", f"--grpc_python_out={folder}",
                        protos / "shop.proto", protos / "parts.proto"], check=True)
        yield {"VIRTUAL_ENV": str(CLIENTS), "PYTHONPATH": os.pathsep.join((folder, str(packages)))}


def measure(command, server, warm=2.0, window=4.0, env=None):
    """(µs of processor time per request, requests/s) of a generator between warm-up and its end."""
    before = server.count()
    with Process(command, env=env, prefix=["taskset", "-c", str(GENERATOR_CORE)]) as process:
        wait_for(lambda: server.count() - before > 50 or process.popen.poll() is not None, "the first requests", 60)
        assert process.popen.poll() is None, process.describe()
        time.sleep(warm)
        cpu0, n0, t0 = cpu_seconds(process.pid), server.count(), time.monotonic()
        time.sleep(window)
        cpu1, n1, t1 = cpu_seconds(process.pid), server.count(), time.monotonic()
        assert process.popen.poll() is None, process.describe()
    return (cpu1 - cpu0) / (n1 - n0) * 1e6, (n1 - n0) / (t1 - t0)


def rounds(commands, server, count=5, **kwargs):
    """Medians over alternating rounds: {name: (µs per request, requests/s, lowest µs, highest µs)}."""
    seen = {name: [] for name in commands}
    for _ in range(count):
        for name, command in commands.items():
            seen[name].append(measure(command, server, **kwargs))
    return {
        name: (statistics.median(c for c, _ in runs), statistics.median(r for _, r in runs), min(c for c, _ in runs), max(c for c, _ in runs))
        for name, runs in seen.items()
    }


def wrk(url, connections=100, script=None):
    return ["wrk", "-t1", f"-c{connections}", "-d60", *(["-s", script] if script else []), url]


def headless(program, file, url, users=100, *more):
    return [program, "-f", file, "-H", url, "--headless", "-u", users, "-r", users, "-t", "60", "--only-summary", *more]


def k6(name, script, url, *more, users=100):
    """{name: command} of k6 with that script, whose __ENV.TARGET is the URL; nothing where there is no k6. Without users the script says how many."""
    if not K6:
        return {}
    load = ["--vus", users, "--duration", "60s"] if users else []
    return {name: [K6, "run", "--quiet", "--no-usage-report", "--insecure-skip-tls-verify", *load, "-e", f"TARGET={url}", *more, FILES / script]}


class Table:
    """Rows printed as they come, and kept as Markdown."""

    def __init__(self, title, *columns):
        self.lines = [f"### {title}", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        print("\n" + "\n".join(self.lines), flush=True)

    def row(self, *cells):
        line = "| " + " | ".join(str(c) for c in cells) + " |"
        self.lines.append(line)
        print(line, flush=True)


def verdict(value, limit, at_most=True):
    return "met" if (value <= limit if at_most else value >= limit) else "**missed**"
