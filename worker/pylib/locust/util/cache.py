# SPDX-License-Identifier: MIT
import functools
from time import monotonic


def memoize(timeout, dynamic_timeout=False):
    """Keeps a function's result for `timeout` seconds; with dynamic_timeout twice as long when
    computing it takes longer than that. `.clear_cache()` forgets it."""

    def decorate(function):
        kept = {}
        keep_s = timeout

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            nonlocal keep_s
            now = monotonic()
            if not kept or now - kept["at"] > keep_s:
                result = function(*args, **kwargs)
                kept.update(result=result, at=monotonic())
                if dynamic_timeout and kept["at"] - now > keep_s:
                    keep_s *= 2
            return kept["result"]

        wrapper.clear_cache = kept.clear
        return wrapper

    return decorate
