# SPDX-License-Identifier: MIT
"""locust.events: what locustfiles listen to."""

from .event import Events

events = Events()
