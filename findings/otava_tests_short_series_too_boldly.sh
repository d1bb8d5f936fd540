#!/usr/bin/env bash
# apache-otava 0.8.0: its Student's test takes the deviation of a population for that of a sample, so that p is too
# small where few runs stand on a side, which is where a new change is looked for.
#
# The deviations come from numpy.std, which divides by n, and go into scipy.stats.ttest_ind_from_stats, which wants
# those that divide by n - 1. With three values a side p is half of what scipy.stats.ttest_ind says of the same
# values; of series of 8 values of nothing but noise about twice as many have a change.
#
# Output seen:
#   apache-otava 0.8.0
#   three values a side: p = 0.0031, by scipy.stats.ttest_ind 0.0065
#   8 values of nothing but noise, with a change: 32 of 2000 series; with the deviation of a sample 17
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check apache-otava==0.8.0
timeout 120 "$work/venv/bin/python" - <<'PY'
import importlib.metadata
import random

import numpy
from otava import analysis
from scipy.stats import ttest_ind

print("apache-otava", importlib.metadata.version("apache-otava"))
left, right = [10.0, 10.4, 10.2], [11.0, 11.3, 10.9]
theirs = analysis.TTestSignificanceTester(0.001).compare(left, right).pvalue
student = ttest_ind(left, right).pvalue
print(f"three values a side: p = {theirs:.4f}, by scipy.stats.ttest_ind {student:.4f}")


def with_changes(deviation):
    class Numbers:
        std = staticmethod(deviation)

        def __getattr__(self, name):
            return getattr(numpy, name)

    analysis.np = Numbers()
    source = random.Random(1)
    found = 0
    for _ in range(2000):
        noise = [100 + 3 * source.gauss(0, 1) for _ in range(8)]
        found += bool(analysis.compute_change_points(noise)[0])
    return found


seen, of_samples = with_changes(numpy.std), with_changes(lambda x: numpy.std(x, ddof=1))
print(f"8 values of nothing but noise, with a change: {seen} of 2000 series; with the deviation of a sample {of_samples}")
assert theirs < 0.6 * student and seen > 1.4 * of_samples, "this has changed"
PY
