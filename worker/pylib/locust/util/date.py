# SPDX-License-Identifier: MIT
from datetime import datetime, timezone


def format_utc_timestamp(unix_timestamp):
    return datetime.fromtimestamp(int(unix_timestamp), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_safe_timestamp(unix_timestamp):
    """Local time, fit for a file name."""
    return datetime.fromtimestamp(int(unix_timestamp)).strftime("%Y-%m-%d-%Hh%M")


def format_duration(start_time, end_time):
    """In words: "1 hour, 2 minutes and 3 seconds"."""
    left = int(end_time - start_time)
    words = []
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, left = divmod(left, size)
        if count > 0:
            words.append(f"{count} {unit}{'s' if count != 1 else ''}")
    if not words:
        return "0 seconds"
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
