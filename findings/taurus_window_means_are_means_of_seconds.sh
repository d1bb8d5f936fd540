#!/usr/bin/env bash
# Taurus (bzt) 1.17.2: a criterion over a window averages the seconds, not the samples in them.
#
# Nine seconds of 1,000 samples of 0.1 s each and one second with a single sample of 3 s: the mean of
# the 9,001 samples is 0.1003 s. `avg-rt>300ms within 10s` triggers, for each second counts alike and
# the mean of the ten seconds' means is 0.39 s. The same with `p95>300ms within 10s`: the mean of ten
# percentiles, where the 95th percentile of all samples is 0.1 s.
#
# Output seen:
#   bzt 1.17.2
#   mean of all samples: 0.1003 s, 95th percentile: 0.1 s
#   avg-rt>300ms within 10s: triggered
#   p95>300ms within 10s: triggered
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check bzt==1.17.2
cd "$work"
cat >window.py <<'PY'
import importlib.metadata
import logging

from bzt.modules.aggregator import DataPoint, KPISet
from bzt.modules.passfail import DataCriterion

SECONDS = [(1000, 0.1)] * 9 + [(1, 3.0)]


class Owner:
    log = logging.getLogger("window")


def judged(text):
    criterion = DataCriterion(DataCriterion.string_to_config(text), Owner)
    for second, (count, seconds) in enumerate(SECONDS):
        kpi = KPISet()
        kpi[KPISet.SAMPLE_COUNT] = kpi[KPISet.SUCCESSES] = count
        kpi[KPISet.AVG_RESP_TIME] = seconds
        kpi[KPISet.PERCENTILES] = {"95.0": seconds}
        point = DataPoint(second)
        point[DataPoint.CURRENT] = point[DataPoint.CUMULATIVE] = {"": kpi}
        criterion.aggregated_second(point)
    return criterion


logging.disable(logging.CRITICAL)
samples = sorted(seconds for count, seconds in SECONDS for _ in range(count))
print("bzt", importlib.metadata.version("bzt"))
print(f"mean of all samples: {sum(samples) / len(samples):.4f} s, 95th percentile: {samples[int(len(samples) * 0.95)]} s")
for text in ("avg-rt>300ms within 10s", "p95>300ms within 10s"):
    criterion = judged(text)
    print(f"{text}: {'triggered' if criterion.is_triggered else 'not triggered'}")
PY
"$work/venv/bin/python" window.py | tee seen
grep -q "^avg-rt>300ms within 10s: triggered" seen
grep -q "^p95>300ms within 10s: triggered" seen
