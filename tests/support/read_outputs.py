# SPDX-License-Identifier: MIT
"""Files as other programs read them: junitparser and an XSD, jsonschema, PyYAML, HdrHistogram, Grafana's own model of a dashboard.

They are in the environment of build/venv-clients, which is not that of the tests: read() has this file run there."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
PYTHON = Path(os.environ.get("KATYDID_CLIENTS_VENV", ROOT / "build" / "venv-clients")) / "bin" / "python"


def read(kind, *paths):
    """What it reads there, as JSON can say it; an assertion with its own words where it refuses the file."""
    done = subprocess.run([PYTHON, HERE, kind, *map(str, paths)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{kind} {paths}: {done.stderr}"
    return json.loads(done.stdout)


def junit(path):
    import xmlschema
    from junitparser import JUnitXml
    xmlschema.validate(path, str(HERE.with_name("junit.xsd")))
    root = JUnitXml.fromfile(path)
    suites = {suite.name: {name: getattr(suite, name) for name in ("tests", "failures", "errors", "skipped")} for suite in root}
    for suite in root:
        suite.update_statistics()
        assert suites[suite.name] == {name: getattr(suite, name) for name in suites[suite.name]}, "the numbers are not those of the cases"
    cases = [{"name": case.name, "classname": case.classname, "time": case.time,
              "outcome": [[type(one).__name__, one.type, one.message, one.text] for one in case.result]} for suite in root for case in suite]
    whole = {name: getattr(root, name) for name in ("tests", "failures", "errors")}
    properties = {one.name: one.value for suite in root for one in suite.properties()}
    return {"name": root.name, "suites": suites, "whole": whole, "cases": cases, "properties": properties,
            "out": "".join(one.text for one in root._elem.iter("system-out"))}


def schema(path, schema_path):
    from jsonschema import Draft202012Validator
    rules, value = (json.loads(Path(one).read_text()) for one in (schema_path, path))
    Draft202012Validator.check_schema(rules)
    wrong = [f"{list(error.absolute_path)}: {error.message}" for error in Draft202012Validator(rules).iter_errors(value)]
    if wrong:
        raise SystemExit("\n".join(wrong))
    return value


def yaml(path):
    from yaml import safe_load
    return safe_load(Path(path).read_text())


def grafana(path):
    """What of a dashboard is not in the model that Grafana publishes of it, or is read otherwise than it is written: "panels[0].title"."""
    from grafana_foundation_sdk.cog import plugins
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard
    plugins.register_default_plugins()
    written = json.loads(Path(path).read_text())
    return list(differences(written, json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder)), ""))


def differences(one, other, at):
    if isinstance(one, dict) and isinstance(other, dict):
        for key, value in one.items():
            yield from differences(value, other[key], f"{at}.{key}".lstrip(".")) if key in other else [f"{at}.{key}".lstrip(".")]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, f"{at}[{i}]")
    elif one != other:
        yield f"{at}: {one!r} is read as {other!r}"


def hdrlog(path):
    """[[tag or None, start and end in unix seconds, count, {percentile: value}]…] of each interval, and the last of these of all
    intervals of a tag, added up."""
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader
    reader, intervals, sums = HistogramLogReader(path, HdrHistogram(1, 3_600_000_000, 2)), [], {}
    while (one := reader.get_next_interval_histogram()) is not None:
        intervals.append([one.get_tag(), one.get_start_time_stamp() / 1000, one.get_end_time_stamp() / 1000, one.get_total_count()])
        sums.setdefault(one.get_tag(), HdrHistogram(1, 3_600_000_000, 2)).add(one)
    return {"intervals": intervals, "sums": {tag or "": [one.get_total_count(), {p: one.get_value_at_percentile(p) for p in (50, 90, 99, 100)}]
                                             for tag, one in sums.items()}}


def hdrtexts(path):
    """{name: (count, median)} of [[name, base64]…], added up."""
    from hdrh.histogram import HdrHistogram
    sums = {}
    for name, text in json.loads(Path(path).read_text()):
        sums.setdefault(name, HdrHistogram(1, 3_600_000_000, 2)).add(HdrHistogram.decode(text))
    return {name: (one.get_total_count(), one.get_value_at_percentile(50)) for name, one in sums.items()}


if __name__ == "__main__":
    print(json.dumps({"junit": junit, "schema": schema, "yaml": yaml, "hdrlog": hdrlog, "hdrtexts": hdrtexts, "grafana": grafana}[sys.argv[1]](*sys.argv[2:]), default=str))
