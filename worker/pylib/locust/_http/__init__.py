# SPDX-License-Identifier: MIT
"""The Python half of the HTTP clients: what the C core leaves to requests, and its errors."""
