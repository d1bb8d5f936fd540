# SPDX-License-Identifier: MIT
"""How to build for the Python that runs this: `python.py OUT.mk VENV` writes it down as variables of make.

The worker embeds the interpreter behind a virtual environment where that has the modules Katydid needs, else the
environment itself where that has them. Where neither has, a private environment VENV gets them by pip; the worker finds
it by its place beside the programs, so that a clone may be moved.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig

OLDEST, NEWEST = (3, 11), (3, 14)
NEEDED = ("gevent", "greenlet", "msgpack", "requests")
FOR_VENV = (*NEEDED, "brotli", "flask", "flask-login")
HAS_ALL = f"import importlib.util as i, sys; sys.exit(not all(map(i.find_spec, {NEEDED!r})))"


def stop(words):
    sys.exit(f"\nmake: {words}\n")


def check():
    name = "%d.%d" % sys.version_info[:2]
    if sys.implementation.name != "cpython" or not OLDEST <= sys.version_info[:2] <= NEWEST:
        stop(f"{sys.executable} is Python {name}; Katydid embeds CPython 3.11 to 3.14: make PYTHON=/path/to/python3")
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        stop(f"{sys.executable} has no headers (Python.h): install them (on Debian and Ubuntu the package python{name}-dev)")
    if not sysconfig.get_config_var("Py_ENABLE_SHARED") and not os.path.exists(static_library()):
        stop(f"{sys.executable} has no library to embed: build that Python with --enable-shared")


def static_library():
    return os.path.join(sysconfig.get_config_var("LIBPL") or "", sysconfig.get_config_var("LIBRARY") or "")


def libraries():
    """What the linker takes to embed this Python."""
    folder = sysconfig.get_config_var("LIBDIR")
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        words = [f"-L{folder}", f"-lpython{sysconfig.get_config_var('LDVERSION')}"]
        if not folder.startswith(("/usr/lib", "/lib")):
            words.append(f"-Wl,-rpath,{folder}")
    else:
        words = ["-Wl,--whole-archive", static_library(), "-Wl,--no-whole-archive"]
        words += [sysconfig.get_config_var(name) or "" for name in ("LIBS", "SYSLIBS", "MODLIBS")]
    return " ".join(words)


def has_modules(python):
    return subprocess.run([python, "-c", HAS_ALL], check=False).returncode == 0


def make_private(base, venv):
    """The private environment's Python; made anew when it is another Python's."""
    python = os.path.join(venv, "bin", "python3")
    mark = os.path.join(venv, ".of")
    identity = f"{base} {sys.version}"
    if os.path.exists(mark) and open(mark, encoding="utf-8").read() == identity and has_modules(python):
        return python
    print(f"  PIP   {' '.join(FOR_VENV)} (for {base})", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *FOR_VENV]
    if subprocess.run([base, "-m", "venv", venv], check=False).returncode or subprocess.run(pip, check=False).returncode:
        stop(f"{base} lacks {', '.join(NEEDED)}, and they could not be installed beside it; install them, then run make again")
    with open(mark, "w", encoding="utf-8") as f:
        f.write(identity)
    return python


def choose(venv):
    """(Python to embed or "" for the private one, Python that has the modules)"""
    base = getattr(sys, "_base_executable", None) or sys.executable
    is_venv = sys.prefix != sys.base_prefix
    if not is_venv and all(map(importlib.util.find_spec, NEEDED)):
        return sys.executable, sys.executable
    if is_venv and has_modules(base):
        return base, base
    if is_venv and all(map(importlib.util.find_spec, NEEDED)):
        return sys.executable, sys.executable
    return "", make_private(base, venv)


def greenlet_folder(python):
    ask = "import greenlet, os; print(os.path.dirname(os.path.abspath(greenlet.__file__)))"
    folder = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    here = os.getcwd() + os.sep
    return folder.removeprefix(here)  # relative within the clone, so that one that was moved is not compiled anew


def main():
    out, venv = sys.argv[1:]
    check()
    embedded, complete = choose(venv)
    text = (
        f"PY_TAG := {sysconfig.get_config_var('EXT_SUFFIX')}\n"
        f"PY_CF := -isystem {sysconfig.get_path('include')} -isystem {greenlet_folder(complete)}\n"
        f"PY_LD := {libraries()}\n"
        f"PY_EMBEDDED := {embedded}\n"
        f"PY_COMPLETE := {complete}\n"
    )
    try:
        with open(out, encoding="utf-8") as f:
            if f.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
