# SPDX-License-Identifier: MIT
from . import cache, date, directory, exception_handler, rounding, timespan, url  # noqa: F401
