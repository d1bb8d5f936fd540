# SPDX-License-Identifier: MIT
"""Tags of requests, as --series-tags and thresholds want them."""

import logging

import _katydid

logger = logging.getLogger("locust.runners")


def take_series_tags(words, has_k6_times, labels=()):
    """Which tags keep requests apart: key, or key=value, which every request has; whether http_req_duration is k6's; and the keys of tags that outputs tell requests apart by."""
    pairs = [word.partition("=") for word in words]
    of_run = {key: value for key, is_given, value in pairs if is_given}
    _katydid.journals_tags(of_run)
    try:
        _katydid.series_tags(list(dict.fromkeys(key for key, *_ in pairs)), of_run, has_k6_times, labels)
    except ValueError as error:
        logger.error("--series-tags: %s", error)
