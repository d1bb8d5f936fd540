# SPDX-License-Identifier: MIT
"""docs/grafana: dashboards are what Grafana reads, by its own published model; what their queries find is looked at with the stores (test_timescale, tests/stores)."""

import json
import re

import pytest

from harness import ROOT
from read_outputs import read

DASHBOARDS = sorted((ROOT / "docs" / "grafana").glob("*.json"))
# An import has inputs and no number; of annotations each data source has fields of its own, which the model leaves to it.
BESIDE = re.compile(r"__inputs|id|annotations\.list\[\d+\]\.(query|rawQuery|titleColumn|textColumn|step|titleFormat|textFormat|useValueForTime)")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_what_grafana_reads(path):
    unknown = [one for one in read("grafana", path) if not BESIDE.fullmatch(one)]
    assert not unknown
    dashboard = json.loads(path.read_text())
    assert dashboard["id"] is None and dashboard["schemaVersion"] >= 39 and dashboard["uid"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    (source,) = dashboard["__inputs"]
    used = {one["uid"] for one in sources(dashboard)} - {"-- Grafana --", "grafana"}
    assert used == {f"${{{source['name']}}}"}


def sources(value):
    if isinstance(value, dict):
        yield from [value["datasource"]] if isinstance(value.get("datasource"), dict) else []
        value = list(value.values())
    for one in value if isinstance(value, list) else []:
        yield from sources(one)
