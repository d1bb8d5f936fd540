# SPDX-License-Identifier: MIT
"""Modules that come along with `import locust` in Locust, by what it imports itself. Locustfiles and
plug-ins use some of them without an import of their own (`logging.config`, `logging.handlers`), so
they come along here, too; but for those that are other packages, and not needed here."""

import concurrent.futures.thread  # noqa: F401
import http.server  # noqa: F401
import importlib.abc  # noqa: F401
import importlib.machinery  # noqa: F401
import importlib.metadata  # noqa: F401
import importlib.util  # noqa: F401
import logging.config  # noqa: F401
import logging.handlers  # noqa: F401

import gevent.server  # noqa: F401

from .user import inspectuser  # noqa: F401
