# SPDX-License-Identifier: MIT
"""--out timescale: what a real PostgreSQL has at the end is what the target saw, whatever became of the server meanwhile; and the panels of docs/grafana find it."""

import json
import re
import time
from pathlib import Path

import pytest

from harness import free_port, katydid, locustfile, run_katydid, target, wait_for
from postgres import postgres
from receivers import user_of_rows

ODD = "tab\t line\n back\\slash \\N \\. end\\"
USER = user_of_rows("it's \\ \"é\"") + '''
    @task
    def fired(self):
        self.environment.events.request.fire(request_type="GRPC", name="call", response_time=None, response_length=7, exception=None)
'''
NAMES = {"/", "it's \\ \"é\"", "fails", "call"}
GRAFANA = Path(__file__).resolve().parents[2] / "docs" / "grafana" / "timescaledb.json"


def counted(server, table):
    """{name: (requests, failures)}; nothing before the table is there."""
    if server.one(f"SELECT to_regclass('{table}') IS NOT NULL") == "f":
        return {}
    count = {"request": "sum(coalesce(weight, 1)) AS n, coalesce(sum(coalesce(weight, 1)) FILTER (WHERE success = 0), 0) AS fails", "request_second": "sum(requests) AS n, sum(failures) AS fails"}
    return {row["name"]: (int(row["n"]), int(row["fails"])) for row in server.rows(f"SELECT name, {count[table]} FROM {table} GROUP BY name")}


def of_summary(path):
    summary = json.loads(path.read_text())
    (out,) = [one for one in summary["outputs"] if one["kind"] == "timescale"]
    return summary, {row["name"]: (row["requests"], row["failures"]) for row in summary["rows"]}, out


def run_until_all(server, file, shop, folder, *arguments, **kwargs):
    with katydid("-f", file, "-H", shop.url, "--headless", "-u", 3, "-r", 3, "--exit-code-on-error", 0, "--summary", "s.json", "--test-id", "night 1", "--threshold", "fail_ratio < 0.01", *arguments, cwd=folder, **kwargs) as run:
        wait_for(lambda: set(counted(server, "request_second")) == NAMES, "every name")
        run.signal(15)
        run.code = run.wait()
    assert run.code == 99, run.describe()
    return run


def queries(dashboard, window, since, testplan, run):
    """(title, SQL) of every panel, variable and annotation, as Grafana fills them in."""
    now = time.time() + 60

    def fill(sql):
        sql = sql.replace("$window", window).replace("$testplan", f"'{testplan}'").replace("$run", f"'{run}'")
        sql = re.sub(r'\$__timeFilter\(("?\w+"?)\)', rf"\1 BETWEEN to_timestamp({since}) AND to_timestamp({now})", sql)
        sql = re.sub(r"\$__timeGroup\((\"?\w+\"?), '(\d+)s'\)", r"floor(extract(epoch from \1)/\2)*\2", sql)
        assert "$" not in sql, sql
        return sql

    for panel in dashboard["panels"]:
        for one in panel["targets"]:
            yield panel["title"], fill(one["rawSql"])
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            yield one["name"], fill(one["query"])
    for one in dashboard["annotations"]["list"]:
        yield one["name"], fill(one["rawQuery"])


def test_the_store_has_what_the_target_saw_and_the_panels_find_it(tmp_path):
    with postgres("s3cret") as server, target() as shop, locustfile(USER) as file:
        (tmp_path / "password").write_text("s3cret\n")
        run = run_until_all(server, file, shop, tmp_path, "--out", f"timescale={server.address},password=@{tmp_path}/password,testplan=shop,env=staging,interval=500ms")
        assert "s3cret" not in run.stderr
        summary, rows, out = of_summary(tmp_path / "s.json")
        assert (out["dropped"], out["last_error"]) == (0, "")
        assert counted(server, "request") == counted(server, "request_second") == rows
        check_tables(server, summary)
        check_panels(server, summary)


LABELLED = """
from katydid import check, group
from katydid.metrics import Counter, Gauge, Trend
from locust import HttpUser, constant, task
sold, stock, size = Counter("sold"), Gauge("stock"), Trend("size")
class Buyer(HttpUser):
    wait_time = constant(0.02)
    @task
    def buy(self):
        with group("it's \\\\ pay"):
            check(self.client.get("/"), {"fine": lambda r: r.ok}, tags={"shop": "north"})
        self.client.get("/")
        sold.add(2.5)
        stock.add(-3)
        size.add(4)
class Looker(HttpUser):
    wait_time = constant(0.02)
    @task
    def look(self):
        self.client.get("/")
"""


def test_labels_checks_and_metrics_are_in_the_tables(tmp_path):
    with postgres() as server, target() as shop, locustfile(LABELLED) as file:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--summary", "s.json", "--out", f"timescale={server.address}", cwd=tmp_path)
        assert run.code == 0, run.describe()
        summary, rows, out = of_summary(tmp_path / "s.json")
        parts = {(row["class"], row["in"]): int(row["n"]) for row in server.rows("SELECT labels ->> 'user_class' AS class, labels ->> 'group' AS in, sum(requests) AS n FROM request_second GROUP BY 1, 2 HAVING sum(requests) > 0")}
        assert out["dropped"] == 0 and counted(server, "request_second") == rows
        assert parts.keys() == {("Buyer", "it's \\ pay"), ("Buyer", ""), ("Looker", "")} and all(parts.values()), parts
        assert server.one("SELECT sum(c) FROM request_second, unnest(bucket_count) AS c") == str(summary["total"]["requests"])
        metrics = {one["metric"]: one for one in summary["metrics"]}
        n = metrics["sold"]["count"]
        assert server.rows("SELECT sum(count) AS n, sum(sum) AS sum FROM metric_second WHERE metric = 'sold'") == [{"n": str(n), "sum": f"{2.5 * n:g}"}]
        assert server.rows("SELECT sum(passes) AS good, sum(fails) AS bad FROM metric_second WHERE metric = 'checks' AND tags ->> 'check' = 'fine' AND tags ->> 'shop' = 'north'") == [{"good": str(parts["Buyer", "it's \\ pay"]), "bad": "0"}]
        assert server.rows("SELECT DISTINCT value FROM metric_second WHERE metric = 'stock'") == [{"value": "-3"}] and server.rows("SELECT DISTINCT run_p95 FROM metric_second WHERE metric = 'size'") == [{"run_p95": "4"}]


def check_tables(server, summary):
    (run,) = server.rows("SELECT * FROM testrun")
    assert (run["testplan"], run["description"], run["env"]) == ("shop", "night 1", "staging")
    assert int(run["requests"]) == summary["total"]["requests"] and run["end_time"]
    assert abs(float(run["fail_ratio"]) - summary["total"]["failures"] / summary["total"]["requests"]) < 1e-6
    texts = [row["text"] for row in server.rows('SELECT text FROM events ORDER BY "time"')]
    assert [text for text in texts if re.fullmatch(r"shop started by \S+", text)] and {"shop rampup complete, 3 users spawned", "shop finished"} <= set(texts) and len(texts) == len(set(texts)), texts
    assert [text for text in texts if "threshold: " in text and "fail_ratio" in text]
    assert server.one("SELECT max(user_count) FROM user_count") == "3"
    assert server.one('SELECT count(*) FROM request r JOIN testrun t ON r.run_id = t.id AND r."time" > t.id') == str(summary["total"]["requests"])
    assert server.one("SELECT count(*) FROM request WHERE success = 0 AND exception NOT LIKE '%404%'") == "0"
    assert server.one("SELECT count(*) FROM request WHERE context ->> 'testid' <> 'night 1' OR (name = 'call') <> (response_time IS NULL)") == "0"
    for name in ("/", "fails"):
        (row,) = [one for one in summary["rows"] if one["name"] == name]
        for share in ("50", "95", "99"):
            got, value = float(server.one(f"SELECT percentile_disc(0.{share}) WITHIN GROUP (ORDER BY response_time) FROM request WHERE name = '{name}'")), row["percentiles"][share]
            assert abs(got - value) <= 0.01 * value + 0.002, (name, share, got, value)


def check_panels(server, summary):
    (run,) = server.rows("SELECT id::text AS id, extract(epoch FROM id) AS at FROM testrun")
    found = {}
    for title, sql in queries(json.loads(GRAFANA.read_text()), "1s", float(run["at"]) - 60, "shop", run["id"]):
        found[title] = server.rows(sql)
        assert found[title], title
    total = summary["total"]
    steps = found["Requests and failures a second"]
    assert round(sum(float(step["requests"]) for step in steps)) == total["requests"] and round(sum(float(step["failures"]) for step in steps)) == total["failures"]
    table = {row["row"]: row for row in found["Rows"]}
    assert {name: (int(row["requests"]), int(row["failures"])) for name, row in table.items()} == {f"{row['method']} {row['name']}": (row["requests"], row["failures"]) for row in summary["rows"]}
    for row in summary["rows"]:
        shown = table[f"{row['method']} {row['name']}"]
        for share in ("50", "95", "99"):
            value = row["percentiles"][share]
            assert (row["name"] == "call") == (value is None) == (not shown[f"p{share}"])
            assert value is None or abs(float(shown[f"p{share}"]) - value) <= 0.01 * value + 0.002, (row["name"], share)
    assert sum(int(row["failures"]) for row in found["Failures"]) == total["failures"]
    assert found["Runs"][0]["requests"] == str(total["requests"])


def check_all_once(server, run, folder):
    """What was kept while the server was away arrives, and the run ends well."""
    before = counted(server, "request_second")
    wait_for(lambda: counted(server, "request_second") != before, "what was kept")
    run.signal(15)
    assert run.wait() == 0, run.describe()
    _, rows, out = of_summary(folder / "s.json")
    assert out["dropped"] == 0 and counted(server, "request") == counted(server, "request_second") == rows


def test_a_server_that_vanishes_and_comes_back_has_everything_once(tmp_path):
    with postgres() as server, target() as shop, locustfile(USER) as file:
        with katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "--exit-code-on-error", 0, "--summary", "s.json", "--out", f"timescale={server.address}", cwd=tmp_path) as run:
            wait_for(lambda: counted(server, "request_second"), "rows")
            server.vanish()
            run.wait_line("timescale: ")
            server.start()
            check_all_once(server, run, tmp_path)


def test_a_server_that_stands_still_has_everything_once(tmp_path):
    """What it takes after it was given up is known again when it is sent once more."""
    with postgres() as server, target() as shop, locustfile(USER) as file:
        with katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "--exit-code-on-error", 0, "--summary", "s.json", "--out", f"timescale={server.address},timeout=1s", cwd=tmp_path) as run:
            wait_for(lambda: counted(server, "request_second"), "rows")
            server.stand_still()
            try:
                run.wait_line("timescale: .*no answer in time")
            finally:
                server.go_on()
            check_all_once(server, run, tmp_path)


def test_more_than_the_table_is_to_have_are_rows_with_a_weight(tmp_path):
    with postgres() as server, target() as shop, locustfile(USER) as file:
        run_until_all(server, file, shop, tmp_path, "--out", f"timescale={server.address},rows=8")
        _, rows, _ = of_summary(tmp_path / "s.json")
        assert counted(server, "request") == counted(server, "request_second") == rows
        assert int(server.one("SELECT count(*) FROM request")) < sum(n for n, _ in rows.values())


def test_texts_that_could_end_a_row_are_those_of_the_test(tmp_path):
    with postgres() as server, target() as shop, locustfile(user_of_rows(ODD)) as file:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 1, "-t", 2, "--exit-code-on-error", 0, "--summary", "s.json", "--out", f"timescale={server.address},testplan=a\\b\tc", cwd=tmp_path)
        assert run.code == 0, run.describe()
        _, rows, out = of_summary(tmp_path / "s.json")
        assert (out["dropped"], out["last_error"]) == (0, "") and ODD in rows
        assert counted(server, "request") == counted(server, "request_second") == rows
        assert server.rows("SELECT DISTINCT testplan FROM request") == [{"testplan": "a\\b\tc"}]


def test_tables_of_others_are_used_as_they_are(tmp_path):
    """locust-plugins' table has no weight; and who has no right to make tables may use those that are there."""
    with postgres() as server, target() as shop, locustfile(USER) as file:
        run_until_all(server, file, shop, tmp_path, "--out", f"timescale={server.address}")
        server.rows('ALTER TABLE request DROP COLUMN weight')
        server.rows('DELETE FROM request_second')
        run_until_all(server, file, shop, tmp_path, "--out", f"timescale={server.address}")
        server.rows("CREATE USER guest; REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest; DELETE FROM request_second")
        run = run_until_all(server, file, shop, tmp_path, "--out", f"timescale={server.address.replace('katydid@', 'guest@')}")
        _, rows, out = of_summary(tmp_path / "s.json")
        assert out["dropped"] == 0 and counted(server, "request_second") == rows, run.describe()
        assert server.one("SELECT count(*) FROM testrun") == "3"


@pytest.mark.parametrize(("target_text", "code", "words"), [
    ("postgres://u:secret@127.0.0.1/db", 2, "an address with a password"),
    ("host=127.0.0.1 password=secret", 2, "set PGPASSWORD"),
    ("host=127.0.0.1 hots=x", 2, "is no address"),
])
def test_an_address_that_is_none_is_told_before_the_test(target_text, code, words, tmp_path):
    with locustfile(USER) as file:
        run = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, "--out", f"timescale={target_text}", cwd=tmp_path)
    assert run.code == code and words in run.stderr and "Ramping" not in run.stderr, run.describe()
    assert "secret" not in run.stderr


def test_who_must_be_there_and_is_not(tmp_path):
    with locustfile(USER) as file:
        run = run_katydid("-f", file, "--headless", "-H", "http://127.0.0.1:1", "-t", 1, "--out-required", "--out", f"timescale=postgres://u@127.0.0.1:{free_port()}/db", cwd=tmp_path)
    assert run.code == 74 and "--out timescale" in run.stderr and "Ramping" not in run.stderr, run.describe()


def test_the_options_of_locust_plugins_say_where(tmp_path):
    """--timescale and what goes with it, without the plug-in; a locustfile that has that option itself writes by itself."""
    with postgres("s3cret") as server, target() as shop, locustfile(USER) as file:
        (tmp_path / "password").write_text("s3cret\n")
        words = re.findall(r"//(\S+)@(\S+):(\d+)/(\S+)", server.address)
        ((user, host, port, database),) = words
        at = ["--timescale", "--pghost", host, "--pgport", port, "--pguser", user, "--pgdatabase", database]
        run = run_until_all(server, file, shop, tmp_path, *at, "--pgpassword", f"@{tmp_path}/password", "--override-plan-name", "my shop", "--test-env", "staging", "--description", "it's a test",
                            "--test-version", "abc", "--profile", "night", "--grafana-url", "http://grafana/d/x?y=1")
        _, rows, out = of_summary(tmp_path / "s.json")
        assert (out["dropped"], out["last_error"]) == (0, "") and counted(server, "request") == rows
        (row,) = server.rows("SELECT testplan, env, description, changeset_guid, profile_name FROM testrun")
        assert row == {"testplan": "my shop", "env": "staging", "description": "it's a test", "changeset_guid": "abc", "profile_name": "night"}
        assert re.search(r"Follow test run here: http://grafana/d/x\?y=1&var-testplan=my%20shop&from=\d{13}&to=now", run.stderr), run.describe()
        away = run_katydid("-f", file, "-H", shop.url, "--headless", "-t", 1, "--timescale", "--pghost", "127.0.0.1", "--pgport", 1, "--grafana-url", "http://grafana/?", cwd=tmp_path)
        assert f"/?&var-testplan={Path(file).name}&from=" in away.stderr, away.describe()
    bad = run_katydid("-f", "x.py", "--headless", "--timescale", "--pgpassword", "s3cret", cwd=tmp_path)
    assert bad.code == 2 and "set PGPASSWORD" in bad.stderr and "s3cret" not in bad.stderr, bad.describe()
    own = USER + """
    from locust import events

    @events.init_command_line_parser.add_listener
    def add(parser):
        parser.add_argument("--timescale", action="store_true", env_var="LOCUST_TIMESCALE")
"""
    with target() as shop, locustfile(own) as file:
        theirs = run_katydid("-f", file, "-H", shop.url, "--headless", "-t", 1, "--exit-code-on-error", 0, "--summary", "s.json", "--timescale", cwd=tmp_path)
    assert theirs.code == 0 and "so it writes" in theirs.stderr and json.loads((tmp_path / "s.json").read_text())["outputs"] == [], theirs.describe()
