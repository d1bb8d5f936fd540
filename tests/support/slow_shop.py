# SPDX-License-Identifier: MIT
"""A target in the test's own process."""

import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Shop:
    """Its answers may turn slow or wrong in the middle of a test."""

    def __init__(self):
        self.delay = self.asked = 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                shop.asked += 1
                time.sleep(shop.delay)
                self.send_response(404 if "missing" in self.path else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def a_shop():
    shop = Shop()
    thread = Thread(target=shop.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield shop
    finally:
        shop.server.shutdown()
        thread.join()
        shop.server.server_close()
