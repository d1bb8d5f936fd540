#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes statistics.json: samples, and every number that statistics make of them, worked out here from
the definitions of docs/statistics.md, by sorting and exact fractions. The C core (tests/unit/common/metric/
test_vectors.c), the Python library (tests/pylib/test_vectors.py) and the report page
(webui/tests/unit/vectors.test.ts) are held to them to the last digit.

A case is a run of one row. Its samples are [part, second, microseconds or null, bytes, failed]; the parts
(windows, workers) are merged. Run it after a change of a definition, and look at the difference."""

import json
import math
from fractions import Fraction
from pathlib import Path

START = 1700000000
SUB_BITS = 7
MAX_US = 3600_000_000
SHARES = (0, 0.1, 0.25, 0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1)


def bucket_of(us):
    us = min(us, MAX_US)
    octave = max(us.bit_length() - SUB_BITS, 0)
    if octave < 2:
        return us
    return (octave << SUB_BITS) + (us >> (octave - 1)) - (1 << SUB_BITS)


def value_of(bucket):
    octave, step = divmod(bucket, 1 << SUB_BITS)
    if octave < 2:
        return bucket
    width = 1 << (octave - 1)
    return ((1 << SUB_BITS) + step) * width + width // 2


def counted(values):
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items()))


def sparse(times):
    pairs, before = [], -1
    for bucket, count in counted(map(bucket_of, times)).items():
        pairs += [bucket - before - 1, count]
        before = bucket
    return pairs


def quantile_us(times, share):
    if share <= 0 or share >= 1:
        return min(times) if share <= 0 else max(times)
    values = sorted(value_of(bucket_of(us)) for us in times)
    rank = max(math.ceil(Fraction(str(share)) * len(values)), 1)  # 10 % of 300 is 30, whatever floats say
    return min(max(values[rank - 1], min(times)), max(times))


def locusts_bucket(us):
    """Milliseconds with two significant digits, halves to the even one."""
    ms = Fraction(us, 1000)
    digits = 0 if ms < 100 else 1 if ms < 1000 else 2 if ms < 10000 else 3
    return int(round(ms / 10**digits) * 10**digits)


def locusts_percentile(buckets, count, share):
    left = count
    for ms in sorted(buckets, reverse=True):
        left -= buckets[ms]
        if left <= int(count * share):
            return ms
    return 0


def per_second(samples, start, last):
    first = max(last - 12, start)
    window = range(first, last - 2)
    seconds = [second for _, second, *_ in samples]
    return sum(map(seconds.count, window)) / max(len(window), 1)


def case(name, samples):
    times = [us for _, _, us, _, _ in samples if us is not None]
    failed = [sample for sample in samples if sample[4]]
    last = max(second for _, second, *_ in samples)
    buckets = counted(map(locusts_bucket, times))
    of_core = counted(locusts_bucket(value_of(bucket_of(us))) for us in times)  # what a histogram makes of them
    parts = []
    for part in range(max(sample[0] for sample in samples) + 1):
        mine = [sample for sample in samples if sample[0] == part]
        its = [us for _, _, us, _, _ in mine if us is not None]
        parts.append({
            "count": len(mine), "failed": sum(sample[4] for sample in mine), "none": len(mine) - len(its),
            "bytes": sum(sample[3] for sample in mine), "sum_us": sum(its), "hist": sparse(its),
            "min_us": min(its, default=None), "max_us": max(its, default=0),
        })
    return {
        "name": name, "start": START, "samples": samples, "parts": parts, "expected": {
            "count": len(samples), "failed": len(failed), "none": len(samples) - len(times),
            "mean_ms": sum(times) / 1000 / len(times) if times else 0,
            "min_ms": min(times) / 1000 if times else None, "max_ms": max(times) / 1000 if times else None,
            "mean_bytes": sum(sample[3] for sample in samples) / len(samples),
            "total_rps": len(samples) / (last - START), "total_fail_rps": len(failed) / (last - START),
            "current_rps": per_second(samples, START, last), "current_fail_rps": per_second(failed, START, last),
            "hist": sparse(times),
            "quantiles_ms": [[share, quantile_us(times, share) / 1000] for share in SHARES] if times else [],
            "locusts_buckets": [[ms, count] for ms, count in buckets.items()],
            "core_buckets": [[ms, count] for ms, count in of_core.items()],
            "locusts_percentiles": [[share, locusts_percentile(buckets, len(times), share)] for share in SHARES],
        },
    }


def random_numbers(seed):
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def many(seed, count, parts, most_bits):
    numbers = random_numbers(seed)
    return [[i % parts, START + 1 + i * 40 // count, next(numbers) % (1 << (1 + next(numbers) % most_bits)),
             next(numbers) % 5000, int(next(numbers) % 7 == 0)] for i in range(count)]


def one(second, us, size=0, failed=0, part=0):
    return [part, START + second, us, size, failed]


CASES = [
    case("one request", [one(5, 1234, 10)]),
    case("without a time", [one(1, None), one(4, None, 7, 1)]),
    case("some without a time", [one(1, 10_000), one(2, None), one(9, 30_000, 5, 1)]),
    case("edges of buckets", [one(1 + i, us) for i, us in enumerate((
        0, 1, 127, 128, 255, 256, 257, 511, 512, 1023, 1024, 65535, 65536, 99_499, 99_500, 104_999, 105_000,
        115_000, 995_000, 1_050_000, 1_150_000, 9_949_999, 9_950_000, 58_760_000))]),
    case("longer than an hour", [one(3, 3_599_999_999), one(4, 3_600_000_000), one(5, 3_600_000_001), one(6, 5_000_000_000)]),
    case("thirds", [one(2, 1000), one(3, 1000, 1), one(7, 2000, 1)]),
    case("two parts of which one is empty of times", [one(2, None, 3, 1), one(3, 700, 5, part=1)]),
    case("three windows", many(7, 300, 3, 24)),
    case("close together", many(11, 200, 2, 8)),
    case("far apart", many(13, 250, 5, 31)),
]

if __name__ == "__main__":
    text = ",\n".join(json.dumps(each) for each in CASES)
    Path(__file__).with_name("statistics.json").write_text(f"[\n{text}\n]\n")
