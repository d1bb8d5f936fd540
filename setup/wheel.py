#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The package katydid as a wheel for stock Locust: wheel.py VERSION FOLDER writes
FOLDER/katydid-VERSION-py3-none-any.whl. The same files as Katydid's own; there they find the C core, under
stock Locust they do without it. The same input makes the same bytes."""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIME = (2026, 1, 1, 0, 0, 0)


def entries(version):
    info = f"katydid-{version}.dist-info"
    for path in sorted((ROOT / "worker/pylib/katydid").glob("*.py")):
        yield f"katydid/{path.name}", path.read_bytes()
    metadata = (f"Metadata-Version: 2.1\nName: katydid\nVersion: {version}\nLicense: MIT\n"
                "Summary: Checks, groups and metrics of Katydid's tests, under stock Locust\nRequires-Dist: locust>=2.20\n")
    yield f"{info}/METADATA", metadata.encode()
    yield f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: katydid\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def main():
    version, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    record = f"katydid-{version}.dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(folder / f"katydid-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in entries(version):
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(data)}\n")
            wheel.writestr(zipfile.ZipInfo(name, TIME), data)
        wheel.writestr(zipfile.ZipInfo(record, TIME), "".join(lines) + f"{record},,\n")


main()
