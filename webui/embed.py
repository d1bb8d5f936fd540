#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn the built page into one C file: gzipped bytes with path, MIME type and content hash.

    embed.py DIST OUT.c [PATH=FILE …]     (a DIST that does not exist gives no page; each PATH is served from that file)

The output is the same for the same input. master/web/asset.h is its contract.
"""
import gzip
import hashlib
import pathlib
import sys

MIME = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


def c_bytes(data: bytes) -> str:
    rows = (data[i : i + 24] for i in range(0, len(data), 24))
    return "\n".join("    " + ",".join(str(byte) for byte in row) + "," for row in rows)


def main(dist: pathlib.Path, out: pathlib.Path, others: list[str]) -> None:
    found = [p for p in dist.rglob("*") if p.is_file() and not p.name.startswith(".")]
    files = {"/" + p.relative_to(dist).as_posix(): p for p in found}
    files.update({path: pathlib.Path(file) for path, file in (other.split("=", 1) for other in others)})
    arrays, entries = [], []
    for number, (path, file) in enumerate(sorted(files.items())):
        plain = file.read_bytes()
        packed = gzip.compress(plain, 9, mtime=0)
        if file.suffix not in MIME:
            sys.exit(f"{file}: no MIME type known for this kind of file")
        immutable = "true" if path.startswith("/assets/") else "false"
        tag = hashlib.sha256(plain).hexdigest()[:20]
        arrays.append(f"static const unsigned char bytes_{number}[] = {{\n{c_bytes(packed)}\n}};\n")
        entries.append(
            f'    {{"{path}", "{MIME[file.suffix]}", "\\"{tag}\\"", {immutable}, '
            f"bytes_{number}, {len(packed)}, {len(plain)}}},"
        )
    if not entries:
        entries.append('    {"", "", "", false, 0, 0, 0},')
    text = (
        "/* made by webui/embed.py: do not edit */\n"
        '#include "master/web/asset.h"\n\n'
        + "\n".join(arrays)
        + "\nconst struct asset assets[] = {\n"
        + "\n".join(entries)
        + f"\n}};\nconst size_t asset_count = {len(files)};\n"
    )
    out.write_text(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:])
