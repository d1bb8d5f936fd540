# SPDX-License-Identifier: MIT
"""Receivers that take everything that --out sends, say so, and keep none of it."""

import http.server
import socket
import threading
from contextlib import ExitStack, contextmanager


class Taken:
    """How much came in all."""

    def __init__(self):
        self.bytes, self.times = 0, 0

    def add(self, size):
        self.bytes += size
        self.times += 1


@contextmanager
def http_sinkhole():
    """Its port, and what was taken."""
    taken = Taken()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            taken.add(len(self.rfile.read(int(self.headers.get("Content-Length", 0)))))
            self.send_response(204)
            self.send_header("X-Prometheus-Remote-Write-Samples-Written", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], taken
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def udp_sinkhole():
    taken = Taken()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.5)
        is_over = threading.Event()

        def read():
            while not is_over.is_set():
                try:
                    taken.add(len(s.recv(65536)))
                except TimeoutError:
                    pass

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield s.getsockname()[1], taken
        finally:
            is_over.set()
            thread.join()


@contextmanager
def tcp_sinkhole():
    taken = Taken()
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as open_ones:
        server.settimeout(0.5)
        is_over = threading.Event()

        def serve():
            connections = []
            while not is_over.is_set():
                try:
                    connections.append(open_ones.enter_context(server.accept()[0]))
                    connections[-1].settimeout(0.02)
                except TimeoutError:
                    pass
                for connection in list(connections):
                    try:
                        while piece := connection.recv(65536):
                            taken.add(len(piece))
                        connections.remove(connection)
                        connection.close()
                    except TimeoutError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], taken
        finally:
            is_over.set()
            thread.join()
