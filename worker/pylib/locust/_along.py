# SPDX-License-Identifier: MIT
"""Modules that come along with `import locust` in Locust, by what it imports itself. Locustfiles and
plug-ins use some of them without an import of their own (`logging.config`, `logging.handlers`), so
they come along here, too; but for those that are other packages, and not needed here. Those that
are seldom used are read at their first use (__init__.py)."""

import importlib.machinery  # noqa: F401
import importlib.util  # noqa: F401
import os

import gevent.server  # noqa: F401
from katydid_boot import library

from .user import inspectuser  # noqa: F401


def tell_of_playwright():
    """Whoever sets it for an older locust-plugins."""
    if os.getenv("LOCUST_PLAYWRIGHT"):
        print("LOCUST_PLAYWRIGHT setting is no longer needed (because locust-plugins no longer "
              "installs trio)")
        print("Uninstall trio package and remove the setting.", flush=True)


if library.road != "worker":  # else the process knows whether it is for it to say
    tell_of_playwright()
