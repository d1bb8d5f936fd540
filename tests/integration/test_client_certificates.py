# SPDX-License-Identifier: MIT
"""Connections belong to a client certificate: none is used for another one, nor without one, within a user and between users that
share connections."""

import socketserver
import ssl
import subprocess
import textwrap
import threading

import pytest
from harness import run_script

CODE = """
import sys
import locust
from locust import events
from locust.clients import HttpSession

URL, A, B = sys.argv[1:]

class User:
    def __init__(self, connections):
        self.connections = connections

    def context(self):
        return {}

def session(connections, cert=None):
    s = HttpSession(URL, events.request, User(connections))
    s.trust_env = s.verify = False
    s.cert = cert
    return s

def ask(s, **kwargs):
    name, number = s.get("/", **kwargs).text.split()
    return name, int(number)
"""


@pytest.fixture
def run(tmp_path, certificate):
    for name in "a", "b":
        pem = tmp_path / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", tmp_path / f"{name}.key",
                        "-out", pem], check=True, capture_output=True)
        pem.write_bytes(pem.read_bytes() + (tmp_path / f"{name}.key").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    for name in "a", "b":
        context.load_verify_locations(tmp_path / f"{name}.pem")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with self.server.lock:
                self.server.count += 1
                number = self.server.count
            sock = context.wrap_socket(self.request, server_side=True)
            subject = dict(part[0] for part in (sock.getpeercert() or {}).get("subject", ()))
            stream = sock.makefile("rb")
            while stream.readline():
                while stream.readline().strip():
                    pass
                body = f"{subject.get('commonName', 'nobody')} {number}".encode()
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True
        lock, count = threading.Lock(), 0

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda code: run_script(tmp_path, CODE + textwrap.dedent(code), f"https://127.0.0.1:{server.server_address[1]}", tmp_path / "a.pem",
                                      tmp_path / "b.pem")
        server.shutdown()


def test_of_one_user(run):
    run("""
        s = session("per-user")
        first = [ask(s, cert=A), ask(s, cert=B), ask(s)]
        assert [name for name, _ in first] == ["a", "b", "nobody"] and len({number for _, number in first}) == 3, first
        assert [ask(s, cert=A), ask(s, cert=B), ask(s)] == first, "each goes on with its own"
    """)


def test_of_users_that_share_connections(run):
    run("""
        users = [session("shared:4", cert) for cert in (A, B, None, A, B, None)]
        said = [ask(s) for s in users]
        assert [name for name, _ in said] == ["a", "b", "nobody"] * 2 and said[:3] == said[3:], said
        assert len({number for _, number in said}) == 3, said
    """)
