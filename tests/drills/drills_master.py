# SPDX-License-Identifier: MIT
"""A master that dies and is started again: here, or at another address under its name."""

import os
import subprocess
import time
from pathlib import Path

from cluster import Cluster
from harness import KATYDID, Process, children, is_alive, signal, wait_for
from hosts import Net
from network import HostsCluster
from rig import drill


def die(c, report):
    """The master, at once; its workers hold their users back before long. The target begins to count anew."""
    host = children(c.boss.pid)[0]
    os.kill(c.boss.pid, signal.SIGKILL)
    c.boss.wait()
    for worker in c.workers:
        worker.wait_line("users wait until the master answers")
    wait_for(lambda: not is_alive(host), "the end of the locustfile's process", 10)
    seen = c.seen()
    time.sleep(1)
    report.expect(c.seen() <= seen + c.users, "load goes on without a master")
    c.server.reset()


@drill("kill -9 of the master, started again on the same port")
def again(report):
    with Cluster(users=30) as c:
        c.wait_for_load()
        die(c, report)
        since = time.monotonic()
        with c.master() as c.boss:
            report.back(since, c.is_right, "users of the next test", within=15)
            before = c.seen()
            wait_for(lambda: c.loads(before), "load of the next test")
            report.end(c)


class MovingCluster(HostsCluster):
    """Workers know their master by a name, which their own /etc/hosts has."""

    def hosts_file(self, address):
        path = self.folder / "hosts"
        path.write_text(f"127.0.0.1 localhost\n{address} boss.test\n")
        return path

    def worker(self, n, port=None):
        path = Path(self.folder, "hosts")
        if not path.exists():
            self.hosts_file(self.bind)
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        command = [KATYDID, "-f", self.file, "--worker", "--master-host", "boss.test", "--master-port", self.port]
        return Process(["unshare", "--mount", "sh", "-c", script, path, *command], env=self.join, prefix=self.on[n + 1])


@drill("kill -9 of the master, started again at another address")
def elsewhere(report):
    with Net() as net, MovingCluster(net, users=30) as c:
        c.wait_for_load()
        c.server.reset = lambda: subprocess.run([*net.on(0), "curl", "-s", c.server.url + "/__reset"], check=True, capture_output=True)
        die(c, report)
        ip = [*net.on(0), "ip", "addr"]
        subprocess.run([*ip, "add", "10.99.0.101/24", "dev", "eth0"], check=True)
        c.bind = "10.99.0.101"
        c.hosts_file(c.bind)
        since = time.monotonic()
        with c.master() as c.boss:
            report.back(since, c.is_right, "users of the next test", within=15)
            before = c.seen()
            wait_for(lambda: c.loads(before), "load of the next test")
            report.end(c)
