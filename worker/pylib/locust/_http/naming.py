# SPDX-License-Identifier: MIT
"""A block whose requests go under one name: a method of every client that has `request_name`."""

from contextlib import contextmanager


@contextmanager
def rename_request(self, name):
    """Requests in the block go under this name."""
    self.request_name = name
    try:
        yield
    finally:
        self.request_name = None
