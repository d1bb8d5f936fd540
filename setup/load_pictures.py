#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the pictures of docs/load-models.md: docs/images/load-*.svg. They are computed, not drawn: a target that stands still for two
seconds under a closed and under an open load, the steps that have names, and a queue with four servers on a staircase.

    python3 setup/load_pictures.py [--check]      --check: whether the files are as this would make them"""

import heapq
import math
import sys
from pathlib import Path

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
INK, GREY, CLOSED, OPEN, MARK = "#333", "#bbb", "#c2410c", "#1d4ed8", "#15803d"
STALL, USERS, SERVICE, WAIT, END = (4.0, 6.0), 10, 0.1, 0.1, 10.0


class Panel:
    """Axes at a place of the picture; x and y in its own units."""

    def __init__(self, left, top, width, height, x_max, y_max):
        self.box, self.x_max, self.y_max, self.parts = (left, top, width, height), x_max, y_max, []

    def at(self, x, y):
        left, top, width, height = self.box
        return f"{left + width * x / self.x_max:.1f}", f"{top + height - height * min(y, self.y_max) / self.y_max:.1f}"

    def words(self, x, y, text, color=INK, anchor="start"):
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}" fill="{color}" text-anchor="{anchor}">{text}</text>')

    def title(self, text, x_label="", y_label=""):
        left, top, width, height = self.box
        self.words(left, top - 8, text)
        self.words(left + width, top + height + 15, x_label, "#666", "end")
        self.words(left + width, top - 8, y_label, "#666", "end")
        self.parts.append(f'<path d="M{left} {top}V{top + height}H{left + width}" fill="none" stroke="{GREY}"/>')

    def line(self, points, color, fill="none"):
        path = "L".join(" ".join(self.at(x, y)) for x, y in points)
        self.parts.append(f'<path d="M{path}" fill="{fill}" stroke="{color}" stroke-width="1.6"/>')

    def dots(self, points, color):
        for point in points:
            x, y = self.at(*point)
            self.parts.append(f'<circle cx="{x}" cy="{y}" r="1.8" fill="{color}"/>')

    def shade(self, start, end):
        left, top, width, height = self.box
        self.parts.append(f'<rect x="{left + width * start / self.x_max:.1f}" y="{top}" width="{width * (end - start) / self.x_max:.1f}" '
                          f'height="{height}" fill="#eee"/>')


def svg(width, height, panels):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(part for panel in panels for part in panel.parts) + "\n</svg>\n")


def answered(start):
    """When a request of that start has its answer: nothing is served while the target stands still."""
    begin = STALL[1] if STALL[0] <= start < STALL[1] else start
    end = begin + SERVICE
    return end + STALL[1] - STALL[0] if begin < STALL[0] < end else end


def closed_load():
    ready = [(SERVICE + WAIT) * user / USERS for user in range(USERS)]
    heapq.heapify(ready)
    requests = []
    while ready[0] < END:
        start = heapq.heappop(ready)
        requests.append((start, answered(start) - start))
        heapq.heappush(ready, answered(start) + WAIT)
    return requests


def open_load():
    rate = USERS / (SERVICE + WAIT)
    return [((k + 0.5) / rate, answered((k + 0.5) / rate) - (k + 0.5) / rate) for k in range(int(END * rate))]


def starts(requests, width=0.25):
    counts = [sum(1 for start, _ in requests if k * width <= start < (k + 1) * width) / width for k in range(int(END / width))]
    return [(x, y) for k, y in enumerate(counts) for x, y in ((k * width, y), ((k + 1) * width, y))]


def open_and_closed():
    panels = []
    for row, (name, requests, color) in enumerate((("closed: 10 users, who wait", closed_load(), CLOSED),
                                                   ("open: 50 arrivals a second", open_load(), OPEN))):
        left, right = (Panel(40 + 380 * side, 40 + 180 * row, 320, 110, END, y_max) for side, y_max in ((0, 100), (1, 2.2)))
        for panel in (left, right):
            panel.shade(*STALL)
        left.title(name, "seconds", "starts a second")
        left.line(starts(requests), color)
        slow = sum(took > 0.5 for _, took in requests)
        right.title(f"{slow} of {len(requests)} took over 0.5 s", "seconds", "response time")
        right.dots(requests, color)
        panels += [left, right]
    return svg(780, 370, panels)


def peak_rate(t, count=100, length=60):
    low, high = 0.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(middle) > 2 / (count + 2) else (low, middle)
    unit = length / (2 * low)
    return (count + 2) / (math.sqrt(math.pi) * unit) * math.exp(-((t / unit - low) ** 2))


PROFILES = (
    ("rampUsersPerSec(1).to(4).during(60)", lambda t: 1 + 3 * t / 60),
    ("stressPeakUsers(100).during(60)", peak_rate),
    ("sine(2).amplitude(1.5).period(20).during(60)", lambda t: 2 + 1.5 * math.sin(2 * math.pi * t / 20)),
    ("spike(1).to(4).after(20).lasting(10).during(60)", lambda t: 4 if 20 <= t < 30 else 1),
    ("step(1).times(4).lasting(15)", lambda t: min(4, 1 + int(t / 15))),
    ("rampUsers(30).during(30),nothingFor(30)", lambda t: 1 if t < 30 else 0),
)


def profiles():
    panels = []
    for k, (name, rate) in enumerate(PROFILES):
        panel = Panel(20 + 260 * (k % 2) * 1.5, 40 + 110 * (k // 2), 340, 60, 60, 5)
        panel.title(name)
        panel.line([(0, 0), *((t / 10, rate(t / 10)) for t in range(600)), (60, 0)], OPEN, "#dbeafe")
        panels.append(panel)
    return svg(780, 340, panels)


def queue_time(rate, servers=4, per_s=100):
    load, term, total = rate / per_s, 1.0, 0.0
    for k in range(servers):
        total += term
        term *= load / (k + 1)
    term *= servers / (servers - load)
    return 1 / per_s + term / (total + term) / (servers * per_s - rate)


def knee():
    rates = [rate for rate in range(5, 396)]
    best = max(rates, key=lambda rate: rate / queue_time(rate))
    left, right = Panel(40, 40, 320, 180, 500, 60), Panel(420, 40, 320, 180, 500, 500)
    left.title("how long one takes", "due a second", "ms")
    left.line([(rate, 1e3 * queue_time(rate)) for rate in rates], OPEN)
    right.title("how many are done", "due a second", "done a second")
    right.line([(0, 0), (400, 400), (500, 400)], OPEN)
    for panel, top in ((left, 60), (right, 500)):
        panel.line([(best, 0), (best, top)], MARK)
        panel.line([(400, 0), (400, top)], CLOSED)
        for rate, name, color in ((best, "knee", MARK), (400, "capacity", CLOSED)):
            panel.words(float(panel.at(rate, 0)[0]) + 4, 60, name, color)
    return svg(780, 250, [left, right])


def main():
    made = {"load-open-closed.svg": open_and_closed(), "load-profiles.svg": profiles(), "load-knee.svg": knee()}
    for name, text in made.items():
        if "--check" in sys.argv and (IMAGES / name).read_text() != text:
            sys.exit(f"docs/images/{name} is not what setup/load_pictures.py makes")
        (IMAGES / name).write_text(text)


if __name__ == "__main__":
    main()
