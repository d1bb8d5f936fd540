# SPDX-License-Identifier: MIT
"""Sums, percentiles and other arithmetic of statistics. locust.stats has the public names."""


def get_readable_percentiles(percentile_list):
    """[0.5, 0.999] as ["50%", "99.9%"]."""
    shown = [p * 100 for p in percentile_list]
    return [f"{int(p) if float(p).is_integer() else round(p, 6)}%" for p in shown]


def calculate_response_time_percentile(response_times, num_requests, percent):
    """The percentile (0 to 1) of a {milliseconds: count} histogram; 0 when it is empty."""
    below = int(num_requests * percent)
    left = num_requests
    for milliseconds in sorted(response_times, reverse=True):
        left -= response_times[milliseconds]
        if left <= below:
            return milliseconds
    return 0


def diff_response_time_dicts(latest, old):
    """What a {milliseconds: count} histogram gained."""
    gained = {key: count - old.get(key, 0) for key, count in latest.items()}
    return {key: count for key, count in gained.items() if count}


def median_from_dict(total, count):
    """The median of a {milliseconds: count} histogram with `total` samples."""
    position = (total - 1) / 2
    for milliseconds in sorted(count):
        if position < count[milliseconds]:
            return milliseconds
        position -= count[milliseconds]
    return 0


def avg(values):
    return sum(values, 0.0) / max(len(values), 1)


def sort_stats(stats):
    """The values of a dict, in the order of its keys."""
    return [stats[key] for key in sorted(stats)]


def optional(choose, one, other):
    """min or max of two values that may be None."""
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)
