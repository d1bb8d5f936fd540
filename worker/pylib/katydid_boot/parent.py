# SPDX-License-Identifier: MIT
"""A worker that a master started ends when that master does."""
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def follow(config_path):
    """Asks the kernel for SIGTERM at the parent's death, if the configuration names a parent."""
    try:
        with open(config_path, encoding="utf-8") as f:
            config = json.load(f)
        pid = config.get("parent_pid")
    except (OSError, ValueError, AttributeError) as e:
        sys.exit(f"katydid-worker: cannot read its configuration {config_path}: {e}")
    if not pid:
        return
    import _katydid

    _katydid.follow_parent(int(pid), int(signal.SIGTERM))
