# SPDX-License-Identifier: MIT
"""Whether a figure that was sampled over time is flat: the slope of least squares, with an interval that neighbours which resemble each other do not narrow.

The interval is that of a moving-block bootstrap: what the line leaves over is drawn anew in blocks of neighbours, the
slope is computed again, 95 of 100 of those slopes are inside. Samples are first averaged into at most BINS, so that a day costs no
more than an hour. A block is a tenth of them: figures that move in steps, as memory does, have few of those.
"""

import random
from dataclasses import dataclass

BINS, DRAWS, BLOCKS = 400, 1000, 10


@dataclass(frozen=True)
class Slope:
    per_hour: float
    low: float
    high: float
    mean: float

    def is_within(self, bound):
        """Not surely steeper than the bound (per hour); what falls is flat enough."""
        return self.low <= bound


def binned(times, values):
    """Means of at most BINS runs of neighbours."""
    size = -(-len(times) // BINS)
    groups = [(times[i:i + size], values[i:i + size]) for i in range(0, len(times), size)]
    return [sum(t) / len(t) for t, _ in groups], [sum(v) / len(v) for _, v in groups]


def slope_of(times, values, draws=DRAWS, seed=1):
    """Of values at those times (s). At least 20 of them, or there is nothing to say."""
    assert len(times) == len(values) >= 20, f"{len(times)} samples are too few"
    times, values = binned(times, values)
    count = len(times)
    middle, mean = sum(times) / count, sum(values) / count
    weights = [t - middle for t in times]
    spread = sum(w * w for w in weights)

    def tilt(of):
        return sum(w * v for w, v in zip(weights, of, strict=True)) / spread

    slope = tilt(values)
    left = [v - mean - slope * w for v, w in zip(values, weights, strict=True)]
    block, dice = max(count // BLOCKS, 2), random.Random(seed)
    slopes = []
    for _ in range(draws):
        drawn = []
        while len(drawn) < count:
            at = dice.randrange(count - block + 1)
            drawn += left[at:at + block]
        slopes.append(slope + tilt(drawn[:count]))
    slopes.sort()
    return Slope(slope * 3600, slopes[draws * 25 // 1000] * 3600, slopes[draws * 975 // 1000 - 1] * 3600, mean)
