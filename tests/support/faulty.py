# SPDX-License-Identifier: MIT
"""A target that ends its answers before their time, and counts."""

import socket
import struct
import threading
import time
from contextlib import suppress

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Shop: odd\r\n\r\nHello world\n"


class Faulty:
    """Whole answers; each second one of a connection's is left to `fault(n, connection)`, n from 0 on, which says whether the connection has ended."""

    def __init__(self, fault=None, port=0):
        self.fault, self.lock = fault, threading.Lock()
        self.seen = self.faults = 0
        self.server = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self.server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.connections = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection = self.server.accept()[0]
                with self.lock:
                    self.connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        asked, turn = b"", 0
        with suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := connection.recv(65536):
                asked += data
                while b"\r\n\r\n" in asked:
                    asked = asked.partition(b"\r\n\r\n")[2]
                    turn += 1
                    is_faulty = self.fault is not None and turn % 2 == 0
                    with self.lock:
                        self.seen += 1
                        number = self.faults
                        self.faults += is_faulty
                    if not is_faulty:
                        connection.sendall(ANSWER)
                    elif self.fault(number, connection):
                        return
        with self.lock:
            self.connections.discard(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Nobody listens any more, and those who were connected are not."""
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        with self.lock:
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def at_each_byte(number, connection, is_reset=False):
    """Closes (or resets) before the byte whose turn it is, of the last answer's too: all of it came then."""
    connection.sendall(ANSWER[:number % (len(ANSWER) + 1)])
    if is_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return True


def dripping(number, connection):
    for n in range(len(ANSWER)):
        connection.sendall(ANSWER[n:n + 1])
        time.sleep(0.001)
    return False
