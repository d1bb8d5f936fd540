# SPDX-License-Identifier: MIT
"""How far what came is from what was meant."""


def ks_distance(sample, cumulative):
    """Kolmogorov and Smirnov's: how far the sample's distribution is from that function at most."""
    ordered = sorted(sample)
    n = len(ordered)
    return max(max((i + 1) / n - cumulative(x), cumulative(x) - i / n) for i, x in enumerate(ordered))
