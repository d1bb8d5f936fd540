# SPDX-License-Identifier: MIT
"""Counts the samples of tests/vectors/statistics.json in the real core, at their seconds, and prints what
_katydid.Stats.take gives for each part of each case. Runs under still_clock.so, in a process of its own."""

import ctypes
import importlib.util
import json
import sys

extension, vectors = sys.argv[1:]
spec = importlib.util.spec_from_file_location("_katydid", extension)
core = importlib.util.module_from_spec(spec)
clock = ctypes.c_int64.in_dll(ctypes.CDLL(None), "still_clock_ns")
clock.value = 10**9  # from the first look on: steady time is anchored at it
spec.loader.exec_module(core)


def taken(case):
    clock.value = case["start"] * 10**9
    stats = core.Stats()
    for part in range(len(case["parts"])):
        for _, second, us, size, failed in (sample for sample in case["samples"] if sample[0] == part):
            clock.value = second * 10**9
            stats.record("GET", "/", None if us is None else us / 1000, size)
            if failed:
                stats.failure("GET", "/", "bad")
        yield stats.take(False)


with open(vectors) as file:
    cases = json.load(file)
print(json.dumps({case["name"]: list(taken(case)) for case in cases}))
