#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs fuzzers, each for some time, and says what came of it: a table, and "N passed, N failed".

What was found new goes to build/corpus, where the next run begins; the input of a crash goes to
build/fuzz-found.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
PATIENCE_S = 60  # beyond its time, for a fuzzer to end by itself


def programs(build, names):
    found = sorted(p for p in build.glob("fuzz_*") if p.is_file())
    known = {p.name[len("fuzz_"):] for p in found}
    for name in sorted(set(names) - known):
        sys.exit(f"make fuzz: there is no fuzzer {name}; there are: {' '.join(sorted(known))}")
    return [p for p in found if not names or p.name[len("fuzz_"):] in names]


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run(program, seconds):
    name = program.name[len("fuzz_"):]
    corpus, found = pathlib.Path("build/corpus") / program.name, pathlib.Path("build/fuzz-found")
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    seeds = HERE / "corpus" / name
    log = found / f"{name}.log"
    command = [str(program), f"-max_total_time={seconds}", "-print_final_stats=1", "-timeout=20",
               f"-artifact_prefix={found}/{name}-", str(corpus)] + [str(seeds)] * seeds.is_dir()
    with open(log, "wb") as out:
        try:
            code = subprocess.run(command, stdout=out, stderr=out, timeout=seconds + PATIENCE_S).returncode
        except subprocess.TimeoutExpired:
            code = -1
    text = log.read_text(errors="replace")
    row = {"name": name, "code": code, "log": log,
           "runs": number(r"number_of_executed_units: (\d+)", text),
           "rate": number(r"average_exec_per_sec:\s+(\d+)", text),
           "edges": number(r" cov: (\d+)", text), "features": number(r" ft: (\d+)", text)}
    print(f"  FUZZ  {name}: {row['runs']} executions" + (f", FAILED, see {log}" if code else ""), flush=True)
    return row


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", type=pathlib.Path, required=True)
    p.add_argument("--seconds", type=int, default=20)
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    with concurrent.futures.ThreadPoolExecutor(max(1, a.jobs)) as pool:
        rows = list(pool.map(lambda program: run(program, a.seconds), programs(a.build, a.names)))
    print(f"\n{'fuzzer':<18}{'executions':>13}{'per second':>12}{'edges':>8}{'features':>10}  crashes")
    for r in rows:
        print(f"{r['name']:<18}{r['runs']:>13}{r['rate']:>12}{r['edges']:>8}{r['features']:>10}  {1 if r['code'] else 0}")
    failed = sum(r["code"] != 0 for r in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
