# SPDX-License-Identifier: MIT
"""A link between workers and their master that knows messages, not bytes."""

import threading
import time

import zmq

HELD_S = 2  # a report for the next one: two seconds' worth of them


class Courier:
    """Reports (the type `stats`) come twice, and in another order, as told; all other messages as they are. While `is_deaf`
    nothing comes to the worker that joined first, while `is_mute` nothing comes from it. `loses`: so many of the messages of the
    type `what` do not come to it."""

    reads = True  # so there are no keys

    def __init__(self, repeats=False, reorders=False, what="", loses=0):
        self.what, self.loses = what.encode(), loses
        self.repeats, self.reorders, self.is_over = repeats, reorders, threading.Event()
        self.is_deaf = self.is_mute = False
        self.repeated = self.reordered = 0

    def open(self, stack, port):
        context = zmq.Context()
        front = context.socket(zmq.ROUTER)
        front.setsockopt(zmq.ROUTER_HANDOVER, 1)
        near = front.bind_to_random_port("tcp://127.0.0.1", 20_000, 32_000)
        thread = threading.Thread(target=self._carry, args=(context, front, f"tcp://127.0.0.1:{port}"))
        thread.start()

        def close():
            self.is_over.set()
            thread.join()
            context.term()

        stack.callback(close)
        return near

    def _carry(self, context, front, master):
        backs = {}
        try:
            self._carry_on(context, front, master, backs)
        finally:
            for one in (front, *backs):
                one.close(linger=0)

    def _carry_on(self, context, front, master, backs):
        held, poller = {}, zmq.Poller()
        poller.register(front, zmq.POLLIN)
        while not self.is_over.is_set():
            for who in [who for who, (due, _, _) in held.items() if due < time.monotonic()]:
                _, back, parts = held.pop(who)
                back.send_multipart(parts)
            for source, _ in poller.poll(50):
                message = source.recv_multipart()
                first = next(iter(backs.values()), None)
                if source is not front:
                    if not (backs[source] == first and (self.is_deaf or self._loses(message[-1]))):
                        front.send_multipart([backs[source], *message])
                    continue
                who, *parts = message
                if self.is_mute and who == first:
                    continue
                if who not in backs.values():
                    back = context.socket(zmq.DEALER)
                    back.identity = who
                    back.connect(master)
                    backs[back] = who
                    poller.register(back, zmq.POLLIN)
                self._forward(next(s for s, name in backs.items() if name == who), who, parts, held)

    def _loses(self, message):
        is_lost = self.loses > 0 and self.what in message[:2 + len(self.what)]
        self.loses -= is_lost
        return is_lost

    def _forward(self, back, who, parts, held):
        is_report = b"\xa5stats" in parts[-1][:8]
        if is_report and self.reorders and who not in held:
            held[who] = time.monotonic() + HELD_S, back, parts  # the next one overtakes it
            return
        for _ in range(1 + (is_report and self.repeats)):
            back.send_multipart(parts)
        self.repeated += is_report and self.repeats
        if is_report and who in held:
            back.send_multipart(held.pop(who)[2])
            self.reordered += 1
