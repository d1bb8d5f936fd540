"""The sample shop: what `make run` and the tests put under load.

A JSON-over-HTTP/1.1 server on asyncio, standard library only, with the pages of a small shop:

    POST /api/login                {"username", "password"}   -> {"token"}
    GET  /api/products[?page=N]                                -> list
    GET  /api/products/<id>                                    -> one, 404 when unknown
    POST /api/cart                 {"product_id", "quantity"}  -> the cart; needs the token
    GET  /api/cart                                             -> the cart; needs the token
    POST /api/orders                                           -> 201; needs the token, empties the cart
    GET  /api/count                                            -> requests answered so far, by route

The token travels as `Authorization: Bearer …`. Some answers are slow on purpose, and orders fail now and then (--errors),
so that the dashboard has something to show. The names start with `_` so that `-f locustfiles/` passes it by.
"""

import argparse
import asyncio
import json
import random
import secrets
import signal
import sys
from collections import Counter

PRODUCTS = [
    {"id": n, "name": f"{adjective} {thing}", "price": round(4.5 + n * 1.75, 2), "stock": 1000}
    for n, (adjective, thing) in enumerate(
        ((a, t) for a in ("Green", "Quiet", "Tall", "Folding", "Brass") for t in ("lamp", "chair", "kettle", "desk", "radio", "clock")),
        start=1,
    )
]
REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Shop:
    def __init__(self, error_share, delay_ms, rng, slower=()):
        self.error_share, self.delay_ms, self.rng = error_share, delay_ms, rng
        self.slower = dict(slower)  # route: so many times as long
        self.carts = {}  # token -> {product id: quantity}
        self.count = Counter()
        self.orders = 0

    async def answer(self, method, target, headers, body):
        path, _, query = target.partition("?")
        route = "/api/products/<id>" if path.startswith("/api/products/") else path
        if route != "/api/count":
            self.count[f"{method} {route}"] += 1
        handler = self.ROUTES.get((method, route))
        if handler is None:
            known = any(r == route for _, r in self.ROUTES)
            return (405, {"error": f"{method} is not allowed here"}) if known else (404, {"error": f"no such page: {path}"})
        try:
            data = json.loads(body) if body else {}
        except ValueError:
            return 400, {"error": "the body is not JSON"}
        token = headers.get("authorization", "").removeprefix("Bearer ")
        began = asyncio.get_running_loop().time()
        answered = await handler(self, path, query, data, token)
        if route in self.slower:
            await asyncio.sleep((self.slower[route] - 1) * (asyncio.get_running_loop().time() - began))
        return answered

    async def pause(self, factor=1.0):
        """Service time: log-normal around delay_ms, as real back ends have."""
        if self.delay_ms:
            await asyncio.sleep(self.delay_ms * factor * self.rng.lognormvariate(0, 0.35) / 1000)

    async def login(self, path, query, data, token):
        if not data.get("username") or data.get("password") != "secret":
            return 401, {"error": "wrong user name or password"}
        await self.pause(2)
        token = secrets.token_hex(12)
        self.carts[token] = {}
        return 200, {"token": token, "user": data["username"]}

    async def products(self, path, query, data, token):
        await self.pause()
        return 200, {"products": [{"id": p["id"], "name": p["name"], "price": p["price"]} for p in PRODUCTS], "total": len(PRODUCTS)}

    async def product(self, path, query, data, token):
        number = path.rsplit("/", 1)[1]
        if not number.isdigit() or not 1 <= int(number) <= len(PRODUCTS):
            return 404, {"error": f"no product {number}"}
        await self.pause(0.6)
        return 200, PRODUCTS[int(number) - 1]

    async def cart_show(self, path, query, data, token):
        if token not in self.carts:
            return 401, {"error": "log in first"}
        return 200, self.total(token)

    async def cart_add(self, path, query, data, token):
        if token not in self.carts:
            return 401, {"error": "log in first"}
        product, quantity = data.get("product_id"), data.get("quantity", 1)
        if not isinstance(product, int) or not 1 <= product <= len(PRODUCTS) or not isinstance(quantity, int) or quantity < 1:
            return 400, {"error": "product_id and quantity must be known, positive numbers"}
        await self.pause()
        cart = self.carts[token]
        cart[product] = cart.get(product, 0) + quantity
        return 200, self.total(token)

    async def order(self, path, query, data, token):
        if token not in self.carts:
            return 401, {"error": "log in first"}
        if not self.carts[token]:
            return 400, {"error": "the cart is empty"}
        await self.pause(4)
        if self.rng.random() < self.error_share:
            return 503, {"error": "the payment service did not answer"}
        total = self.total(token)["total"]
        self.carts[token] = {}
        self.orders += 1
        return 201, {"order": self.orders, "total": total}

    async def counts(self, path, query, data, token):
        return 200, dict(self.count)

    def total(self, token):
        items = [{"product_id": p, "quantity": q} for p, q in self.carts[token].items()]
        return {"items": items, "total": round(sum(PRODUCTS[i["product_id"] - 1]["price"] * i["quantity"] for i in items), 2)}

    ROUTES = {
        ("POST", "/api/login"): login,
        ("GET", "/api/products"): products,
        ("GET", "/api/products/<id>"): product,
        ("GET", "/api/cart"): cart_show,
        ("POST", "/api/cart"): cart_add,
        ("POST", "/api/orders"): order,
        ("GET", "/api/count"): counts,
    }


async def serve_connection(shop, reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            request, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = request.split(" ", 2)
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length") or 0))
            status, data = await shop.answer(method, target, headers, body)
            text = json.dumps(data).encode()
            writer.write(
                b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (status, REASONS[status].encode(), len(text), text)
            )
            if headers.get("connection", "").lower() == "close":
                break
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        pass
    finally:
        writer.close()


async def main():
    options = argparse.ArgumentParser(description="Katydid's sample shop")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0, help="0 picks a free one")
    options.add_argument("--errors", type=float, default=0.02, help="share of orders that fail with 503")
    options.add_argument("--delay-ms", type=float, default=8, help="typical service time; 0 answers at once")
    options.add_argument("--slower", action="append", default=[], metavar="ROUTE=FACTOR", help='as "/api/products/<id>=1.08": that takes 8 %% longer')
    options.add_argument("--seed", type=int)
    options = options.parse_args()
    slower = [(route, float(factor)) for route, _, factor in (word.rpartition("=") for word in options.slower)]
    shop = Shop(options.errors, options.delay_ms, random.Random(options.seed), slower)
    server = await asyncio.start_server(lambda r, w: serve_connection(shop, r, w), options.host, options.port, backlog=4096)
    print(f"shop listening on http://{options.host}:{server.sockets[0].getsockname()[1]}", flush=True)
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
