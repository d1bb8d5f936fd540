# SPDX-License-Identifier: MIT
"""Three hosts on one bridge, in network namespaces: 10.99.0.1, .2 and .3.

Each namespace lives as long as a process that holds it, so nothing is left behind, whatever fails. The bridge has one of its own:
rules of the machine (a Docker engine's) do not reach it. An ordinary user gets a user namespace around all of it; where the
system refuses those, sudo is asked.
"""

import os
import subprocess

HOLD = ["sh", "-c", "echo $$; exec cat"]  # tells its pid, and stays until its stdin is closed


def _works(*command):
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def privileges():
    """What stands before `unshare --net` and before `nsenter` so that they may be used."""
    if os.getuid() == 0:
        return [], []
    if _works("unshare", "--user", "--map-root-user", "--net", "ip", "link", "set", "lo", "up"):
        return ["unshare", "--user", "--map-root-user"], ["--user", "--preserve-credentials"]
    assert _works("sudo", "-n", "true"), "network namespaces need root, user namespaces, or a sudo that asks for no password"
    return ["sudo", "-n"], None


class Net:
    def __init__(self):
        self.holders = []
        self.before, self.into = privileges()

    def _hold(self, *before):
        holder = subprocess.Popen([*before, "unshare", "--net", *HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.holders.append(holder)
        pid = holder.stdout.readline()
        assert pid, "a network namespace could not be made"
        return int(pid)

    def _in(self, pid):
        enter = ["sudo", "-n", "nsenter"] if self.into is None else ["nsenter", *self.into]
        return [*enter, "--target", str(pid), "--net"]

    def _ip(self, pid, *words):
        subprocess.run([*self._in(pid), "ip", *map(str, words)], check=True, capture_output=True)

    def __enter__(self):
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self):
        self.middle = self._hold(*self.before)
        self.pids = [self._hold(*(self._in(self.middle)[:-1] if self.into else self.before)) for _ in range(3)]
        self._ip(self.middle, "link", "add", "bridge", "type", "bridge")
        self._ip(self.middle, "link", "set", "bridge", "up")
        for n, pid in enumerate(self.pids):
            self._ip(self.middle, "link", "add", f"port{n}", "type", "veth", "peer", "name", "eth0", "netns", pid)
            self._ip(self.middle, "link", "set", f"port{n}", "master", "bridge", "up")
            self._ip(pid, "addr", "add", f"10.99.0.{n + 1}/24", "dev", "eth0")
            self._ip(pid, "link", "set", "eth0", "up")
            self._ip(pid, "link", "set", "lo", "up")

    def __exit__(self, *_):
        for holder in self.holders:
            holder.stdin.close()
            holder.wait(10)
            holder.stdout.close()

    def on(self, n):
        """What stands before a command that runs on that host, as who runs the tests: what it writes is theirs to remove."""
        as_user = ["--setuid", str(os.getuid()), "--setgid", str(os.getgid())] if self.into is None else []
        return [*self._in(self.pids[n]), *as_user]

    def cut(self, n):
        self._ip(self.pids[n], "link", "set", "eth0", "down")

    def mend(self, n):
        self._ip(self.pids[n], "link", "set", "eth0", "up")
