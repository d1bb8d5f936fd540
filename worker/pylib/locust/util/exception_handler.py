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
            for count, delay in enumerate((*delays, None)):
                try:
                    return function(*args, **kwargs)
                except exception as error:
                    if delay is None:
                        logger.info("Retry failed after %d times.", count)
                        raise
                    logger.info("Exception found on retry %d: -- retry after %ds", count + 1, delay)
                    logger.exception(error)
                    time.sleep(delay)

        return wrapper

    return decorate
