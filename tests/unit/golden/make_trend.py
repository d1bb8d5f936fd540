#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes trend_otava.json: series of a level that moves in steps, with 3 % of noise, and where apache-otava 0.8.0 (PyPI) cuts
them. tests/unit/master/store/test_trend.c holds ours beside it. With --table N FILE: the table of docs/history.md over N series a
case, with our cuts, a line of numbers for each series, in FILE; without FILE the series are printed.

Run it where that package is installed: python3 -m venv v; v/bin/pip install apache-otava==0.8.0; v/bin/python make_trend.py"""

import json
import math
import random
import sys
from pathlib import Path

from otava.analysis import compute_change_points

CASES = {
    "no step, 60 runs": ([100], [60]),
    "+5 %, 40 + 40 runs": ([100, 105], [40, 80]),
    "+10 %, 30 + 30 runs": ([100, 110], [30, 60]),
    "+20 %, 30 + 30 runs": ([100, 120], [30, 60]),
    "-20 %, 50 + 6 runs": ([100, 80], [50, 56]),
    "+30 % and back, 30 runs each": ([100, 130, 100], [30, 60, 90]),
    "+10 %, +14 %, 20 + 40 + 40 runs": ([100, 110, 125], [20, 60, 100]),
}
OF_EACH = 6


def series(count):
    source = random.Random(20240229)
    for name, (levels, ends) in CASES.items():
        for _ in range(count):
            values = []
            for level, end in zip(levels, ends):
                values += [round(level * math.exp(source.gauss(0, 0.03)), 1) for _ in range(end - len(values))]
            yield name, values


def cuts(values):
    return sorted(int(change.index) for change in compute_change_points(list(values), window_len=50, max_pvalue=0.001, min_magnitude=0.0)[0])


def is_near(some, others, by):
    return all(any(abs(one - other) <= by for other in others) for one in some)


def table(count, ours):
    for at, (name, (_, ends)) in enumerate(CASES.items()):
        mine = ours[at * count:(at + 1) * count]
        theirs = [cuts(values) for case, values in series(count) if case == name]
        same = sum(is_near(a, b, 1) and is_near(b, a, 1) for a, b in zip(mine, theirs))
        found = [sum(is_near([end], one, 2) for one in all_cuts for end in ends[:-1]) for all_cuts in (mine, theirs)]
        more = [sum(not is_near([cut], ends[:-1], 2) for one in all_cuts for cut in one) for all_cuts in (mine, theirs)]
        print(f"| {name} | {100 * same / count:.1f} % | {found[0]}, {found[1]} of {count * len(ends[:-1])} | {more[0]}, {more[1]} |")


if len(sys.argv) == 4:
    table(int(sys.argv[2]), [[int(word) for word in line.split()] for line in Path(sys.argv[3]).read_text().splitlines()])
elif len(sys.argv) == 3:
    for _, values in series(int(sys.argv[2])):
        print(*values)
else:
    lines = [json.dumps({"case": name, "values": values, "cuts": cuts(values)}) for name, values in series(OF_EACH)]
    Path(__file__).with_name("trend_otava.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
