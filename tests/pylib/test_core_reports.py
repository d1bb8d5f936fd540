# SPDX-License-Identifier: MIT
"""Reports of the real core: whoever looks at the numbers in between, each request is in one report, and a
number means the same row in all of them."""

import pytest
from conftest import REAL

HISTOGRAMS = 4  # of a row's record, before its counts (tally_record.h)


class Bytes:
    """Numbers and texts of the numbered format (docs/wire.md)."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def text(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length : self.at].decode()


def counted(report):
    """{row's number: requests} of a report; requests without times, so no row has a histogram."""
    b, number, rows = Bytes(report[1:]), 0, {}
    b.number(), b.number()
    for _ in range(b.number()):
        number += b.number()
        mask = b.number()
        assert mask & (1 << HISTOGRAMS) - 1 == 0
        values = [b.number() for _ in range(mask.bit_count())]
        b.number(), b.number()
        seconds = b.number()
        for _ in range(seconds // 2 * (2 + seconds % 2)):
            b.number()
        rows[number] = values[0]
    return rows


def named(names):
    b, number, rows = Bytes(names), 0, {}
    for _ in range(b.number() if names else 0):
        number += b.number()
        rows[number] = b.text() + " " + b.text()
    return rows


class Master:
    """Knows what it was told, and counts by that alone."""

    def __init__(self, core):
        self.core, self.seq, self.known, self.requests = core, 0, {}, {}

    def take(self):
        self.seq += 1
        report, some, everything = self.core.report_numbered(self.seq, True)
        told = named(some)
        assert all(self.known.get(number, name) == name for number, name in told.items())
        self.known |= told
        self.core.names_heard(self.seq)
        assert named(everything).items() >= told.items()
        for number, requests in counted(report).items():
            name = self.known[number]
            assert named(everything)[number] == name
            self.requests[name] = self.requests.get(name, 0) + requests


def looks():
    return {
        "nobody looks": lambda core: None,
        "rows": lambda core: core.rows(),
        "what is unreported": lambda core: core.unreported("GET", "/1"),
        "what is new": lambda core: core.take(),
    }


@pytest.mark.parametrize("look", looks())
def test_each_request_is_in_one_report(look):
    core = REAL.Stats()
    master, truth = Master(core), {}
    for turn in range(8):
        for i in range(20):
            name = f"/{(turn * i) % (3 + turn)}"
            core.record("GET", name, None)
            truth["GET " + name] = truth.get("GET " + name, 0) + 1
            if i == 10 and turn % 3 == 1:
                looks()[look](core)
        master.take()
    assert master.requests == truth
    assert {f"{row['method']} {row['name']}": row["num_requests"] for row in core.rows()} == truth


def test_names_that_the_master_forgot_are_told_again():
    core = REAL.Stats()
    master = Master(core)
    for name in ("/a", "/b"):
        core.record("GET", name, None)
    core.rows()
    master.take()
    core.names_forget()
    core.record("GET", "/b", None)
    again = Master(core)
    again.seq = master.seq
    again.take()
    assert again.requests == {"GET /b": 1}


def test_rows_that_come_anew_after_a_clear_have_numbers_of_their_own():
    core = REAL.Stats()
    master = Master(core)
    core.record("GET", "/a", None)
    core.rows()
    master.take()
    core.clear()
    core.record("GET", "/b", None)
    core.record("GET", "/a", None)
    master.take()
    assert master.requests == {"GET /a": 2, "GET /b": 1}
    assert sorted(master.known.values()) == ["GET /a", "GET /a", "GET /b"]
