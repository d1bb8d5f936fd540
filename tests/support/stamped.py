# SPDX-License-Identifier: MIT
"""Runs whose tasks leave a line each in the file STAMPS names: a word, their process and what else the test wants."""

import re

from harness import locustfile, run_katydid


def run(tmp_path, *arguments, source, nap=0, **env):
    with locustfile(source) as file:
        return run_katydid("-f", file, "--headless", "--only-summary", *arguments,
                           env={"STAMPS": str(tmp_path / "stamps"), "NAP": str(nap), **env})


def stamps(tmp_path, word):
    """The lines that begin so, as lists of words."""
    lines = (tmp_path / "stamps").read_text().splitlines() if (tmp_path / "stamps").exists() else []
    return [line.split() for line in lines if line.startswith(word)]


def number(ended, name, scenario=r"\w+"):
    """Of iterations, in the table of metrics; 0 where nothing was counted."""
    found = re.search(rf"^iterations_{name}\{{scenario:{scenario}\}} +sum (\d+)", ended.stderr, re.MULTILINE)
    return int(found[1]) if found else 0
