"""Streams that are read for good. Of one in a hundred, how far each gap that is told is from that between the sends."""

from itertools import count

from locust import FastHttpUser, task

import katydid  # noqa: F401  gives clients their sse()
from katydid.metrics import Trend

number, off = count(), Trend("gap_off", unit="ms")


class Reader(FastHttpUser):
    network_timeout = connection_timeout = 60

    @task
    def read(self):
        is_looked_at, before = next(number) % 100 == 0, None
        with self.client.sse("/events", name="events") as stream:
            for event in stream:
                if is_looked_at:
                    at, sent = event.time, event.json()["sent"]
                    if before:
                        off.add(abs((at - before[0]) - (sent - before[1])) * 1000)
                    before = at, sent
