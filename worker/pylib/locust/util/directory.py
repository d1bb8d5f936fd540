# SPDX-License-Identifier: MIT
import os


def get_abspaths_in(path, extension=None):
    """Every file below a folder, by absolute path, except those that start with "_"."""
    return [
        os.path.abspath(os.path.join(root, name))
        for root, _, names in os.walk(path)
        for name in names
        if not name.startswith("_") and (extension is None or name.endswith(extension))
    ]
