#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The package katydid as a wheel for stock Locust: wheel.py VERSION FOLDER writes
FOLDER/katydid_for_locust-VERSION-py3-none-any.whl. The same files as Katydid's own; there they find the C core, under
stock Locust they do without it. The same input makes the same bytes. (`make wheel`, the programs: packaging/wheel.)"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIME = (2026, 1, 1, 0, 0, 0)


def entries(info, version):
    for path in sorted((ROOT / "worker/pylib/katydid").glob("*.py")):
        yield f"katydid/{path.name}", path.read_bytes()
    metadata = (f"Metadata-Version: 2.1\nName: katydid-for-locust\nVersion: {version}\nLicense: MIT\n"
                "Summary: Checks, groups and metrics of Katydid's tests, under stock Locust\nRequires-Dist: locust>=2.20\n")
    yield f"{info}/METADATA", metadata.encode()
    yield f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: katydid\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write(path, info, files):
    """A wheel of (name, bytes) or (name, bytes, mode), with the list of them that its folder info has to have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data, *mode in files:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(data)}\n")
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100000 | (mode[0] if mode else 0o644)) << 16
            wheel.writestr(entry, data)
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD", TIME), "".join(lines) + f"{info}/RECORD,,\n")


def main():
    version, folder = sys.argv[1], Path(sys.argv[2])
    info = f"katydid_for_locust-{version}.dist-info"
    write(folder / f"katydid_for_locust-{version}-py3-none-any.whl", info, entries(info, version))


if __name__ == "__main__":
    main()
