"""Makes the golden files of this folder with stock Locust, from one list of samples.

Run it with the Python of an environment that has Locust 2.46.7:
    build/venv-locust/bin/python tests/unit/golden/stats/make.py

The samples stay where Locust and Katydid must agree to the last byte: times are whole milliseconds
below 100 (above, Locust's histogram has two digits) except for one maximum, and the number of samples of a
row never makes a percentile fall between two of them.
"""

import csv
import io
import json
import random
from pathlib import Path

import locust.stats as stock
from locust.exception import CatchResponseError

HERE = Path(__file__).parent
START = 1_700_000_000.0
ROWS = [("GET", "/", 37), ("POST", "/cart, \"quoted\"", 41), ("", "no method é", 10)]
ERRORS = {
    "GET": "HTTPError('404 Client Error: Not Found for url: /')",
    "POST": CatchResponseError('no "token", sorry'),
}


def make_samples():
    rng = random.Random(7)
    samples = []
    for method, name, count in ROWS:
        times = sorted(rng.randint(1, 99) for _ in range(count))
        if method == "POST":
            times[-1] = 250
        moments = sorted(START + 1 + rng.randrange(0, 80_000) / 4000 for _ in range(count))
        for i, (at, ms) in enumerate(zip(moments, times)):
            time = None if method == "" and i == 4 else ms
            error = ERRORS.get(method) if i % 6 == 5 else None
            samples.append((at, method, name, time, rng.randint(0, 5000), error))
    return sorted(samples, key=lambda s: (s[0], s[2]))


class Clock:
    now = START

    def time(self):
        return self.now


class Environment:
    runner = None
    stats = None


class Runner:
    user_count = 12
    exceptions = {
        "1": {"count": 3, "msg": "boom, \"twice\"", "traceback": "Traceback:\n  File \"x.py\"\n", "nodes": {"local"}}
    }


def write(name, text):
    (HERE / name).write_text(text, newline="")


def table(method, *args):
    out = io.StringIO(newline="")
    method(csv.writer(out), *args)
    return out.getvalue()


def main():
    clock = Clock()
    stock.time = clock
    stock.STATS_NAME_WIDTH = 80
    stats = stock.RequestStats()
    samples = make_samples()
    for at, method, name, ms, size, error in samples:
        clock.now = at
        stats.log_request(method, name, ms, size)
        if error:
            stats.log_error(method, name, error)
    write("samples.tsv", "".join(
        "\t".join([repr(at), method, name, "-" if ms is None else str(ms), str(size), stock.StatsError.parse_error(error) if error else "-"]) + "\n"
        for at, method, name, ms, size, error in samples))

    for current in (True, False):
        lines = stock.get_stats_summary(stats, current) + [""]
        write(f"console_{'current' if current else 'total'}.txt", "\n".join(lines) + "\n")
    write("percentiles.txt", "\n".join(stock.get_percentile_stats_summary(stats) + [""]) + "\n")
    write("errors.txt", "\n".join(stock.get_error_report_summary(stats)) + "\n")

    environment = Environment()
    environment.stats, environment.runner = stats, Runner()
    tables = stock.StatsCSV(environment, stock.PERCENTILES_TO_REPORT)
    write("requests.csv", table(tables.requests_csv))
    write("exceptions.csv", table(tables.exceptions_csv))
    failures = table(tables.failures_csv).splitlines(keepends=True)
    # Locust orders failures by a hash; we order by count, then name.
    write("failures.csv", failures[0] + "".join(sorted(failures[1:], key=lambda row: -int(row.split(",")[-3]))))
    history = stock.StatsCSVFileWriter.__new__(stock.StatsCSVFileWriter)
    stock.StatsCSV.__init__(history, environment, stock.PERCENTILES_TO_REPORT)
    history.full_history = False
    write("history_row.csv", table(history._stats_history_data_rows, START + 21.75))
    write("stats.json", json.dumps(stats.serialize_stats(), indent=4, ensure_ascii=False))


if __name__ == "__main__":
    main()
