# SPDX-License-Identifier: MIT
"""Files that are made of others and kept in the tree: make writes them, make lint asks whether they are current."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def settle(made, arguments, source, writer="make"):
    """made: {path: text}. Writes what is not current, or with --check names it, and the command that writes it, as lint does.

    Returns the exit code. What is current is left alone: its time decides what make builds again.
    """
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)}:1: generated: older than {source}; {writer} writes it")
        return 1 if stale else 0
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
    return 0
