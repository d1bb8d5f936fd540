"""The chart of docker/helm, without helm: its values are those its templates ask for, and its README names them (`make helm-test` renders it)."""

import re

from harness import ROOT
from read_outputs import read

CHART = ROOT / "docker/helm"
TEMPLATES = sorted((CHART / "templates").iterdir())


def leaves(value, path=""):
    """Names of values: of a map that is empty or taken whole (resources), its own."""
    if not isinstance(value, dict) or not value or path.endswith(".resources"):
        return [path]
    return [leaf for key, part in value.items() for leaf in leaves(part, f"{path}.{key}" if path else key)]


def values():
    return leaves(read("yaml", CHART / "values.yaml"))


def test_templates_ask_for_values_that_there_are():
    text = "".join(path.read_text() for path in TEMPLATES)
    asked = {name.rstrip(".") for name in re.findall(r"\.Values\.([\w.]+)", text)}
    assert asked == set(values())


def test_every_value_is_explained():
    rows = [line.split("|")[1] for line in (CHART / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([^`]+)`", "".join(rows))) == sorted(values())


def test_blocks_of_templates_end():
    for path in TEMPLATES:
        words = re.findall(r"\{\{-?\s*(if|with|range|define|end)\b", path.read_text())
        assert len([w for w in words if w != "end"]) == words.count("end"), path.name


def test_the_chart_is_of_this_version():
    version = re.search(r"^VERSION\s*:= (\S+)", (ROOT / "Makefile").read_text(), re.M).group(1)
    chart = read("yaml", CHART / "Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_compose_has_what_its_profiles_mount():
    services = read("yaml", ROOT / "docker/compose.yml")["services"]
    assert services["prometheus"]["profiles"] == ["prometheus", "grafana"] and services["grafana"]["profiles"] == ["grafana"]
    for name in ("prometheus", "grafana"):
        for mount in services[name]["volumes"]:
            assert (ROOT / "docker" / mount.partition(":")[0]).exists(), mount
    (source,) = read("yaml", ROOT / "docker/grafana.yml")["datasources"]
    assert source["uid"] in " ".join(services["grafana"]["entrypoint"]), "the dashboard is given another data source"
    (job,) = read("yaml", ROOT / "docker/prometheus.yml")["scrape_configs"]
    assert "master:8089" in job["static_configs"][0]["targets"]
    keys = read("yaml", ROOT / "docker/compose.keys.yml")
    assert {s for one in keys["services"].values() for s in one["secrets"]} == set(keys["secrets"])
