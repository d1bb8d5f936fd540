# SPDX-License-Identifier: MIT
"""A few pages for browsers; prints its port.

    /          sets a cookie, has a button that asks /api/buy and moves the page, and a link
    /basket    a page
    /cookie    says which cookie it was sent
    /broken    a page whose script raises
    /noisy     a page that writes to its console
    /hang      never answers
"""

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

START = """<!doctype html><title>shop</title><style>body { font: 20px sans-serif }</style>
<h1>Shop</h1><button id=buy onclick="buy()">Buy</button> <a href="/basket">Basket</a><p id=said></p>
<script>
async function buy() {
  const end = performance.now() + 30;
  while (performance.now() < end);
  document.getElementById("said").textContent = await (await fetch("/api/buy?n=1")).text();
  document.body.insertBefore(Object.assign(document.createElement("div"), { style: "height: 300px" }), document.body.firstChild);
}
</script>"""
PAGES = {
    "/": START,
    "/basket": "<!doctype html><h1>Basket</h1>",
    "/broken": "<!doctype html><h1>Broken</h1><script>noSuchThing()</script>",
    "/noisy": "<!doctype html><link rel=icon href=data:,><h1>Noisy</h1><script>console.log('all is well'); console.error('no', 'stock'); console.warn('old')</script>",
    "/api/buy": "bought",
}
visits = itertools.count(1)


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/hang":
            threading.Event().wait()
        text = self.headers.get("Cookie", "no cookie") if path == "/cookie" else PAGES.get(path)
        body = (text or "<!doctype html>nothing").encode()
        self.send_response(200 if text else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        if path == "/":
            self.send_header("Set-Cookie", f"visit={next(visits)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
