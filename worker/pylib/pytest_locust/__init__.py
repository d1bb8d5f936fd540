# SPDX-License-Identifier: MIT
"""What the entry point names: the plug-in under an identity of its own, so that `-p pytest_locust.plugin` beside it does no harm."""

from .plugin import fastsession, pytest_addoption, pytest_configure, session  # noqa: F401
