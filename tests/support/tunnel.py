# SPDX-License-Identifier: MIT
"""A proxy that makes tunnels (CONNECT), and keeps what it was asked for."""

import contextlib
import socket
import threading


def _copy(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _serve(client, asked):
    with client, contextlib.suppress(OSError), client.makefile("rb", 0) as lines:  # unbuffered: what follows is the tunnel's
        first = lines.readline().decode().split()
        while lines.readline() not in (b"\r\n", b""):
            pass
        asked.append(" ".join(first[:2]))
        if first[:1] != ["CONNECT"]:
            client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = first[1].rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


@contextlib.contextmanager
def tunnel():
    """(port, what was asked so far: ["CONNECT host:port", …])"""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):  # it is closed
                while True:
                    threading.Thread(target=_serve, args=(listener.accept()[0], asked), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)
