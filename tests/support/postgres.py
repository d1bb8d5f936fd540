# SPDX-License-Identifier: MIT
"""A PostgreSQL of Debian's, for one test: in a folder of its own, by a user who is not root, on a port of loopback."""

import contextlib
import csv
import io
import os
import pwd
import signal
import subprocess
import tempfile
from pathlib import Path

from harness import Process, free_port


@contextlib.contextmanager
def owned_folder(user):
    with tempfile.TemporaryDirectory() as folder:
        if os.getuid() == 0:
            os.chmod(folder, 0o755)
            folder = os.path.join(folder, "own")
            os.mkdir(folder, 0o700)
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        yield folder


def as_user(user):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if os.getuid() == 0 else []


class Server:
    """password: that the user katydid must give; None: whoever comes is let in."""

    def __init__(self, folder, password=None):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert found, "PostgreSQL is not installed: make test installs it"
        self.programs, self.folder, self.port, self.password = found[-1], folder, free_port(), password
        self.address = f"postgresql://katydid@127.0.0.1:{self.port}/postgres"
        more = []
        if password:
            Path(folder, "password").write_text(password)
            os.chmod(f"{folder}/password", 0o644)
            more = [f"--pwfile={folder}/password"]
        subprocess.run([*as_user("postgres"), self.programs / "initdb", "-D", f"{folder}/data", "-A", "scram-sha-256" if password else "trust", "-U", "katydid", "--no-sync", *more],
                       check=True, capture_output=True, timeout=120)
        self.process = None

    def start(self):
        command = [self.programs / "postgres", "-D", f"{self.folder}/data", "-p", self.port, "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]
        self.process = Process(command, prefix=as_user("postgres"))
        self.process.wait_line("ready to accept connections")

    def vanish(self):
        """At once: who is connected is cut off."""
        self.process.signal(3)
        self.process.wait()

    def stand_still(self):
        """Nobody answers: who is connected, too; until go_on()."""
        self.still = [self.process.pid, *map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())]
        for pid in self.still:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in reversed(self.still):
            os.kill(pid, signal.SIGCONT)

    def rows(self, sql):
        """[{column: text}]"""
        done = subprocess.run([self.programs / "psql", "-X", "--csv", "-v", "ON_ERROR_STOP=1", "-d", self.address, "-c", sql], capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "PGPASSWORD": self.password or ""})
        assert done.returncode == 0, f"{done.stderr}\n{sql}"
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def one(self, sql):
        """The only value."""
        (row,) = self.rows(sql)
        (value,) = row.values()
        return value

    def stop(self):
        if self.process:
            self.process.stop()


@contextlib.contextmanager
def postgres(password=None):
    with owned_folder("postgres") as folder:
        server = Server(folder, password)
        try:
            server.start()
            yield server
        finally:
            server.stop()
