# SPDX-License-Identifier: MIT
from .protocol import Message

__all__ = ("Message",)
