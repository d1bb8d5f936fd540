# SPDX-License-Identifier: MIT
"""A target whose capacity is known: an M/M/c queue behind HTTP. Requests are taken one after the other by c servers, each of which takes
an exponential time with the given mean. It keeps when each request came, and how long each service took, so that its real capacity
on the machine it runs on, at any time, can be asked for.

    GET /        waits for a server and its time
    GET /truth   {"came": [seconds of CLOCK_MONOTONIC…], "services": [[when it ended, seconds it took]…], "servers": c}

python3 queue_server.py SERVERS MEAN_S [SEED]; prints its port."""

import asyncio
import json
import random
import sys
import time


class Queue:
    def __init__(self, servers, mean_s, seed):
        self.servers, self.mean_s, self.random = servers, mean_s, random.Random(seed)
        self.free = asyncio.Semaphore(servers)
        self.came, self.services = [], []

    async def serve(self):
        self.came.append(time.monotonic())
        async with self.free:
            began = time.monotonic()
            await asyncio.sleep(self.random.expovariate(1 / self.mean_s) if self.mean_s else 0)
            ended = time.monotonic()
            self.services.append((ended, ended - began))

    def truth(self):
        return json.dumps({"came": self.came, "services": self.services, "servers": self.servers}).encode()

    async def answer(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = self.truth() if head.startswith(b"GET /truth") else b"ok"
                if body == b"ok":
                    await self.serve()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def capacity_of(truth, knee):
    """Services a second of all servers while they were saturated: in the last two levels of the staircase that found the knee."""
    first, last = knee["levels"][-2]["from_s"], knee["levels"][-1]["to_s"]
    begun = truth["came"][0]
    took = [s for at, s in truth["services"] if first <= at - begun <= last]
    return truth["servers"] * len(took) / sum(took)


async def main(servers, mean_s, seed=1):
    queue = Queue(int(servers), float(mean_s), int(seed))
    server = await asyncio.start_server(queue.answer, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
