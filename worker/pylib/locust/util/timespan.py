# SPDX-License-Identifier: MIT
import re

_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_FORMATS = "Invalid time span format. Valid formats: 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc."


def parse_timespan(time_str):
    """Seconds of "90", "90s", "1h30m" ...; ValueError for anything else."""
    if re.fullmatch(r"[0-9]+", time_str or ""):
        return int(time_str)
    found = _SPAN.fullmatch(time_str) if time_str else None
    if not found or not any(found.groups()):
        raise ValueError(_FORMATS)
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds
