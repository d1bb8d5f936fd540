# SPDX-License-Identifier: MIT
"""Links with trouble: rules between hosts of our own, and a relay that delays."""

import json
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

from cluster import Cluster
from hosts import Net

MASTER = "10.99.0.1"


class HostsCluster(Cluster):
    """The master and the target on one host, a worker on each of two others."""

    def __init__(self, net, **more):
        super().__init__(workers=2, on=[net.on(n) for n in range(3)], bind=MASTER, **more)
        self.net = net

    def ask(self, url):
        """From the master's host."""
        done = subprocess.run([*self.net.on(0), "curl", "-s", "-f", "--max-time", "10", url], capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"{url}: curl ended with {done.returncode}")
        return json.loads(done.stdout)

    def _rule(self, host, *words):
        subprocess.run([*self.net.on(host), "iptables", *map(str, words), "-j", "DROP"], check=True, capture_output=True)

    @contextmanager
    def dropping(self, host, hears=True, says=True, share=None):
        """What comes to a worker of its master, what it says, or both, vanishes, or that share of it; the target is reached as before."""
        some = () if share is None else ("-m", "statistic", "--mode", "random", "--probability", share)
        rules = [("INPUT", "--sport")] * hears + [("OUTPUT", "--dport")] * says
        for chain, end in rules:
            self._rule(host, "-A", chain, "-p", "tcp", end, self.port, *some)
        try:
            yield
        finally:
            for chain, end in rules:
                self._rule(host, "-D", chain, "-p", "tcp", end, self.port, *some)


@contextmanager
def cluster_of_hosts(**more):
    with Net() as net, HostsCluster(net, **more) as cluster:
        yield cluster


class Relay:
    """A TCP connection between, both ways later by delay_s."""

    def __init__(self, delay_s):
        self.delay_s, self.is_over = delay_s, threading.Event()

    def open(self, stack, port):
        self.to = port
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        threads = [threading.Thread(target=self._accept, args=(server,))]
        threads[0].start()

        def close():
            self.is_over.set()
            server.shutdown(socket.SHUT_RDWR)
            threads[0].join()

        stack.callback(close)
        return server.getsockname()[1]

    def _accept(self, server):
        while not self.is_over.is_set():
            try:
                near = server.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:  # the master is not there yet: the worker comes again
                near.close()
                continue
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, to):
        """Reads at once, and writes what is due."""
        waiting, source_ended = [], False
        source.settimeout(0.005)
        with suppress(OSError):
            while not self.is_over.is_set() and (waiting or not source_ended):
                try:
                    if not source_ended:
                        data = source.recv(65536)
                        source_ended = not data
                        waiting.append((time.monotonic() + self.delay_s, data))
                except TimeoutError:
                    pass
                while waiting and (waiting[0][0] <= time.monotonic()):
                    to.sendall(waiting.pop(0)[1])
        for end in (source, to):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
