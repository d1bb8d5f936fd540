# SPDX-License-Identifier: MIT
"""sys.path of a worker: ours, PYTHONPATH, the active virtual environment, the system's."""
import os
import sys


def add():
    first = sys.path[:1]  # our pylib, put there by the C side
    rest = sys.path[1:]
    added = [os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    venv = os.environ.get("VIRTUAL_ENV")
    if venv:
        added += _venv_paths(venv, first + added + rest)
    sys.path[:] = list(dict.fromkeys(first + added + rest))


def _venv_paths(venv, known):
    version = _venv_version(venv)
    ours = sys.version_info[:2]
    if version != ours:
        sys.exit(
            "katydid-worker: the virtual environment {0} is for Python {1[0]}.{1[1]}, but Katydid runs Python "
            "{2[0]}.{2[1]}: create it anew with `{3} -m venv`, or deactivate it.".format(
                venv, version, ours, sys.executable
            )
        )
    site_packages = os.path.join(venv, "lib", "python%d.%d" % ours, "site-packages")
    found = _with_pth_files(site_packages, known)
    sys.prefix = sys.exec_prefix = venv
    sys.executable = os.path.join(venv, "bin", "python")
    return found


def _venv_version(venv):
    path = os.path.join(venv, "pyvenv.cfg")
    values = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                key, sign, value = line.partition("=")
                if sign:
                    values[key.strip().lower()] = value.strip()
    except OSError as e:
        sys.exit(
            f"katydid-worker: VIRTUAL_ENV names {venv}, which is no virtual environment ({e.strerror}: {path}): "
            "activate another one, or unset VIRTUAL_ENV."
        )
    text = values.get("version") or values.get("version_info") or ""  # venv; virtualenv
    try:
        major, minor = text.split(".")[:2]
        return int(major), int(minor)
    except ValueError:
        sys.exit(
            f"katydid-worker: {path} does not say which Python it is for (version = {text!r}): create the virtual "
            "environment anew, or unset VIRTUAL_ENV."
        )


def _with_pth_files(folder, known):
    """The folder and what its .pth files add, in order."""
    import site

    saved = sys.path[:]
    sys.path[:] = known
    try:
        site.addsitedir(folder, set(known))
        return sys.path[len(known):]
    finally:
        sys.path[:] = saved
