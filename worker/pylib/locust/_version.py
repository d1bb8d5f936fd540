# SPDX-License-Identifier: MIT
"""The version of Locust whose API this is."""

__version__ = version = "2.47.0"
