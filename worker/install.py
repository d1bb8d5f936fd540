# SPDX-License-Identifier: MIT
"""Puts the library where a Python finds it, and takes it away again (make install, make uninstall).

    install.py install PREFIX DESTDIR VERSION SHARED_OBJECT
    install.py uninstall PREFIX DESTDIR VERSION
    install.py check PREFIX DESTDIR LIBRARY      stops before anything is put anywhere if it could not be put everywhere
    install.py tidy PREFIX DESTDIR               removes what has become empty of PREFIX, if that is no place of the system
    install.py where PREFIX

The Python that runs this is the one meant. What is put there is listed in RECORD, as pip does, and
only that is removed. A locust of somebody else is never touched.
"""

import os
import shutil
import subprocess
import sys
import sysconfig

PYLIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pylib")
# The last one is the distribution locust that plug-ins require: its METADATA says why.
PACKAGES = ("katydid", "katydid_boot", "locust", "pytest_locust",
            *(name for name in os.listdir(PYLIB) if name.endswith(".dist-info")))


def site_folder(prefix):
    """Where this Python looks, if that is under the prefix; a virtual environment has but one place."""
    folder = sysconfig.get_path("platlib")
    is_venv = sys.prefix != sys.base_prefix
    if is_venv or os.path.commonpath([prefix, folder]) == os.path.normpath(prefix):
        return folder
    return os.path.join(prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")


def files():
    """(source, path in the site folder) of every module."""
    for package in PACKAGES:
        for folder, folders, names in os.walk(os.path.join(PYLIB, package)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                if not name.endswith(".pyc"):
                    path = os.path.join(folder, name)
                    yield path, os.path.relpath(path, PYLIB)


def metadata(version):
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: katydid\nVersion: {version}\n"
                    "Summary: Load tests in Python, with Locust's API on an engine in C\n"
                    "Requires-Dist: gevent\nRequires-Dist: greenlet\nRequires-Dist: msgpack\n"
                    "Requires-Dist: requests\n",
        "INSTALLER": "make\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: katydid\nRoot-Is-Purelib: false\n",
    }


def read_record(root):
    """What this or another version of Katydid put there; None if there is none."""
    paths = None
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else ():
        record = os.path.join(root, name, "RECORD")
        if name.startswith("katydid-") and name.endswith(".dist-info") and os.path.exists(record):
            with open(record, encoding="utf-8") as f:
                paths = (paths or []) + [line.partition(",")[0] for line in f if line.strip()]
    return paths


def check_not_others(root):
    is_there = any(os.path.isdir(os.path.join(root, name)) for name in PACKAGES if name != "katydid_boot")
    if is_there and read_record(root) is None:
        sys.exit(
            f"make install: {os.path.join(root, 'locust')} is not Katydid's: this Python has Locust itself. "
            "Uninstall that first (pip uninstall locust), or install into a virtual environment of its own: "
            "make install PYTHON=VENV/bin/python; or leave the library out: make install LIBRARY=0"
        )


def install(prefix, destdir, version, shared_object):
    root = destdir + site_folder(prefix)
    check_not_others(root)
    uninstall(prefix, destdir, version)
    wanted = [*files(), (shared_object, os.path.basename(shared_object))]
    for source, path in wanted:
        target = os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
    info = f"katydid-{version}.dist-info"
    os.makedirs(os.path.join(root, info), exist_ok=True)
    for name, text in metadata(version).items():
        write(os.path.join(root, info, name), text)
    record = [path for _, path in wanted] + [f"{info}/{name}" for name in (*metadata(version), "RECORD")]
    write(os.path.join(root, info, "RECORD"), "".join(f"{path},,\n" for path in record))
    if not destdir:
        say_where(root)


def can_write(folder):
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def check(prefix, destdir, library):
    folders = [destdir + os.path.join(prefix, name) for name in ("bin", "lib/katydid", "share/doc/katydid")]
    if library != "0":
        folders.append(destdir + site_folder(prefix))
    for folder in folders:
        if not can_write(folder):
            sys.exit(
                f"make install: you may not write to {folder}; nothing was installed. Use a place of your own, "
                "make install PREFIX=$HOME/.local, or sudo make install"
            )


def say_where(root):
    """Where the library went, and what is needed when this Python does not look there by itself."""
    print(f"installed the library into {root}")
    ask = [sys.executable, "-c", "import sys; print(*sys.path, sep='\\n')"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    searched = subprocess.run(ask, check=True, capture_output=True, text=True, env=clean, cwd="/").stdout.split("\n")
    if root not in searched:
        print(f"{sys.executable} does not look there by itself; for `import locust`: export PYTHONPATH={root}")


def tidy(prefix, destdir):
    prefix = os.path.normpath(prefix)
    if not destdir and prefix in ("/usr", "/usr/local", "/opt"):
        return
    top = destdir + prefix
    is_venv = os.path.exists(os.path.join(top, "pyvenv.cfg"))  # its own folders may be empty
    for folder in (os.path.join(top, "share/man/man1"), os.path.join(top, "share/doc"), *(() if is_venv else (os.path.join(top, "bin"), destdir + site_folder(prefix)))):
        while folder.startswith(top) and len(folder) > 1 and (not os.path.exists(folder) or (os.path.isdir(folder) and not os.listdir(folder))):
            if os.path.exists(folder):
                os.rmdir(folder)
            folder = os.path.dirname(folder)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def uninstall(prefix, destdir, version):
    root = destdir + site_folder(prefix)
    folders = set()
    for path in read_record(root) or []:
        target = os.path.join(root, path)
        if os.path.exists(target):
            os.unlink(target)
        folder = os.path.dirname(path)
        while folder:
            folders.add(folder)
            folder = os.path.dirname(folder)
    for folder in sorted(folders, key=len, reverse=True):
        target = os.path.join(root, folder)
        shutil.rmtree(os.path.join(target, "__pycache__"), ignore_errors=True)
        if os.path.isdir(target) and not os.listdir(target):
            os.rmdir(target)


def main():
    what, *rest = sys.argv[1:]
    if what == "where":
        print(site_folder(rest[0]))
    else:
        {"install": install, "uninstall": uninstall, "check": check, "tidy": tidy}[what](*rest)


if __name__ == "__main__":
    main()
