# SPDX-License-Identifier: MIT
from urllib.parse import urlparse


def is_url(url):
    """Whether it is an http(s) address."""
    try:
        parts = urlparse(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
