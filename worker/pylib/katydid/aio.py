# SPDX-License-Identifier: MIT
"""For users whose tasks are `async def` (docs/async.md).

    from katydid.aio import HttpUser
    from locust import task

    class Visitor(HttpUser):
        @task
        async def visit(self):
            async with self.client.get("/") as response:
                assert "welcome" in await response.text()

`client` is called as a session of aiohttp is, and sends by Katydid's C. measure() is for whatever else a coroutine does. Any
other User can have coroutines as well: nothing of this file is needed for that."""

from ._aio_client import ClientConnectorError, ClientError, ClientResponse, ClientResponseError, ClientSession, HttpUser
from ._aio_measure import measure, wait

__all__ = ["ClientConnectorError", "ClientError", "ClientResponse", "ClientResponseError", "ClientSession", "HttpUser", "measure", "wait"]
