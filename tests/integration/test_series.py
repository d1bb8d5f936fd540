# SPDX-License-Identifier: MIT
"""Metrics of a locustfile's own, from several workers to what the run leaves."""

import csv

from harness import free_port, get_json, katydid, locustfile, run_katydid, wait_for

METRICS = '''
from locust import User, constant, events, task
from katydid.metrics import Counter, Gauge, Rate, Trend

sold = Counter("sold", unit="EUR")
basket = Trend("basket")
full = Rate("full")
stock = Gauge("stock")
told = Counter("told")
sold.add(1000)  # before the run: of no run

@events.quitting.add_listener
def tell(environment, **_):
    print("TOLD", environment.counted if hasattr(environment, "counted") else 0)

class U(User):
    wait_time = constant(0.05)
    @task
    def shop(self):
        self.environment.counted = getattr(self.environment, "counted", 0) + 1
        told.add(1)
        sold.add(2, tags={"shop": "north"})
        sold.add(3, tags={"shop": 7})
        basket.add(-1.5)
        basket.add(float("nan"))
        full.add(True)
        full.add(0)
        stock.add(5)
'''


def metrics(path):
    with open(path, newline="") as file:
        return {(row["Metric"], row["Tags"]): row for row in csv.DictReader(file)}


def test_values_of_all_workers_are_added_up_once(tmp_path):
    with locustfile(METRICS) as file:
        run = run_katydid("-f", file, "--headless", "-u", 4, "-r", 4, "-t", 3, "--processes", 2, "--csv", tmp_path / "o")
    assert run.code == 0, run.describe()
    counted = sum(int(line.split()[1]) for line in (run.stdout + run.stderr).splitlines() if line.startswith("TOLD"))
    rows = metrics(tmp_path / "o_metrics.csv")
    assert counted > 20, run.describe()
    assert float(rows["told", ""]["Sum"]) == counted
    assert float(rows["sold", "{shop:north}"]["Sum"]) == 2 * counted
    assert float(rows["sold", "{shop:7}"]["Sum"]) == 3 * counted and rows["sold", "{shop:7}"]["Unit"] == "EUR"
    assert int(rows["basket", ""]["Count"]) == counted and float(rows["basket", ""]["50%"]) == -1.5
    assert (int(rows["full", ""]["Count"]), int(rows["full", ""]["True"])) == (2 * counted, counted)
    assert float(rows["stock", ""]["Latest"]) == 5
    assert int(rows["metrics_rejected", "{metric:basket}"]["Sum"]) == counted
    assert "sold{shop:north}" in run.stderr and ("sold", "") not in rows, run.describe()


def test_a_running_test_shows_them():
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with locustfile(METRICS) as file, katydid("-f", file, "--web-port", port, "--autostart", "-u", 1, "-r", 1) as master:
        master.wait_line("Starting web interface")

        def sold():
            series = get_json(f"{url}/api/v1/series")["series"]
            return sum(s["sum"] for s in series if s["metric"] == "sold")

        wait_for(lambda: sold() >= 50, "the sum of what was sold")
        before = sold()
        assert before < 1000 and before % 5 == 0


def test_one_name_is_one_type(tmp_path):
    (tmp_path / "other.py").write_text('from katydid.metrics import Trend\nbasket = Trend("basket")\n')
    main = "import sys; sys.path.insert(0, {!r})\nimport other\nfrom katydid.metrics import Counter\nCounter('basket')\n"
    with locustfile(main.format(str(tmp_path)) + METRICS) as file:
        run = run_katydid("-f", file, "--headless", "-t", 1)
    text = run.stdout + run.stderr
    assert run.code != 0 and "metric 'basket' is a Counter in" in text and "a Trend in" in text, run.describe()
    assert "other.py:2" in text and f"{file}:4" in text, run.describe()
