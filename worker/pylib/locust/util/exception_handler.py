# SPDX-License-Identifier: MIT
import functools
import logging
import time

logger = logging.getLogger(__name__)


def retry(delays=(1, 3, 5), exception=Exception):
    """Calls the function again after each of the delays (seconds) while it raises."""

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for delay in delays:
                try:
                    return function(*args, **kwargs)
                except exception as error:
                    logger.info("%s: trying again in %d s", error, delay)
                    time.sleep(delay)
            return function(*args, **kwargs)

        return wrapper

    return decorate
