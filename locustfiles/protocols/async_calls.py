"""Tasks that are coroutines: requests by Katydid's client, side by side, and rows for what another library does.

    katydid -f locustfiles/protocols/async_calls.py -H http://127.0.0.1:8000
    make run EXAMPLE=protocols/async_calls         # brings a server
"""

import asyncio
from urllib.parse import urlsplit

from katydid.aio import HttpUser, measure
from locust import between, task


class Visitor(HttpUser):
    wait_time = between(0.05, 0.1)

    @task
    async def look_around(self):
        async with self.client.get("/hello", name="hello") as response:
            assert "hello" in await response.text(), "no greeting"
        await asyncio.gather(*[self.client.get("/hello", name="side by side") for _ in range(3)])

    @task
    async def talk_by_hand(self):
        """Any library for asyncio takes the place of these streams: aiohttp, httpx, asyncpg, websockets …"""
        host = urlsplit(self.host)
        async with measure(self, "by hand", "TCP") as row:
            reader, writer = await asyncio.open_connection(host.hostname, host.port)
            writer.write(f"GET /hello HTTP/1.1\r\nHost: {host.netloc}\r\n\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            row["response_length"] = len(answer)
            assert b"200 OK" in answer, answer[:100]
