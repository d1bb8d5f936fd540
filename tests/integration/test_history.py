"""Runs that are stored: by whom, how much of them when the master is gone, and what `katydid runs` and `compare` say of them."""

import base64
import csv
import gzip
import json
import os
import re
import signal
import subprocess
import textwrap
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest
from harness import KATYDID, ROOT, SANITIZED, free_port, get_json, katydid, run_katydid, wait_for
from read_outputs import read

TEXT = """
    import time
    from locust import User, constant, task

    class Shop(User):
        wait_time = constant(0.05)

        @task
        def buy(self):
            self.environment.events.request.fire(request_type="GET", name="/buy", response_time=12, response_length=3, exception=None, context={})
"""


def locustfile(folder):
    path = folder / "shop.py"
    path.write_text(textwrap.dedent(TEXT))
    return path


def runs(folder, *words, code=0):
    run = subprocess.run([KATYDID, "runs", *map(str, words), "--history", str(folder)], capture_output=True, text=True, timeout=60)
    assert run.returncode == code, run.stderr
    return run.stdout if code == 0 else run.stderr


def stored(folder):
    return json.loads(runs(folder, "list", "--json"))


def test_a_run_is_stored_with_all_that_it_counted(tmp_path):
    file = locustfile(tmp_path)
    run = run_katydid("-f", file, "--headless", "-u", 2, "-t", 3, "--history", tmp_path / "h", "--tag", "build=17", "--note", "first", "--json")
    counted = json.loads(run.stdout)[0]["num_requests"]
    [one] = stored(tmp_path / "h")
    assert (one["state"], one["totals"]["requests"], one["users"], one["tags"], one["note"]) == ("done", counted, 2, {"build": "17"}, "first")
    assert os.stat(tmp_path / "h").st_mode & 0o077 == 0
    shown = runs(tmp_path / "h", "show", "tag:build=17")
    assert "state        done\n" in shown
    assert re.search(r"^  p95 +12.* ms  \[12.* ms, 12.* ms\]  by the number of requests alone$", shown, re.M), shown  # three seconds have no blocks
    assert re.search(r"^  p95 of GET /buy  12.* ms  \[", shown, re.M), shown
    whole = json.loads(runs(tmp_path / "h", "show", "latest", "--json"))["intervals"]
    assert json.loads(runs(tmp_path / "h", "export", "latest", "--json"))["intervals"] == whole
    p95 = next(one for one in whole if (one["name"], one["metric"]) == ("/buy", "p95"))
    assert p95["low"] <= p95["value"] <= p95["high"] and (p95["n"], p95["blocks"]) == (counted, 0)
    file = tmp_path / "out.kdrun"  # and wherever it is taken
    runs(tmp_path / "h", "export", "latest", file)
    runs(tmp_path / "other", "import", file)
    assert json.loads(runs(tmp_path / "other", "show", "latest", "--json"))["intervals"] == whole


def test_nothing_is_stored_when_nobody_wants_it(tmp_path):
    file = locustfile(tmp_path)
    for words in (["--no-history"], ["--history", "off"]):
        run = run_katydid("-f", file, "--headless", "-t", 1, *words, env={"KATYDID_HISTORY": str(tmp_path / "h")})
        assert run.code == 0, run.stderr
    assert not (tmp_path / "h").exists()


def test_a_folder_that_cannot_be_written_is_told_once_and_fails_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    run = run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 2, "--history", tmp_path / "file" / "h")
    assert run.code == 0, run.stderr
    assert run.stderr.count("This run is not stored") == 1


LOST_MOST_S = 10 + 1  # and the second that was not complete


def test_of_a_master_that_is_killed_there_is_what_was_measured(tmp_path):
    """But for the last 10 s: by the clock of the run and the count that it told last."""
    port, told = free_port(), []
    with katydid("-f", locustfile(tmp_path), "--web-port", port, "--autostart", "-u", 1, "--history", tmp_path / "h") as master:
        master.wait_line("Starting web interface")

        def is_long():
            live = get_json(f"http://127.0.0.1:{port}/api/v1/live")
            told.append((live["now"], live["total"][1]))
            return live["started"] and live["now"] - live["started"] > LOST_MOST_S + 2

        wait_for(is_long, "a run that is longer than what may be lost")
        master.signal(signal.SIGKILL)
        master.wait()
    [one] = stored(tmp_path / "h")
    assert one["state"] == "interrupted" and not one["valid"]
    oldest = told[-1][0] - LOST_MOST_S
    assert one["ended"] >= oldest and one["totals"]["requests"] >= max(count for now, count in told if now <= oldest) > 0, (one, told[-1])
    [rate] = [each["value"] for each in json.loads(runs(tmp_path / "h", "show", "latest", "--json"))["intervals"] if (each["name"], each["metric"]) == ("", "rps")]
    assert rate == pytest.approx(one["totals"]["rps"], rel=0.2)  # of all its time, and not of what its file said last


UNNAMED = """
    from locust import User, constant, task

    class Shop(User):
        wait_time = constant(0.1)

        @task
        def buy(self):
            self.environment.events.request.fire(request_type="GET", name="", response_time=5, response_length=3, exception=None, context={})
            self.environment.events.request.fire(request_type="", name="", response_time=7, response_length=3, exception=None, context={})
            self.environment.events.request.fire(request_type="GET", name="/slow", response_time=1000, response_length=3, exception=None, context={})
"""


def test_a_row_without_a_name_has_figures_of_its_own(tmp_path):
    file = tmp_path / "shop.py"
    file.write_text(textwrap.dedent(UNNAMED))
    assert run_katydid("-f", file, "--headless", "-t", 2, "--history", tmp_path / "h").code == 0
    whole = json.loads(runs(tmp_path / "h", "show", "latest", "--json"))["intervals"]
    means = {(one["method"], one["name"]): round(one["value"]) for one in whole if one["metric"] == "mean"}
    assert means == {("", ""): 337, ("GET", ""): 5, ("GET", "/slow"): 1000}
    assert re.search(r"^  p95 of GET   +5\S* ms", runs(tmp_path / "h", "show", "latest"), re.M)


SCENARIO = """
    from locust import User, task

    class Shop(User):
        @task
        def buy(self):
            self.environment.events.request.fire(request_type="GET", name="/buy", response_time=0.25, response_length=3, exception=None, context={})
"""


def test_the_table_shows_fast_answers_and_the_users_of_scenarios(tmp_path):
    file = tmp_path / "shop.py"
    file.write_text(textwrap.dedent(SCENARIO))
    run = run_katydid("-f", file, "--headless", "--scenario", "s:constant-vus:users=3,duration=3s", "--history", tmp_path / "h")
    assert run.code == 0, run.describe()
    head, line = runs(tmp_path / "h").splitlines()
    users = head.index("users") + len("users")
    assert line[:users].split()[-1] == "3" and re.search(r" 0\.2\dms ", line), line


def test_what_arrivals_had_is_shown(tmp_path):
    """Users at most, and how many iterations were started: how many users were asked for is no figure of theirs."""
    file = tmp_path / "shop.py"
    file.write_text(textwrap.dedent(SCENARIO))
    words = ["--scenario", "a:constant-vus:users=3,duration=3s", "--scenario", "b:shared-iterations:users=2,iterations=7", "--scenario", "c:constant-arrival-rate:rate=10/s,duration=3s"]
    run = run_katydid("-f", file, "--headless", *words, "--history", tmp_path / "h")
    assert run.code == 0, run.describe()
    folder = tmp_path / "h"
    [one] = stored(folder)
    started = sum(scenario["started"] for scenario in json.loads(runs(folder, "export", "latest", "--json"))["scenarios"]["scenarios"])
    assert (one["users"], one["spawn_rate"], one["iterations"]["started"], one["iterations"]["dropped"]) == (None, None, started, 0) and started >= 37, one
    assert one["users_most"] >= 3 and f'users_most   {one["users_most"]}\n' in runs(folder, "show", "latest")
    [line] = csv.DictReader(runs(folder, "list", "--csv").splitlines())
    assert (line["users"], line["iterations"]) == (f'{one["users_most"]:.0f}', str(started))
    run = run_katydid("-f", file, "--headless", *words, "--history", folder, "--baseline", "latest", "--markdown", tmp_path / "out.md")  # by arrivals runs may need other users
    assert "the load differs" not in run.stderr + (tmp_path / "out.md").read_text()


def test_words_that_mean_no_run_are_refused_with_the_nearest(tmp_path):
    run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 1, "--history", tmp_path / "h")
    assert "did you mean list?" in runs(tmp_path / "h", "lits", code=2)
    assert "did you mean latest?" in runs(tmp_path / "h", "show", "lastest", code=1)
    assert "did you mean --limit?" in runs(tmp_path / "h", "list", "--limt", 3, code=2)
    assert "no run is stored" in runs(tmp_path / "none", code=1)
    run = subprocess.run([KATYDID, "compare", "latest", "latest~4", "--history", tmp_path / "h"], capture_output=True, text=True, timeout=60)
    assert (run.returncode, "no run is stored that is 'latest~4'" in run.stderr) == (1, True)


def test_what_people_add_is_shown(tmp_path):
    run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 1, "--history", tmp_path / "h")
    for words in (["pin", "latest", "base"], ["note", "latest", "a", "note"], ["tag", "latest", "k=v"]):
        runs(tmp_path / "h", *words)
    [one] = stored(tmp_path / "h")
    assert (one["pin"], one["note"], one["tags"]) == ("base", "a note", {"k": "v"})
    assert "is pinned as base" in runs(tmp_path / "h", "delete", "latest", code=1)
    compared = subprocess.run([KATYDID, "compare", "latest", "latest", "--history", tmp_path / "h"], capture_output=True, text=True, timeout=60)
    assert re.search(rf"Not compared: .*base \(\d{{4}}-\d\d-\d\d \d\d:\d\d, {one['id']}\)", compared.stdout), compared.stdout


def test_a_test_is_compared_with_its_baseline_when_it_is_over(tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text('cant_tell = "fail"\n')
    words = ["-f", locustfile(tmp_path), "--headless", "-t", 1, "--history", tmp_path / "h", "--baseline", "latest"]
    first = run_katydid(*words)
    assert (first.code, "there is no baseline" in first.stderr) == (0, True), first.stderr
    second = run_katydid(*words, "--markdown", tmp_path / "out.md")
    assert second.code == 0 and "Not compared:" in second.stderr, second.stderr  # too short, or not valid on a crowded machine
    assert "Not compared:" in (tmp_path / "out.md").read_text()
    third = run_katydid(*words, "--gate", gate, "--junit", tmp_path / "junit.xml", "--summary", tmp_path / "summary.json", "--markdown", tmp_path / "out.md")
    assert json.loads(runs(tmp_path / "h", "show", "latest", "--json"))["verdict"]["gate_failed"] is True
    why = "not compared with the baseline (cant_tell = fail)"
    assert (third.code, why in third.stderr, "worse" in third.stderr) == (94, True, False), third.stderr
    case = ElementTree.parse(tmp_path / "junit.xml").getroot().find(".//testcase[@classname='katydid.baseline']")
    assert (case.get("name"), case.find("failure").get("type")) == ("compared with latest", "not compared")
    summary = read("schema", tmp_path / "summary.json", ROOT / "docs/summary.schema.json")
    compared = summary["baseline"]
    assert (compared["runs"], compared["answer"], compared["cant_tell"], compared["failed"], compared["lines"]) == ("latest", "not compared", "fail", True, []) and compared["why"]
    assert why in summary["verdict"]["reasons"] and "not compared with the baseline" in (tmp_path / "out.md").read_text()


def test_a_table_for_programs_has_the_oldest_run_first(tmp_path):
    for profile in ("=a,\"b\"", "c"):
        run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 1, "--history", tmp_path / "h", "--profile", profile)
    first, second = csv.DictReader(runs(tmp_path / "h", "list", "--csv").splitlines())
    newest = stored(tmp_path / "h")[0]
    assert (first["profile"], second["profile"], second["id"]) == ("'=a,\"b\"", "c", newest["id"])
    assert int(second["requests"]) == newest["totals"]["requests"] and float(second["p95"]) == 12 and (first["verdict"] in ("-", "not valid")) and first["time"] <= second["time"] < "9"


def test_of_several_runs_none_is_guessed(tmp_path):
    for _ in range(3):
        run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 1, "--history", tmp_path / "h")
    ids = [run["id"] for run in stored(tmp_path / "h")]
    for words in (["show"], ["note", "x"], ["pin", "x"], ["tag", "k=v"], ["export"], ["delete"]):
        said = runs(tmp_path / "h", words[0], "latest 2", *words[1:], code=1)
        assert f"'latest 2' means 2 runs; name one of them: {ids[0]} {ids[1]}" in said, words
    assert [run["id"] for run in stored(tmp_path / "h")] == ids
    runs(tmp_path / "h", "delete", "latest", "latest~1", ids[1])  # as they are called before the first of them goes
    assert [run["id"] for run in stored(tmp_path / "h")] == ids[2:]


HALF = """
    from locust import User, constant, task

    class Half(User):
        wait_time = constant(0.05)

        @task
        def every_other_one_fails(self):
            for error in (None, ValueError("no")):
                self.environment.events.request.fire(request_type="GET", name="/half", response_time=12, response_length=3, exception=error, context={})
"""


def compare(*words):
    return subprocess.run([KATYDID, "compare", *map(str, words)], capture_output=True, text=True, timeout=60)


def test_summaries_of_other_machines_are_compared_too(tmp_path):
    file = locustfile(tmp_path)
    for name in ("a", "b"):
        run_katydid("-f", file, "--headless", "-u", 2, "-t", 2, "--history", tmp_path / name, "--summary", tmp_path / f"{name}.json", "--html", tmp_path / f"{name}.html")
    both = compare(tmp_path / "a.json", tmp_path / "b.json", "--force", "--history", tmp_path / "none")
    assert both.returncode == 0 and "| p95 | 12 ms | 12 ms | +0.0 % [" in both.stdout and "Of a summary or report there are no seconds" in both.stdout, both
    one = json.loads(compare(tmp_path / "a.json", "latest", "--force", "--json", "--history", tmp_path / "b").stdout)
    assert {line["stat"]: line["before"] for line in one["lines"]}["p95"] == 12 and one["rows"][0][:2] == ["GET", "/buy"]
    report = json.loads(compare(tmp_path / "a.html", tmp_path / "a.json", "--force", "--json", "--history", tmp_path / "none").stdout)
    assert all(line["before"] == line["after"] for line in report["lines"] if line["stat"] != "rps"), report
    (row,) = report["rows"]
    assert row[:2] == ["GET", "/buy"] and row[3:7] == row[7:11], report
    (tmp_path / "other.html").write_text('<script id="katydid-report">AAAA</script>')
    assert "this is no report of a run" in compare(tmp_path / "other.html", "latest", "--history", tmp_path / "b").stderr
    many = gzip.compress(b'{"a":[' + b"[]," * 20_000_000 + b"[]]}")  # 80 KB, and 3 GB of memory
    (tmp_path / "many.html").write_text(f'<script id="katydid-report">{base64.b64encode(many).decode()}</script>')
    assert "many.html: it is too large" in compare(tmp_path / "many.html", "latest", "--history", tmp_path / "b").stderr
    (tmp_path / "other.json").write_text("{}")
    assert "this is no file of --summary" in compare(tmp_path / "other.json", "latest", "--history", tmp_path / "b").stderr
    page = compare(tmp_path / "a.json", tmp_path / "b.json", "--force", "--html", "--history", tmp_path / "none").stdout
    assert "<td>p95</td>" in page and "12 ms</td>" in page and "Requests per second" not in page
    summary = json.loads((tmp_path / "a.json").read_text())
    for row in (*summary["rows"], summary["run"]):
        row["name"] = row["locustfile"] = "/buy\x1b[2J\u009b31m\u0085"
    (tmp_path / "odd.json").write_text(json.dumps(summary, ensure_ascii=False))
    for form in ("--md", "--json", "--html"):  # a name of a stranger steers no terminal
        odd = compare(tmp_path / "odd.json", tmp_path / "odd.json", "--force", form, "--history", tmp_path / "none")
        assert odd.returncode == 0 and "buy" in odd.stdout and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", odd.stdout), odd.stdout
    lists = '{"schema":"katydid-summary/1","run":{},"rows":[' + "[]," * 20_000_000 + "[]]}"  # 60 MB, and 3 GB of memory
    (tmp_path / "lists.json").write_text(lists)
    limit = [] if SANITIZED else ["prlimit", "--as=600000000"]  # a sanitizer takes address space without end
    few = subprocess.run([*limit, KATYDID, "compare", tmp_path / "lists.json", "latest", "--history", tmp_path / "b"], capture_output=True, text=True, timeout=60)
    assert "lists.json: its rows are damaged" in few.stderr, few
    gated = run_katydid("-f", file, "--headless", "-u", 2, "-t", 1, "--no-history", "--baseline", tmp_path / "a.json")
    assert gated.code == 0 and ("| p95 |" in gated.stderr or "was not valid" in gated.stderr), gated.describe()
    missing = run_katydid("-f", file, "--headless", "-t", 1, "--no-history", "--baseline", tmp_path / "missing.json")
    assert missing.code == 0 and "there is no baseline" in missing.stderr and "No such file" in missing.stderr, missing.describe()


def height(path):
    """Of its first cell, from the top."""
    return float(re.match(r"M\S+ ([\d.]+)H", path.get("d"))[1])


def test_a_comparison_is_one_page_that_needs_nothing_else(tmp_path):
    file = locustfile(tmp_path)
    for ms in ("12", "48"):
        file.write_text(textwrap.dedent(TEXT).replace("response_time=12", f"response_time={ms}"))
        run_katydid("-f", file, "--headless", "-u", 2, "-t", 3, "--history", tmp_path / "h")
    page = compare("latest~1", "latest", "--force", "--html", "--history", tmp_path / "h")
    tree = ElementTree.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", page.stdout))
    titles = [caption.text for caption in tree.iter("figcaption")]
    assert titles == ["Response time by percentile", "Change of each percentile", "Requests per second", "p95 of each step",
                      "Where the runs have more of their requests: filled, the later; hatched, the earlier"], page.stderr
    hottest, coldest = (max((path for path in tree.iter("path") if path.get(key) == value), key=lambda path: float(path.get("opacity")))
                        for key, value in (("class", "hotter"), ("fill", "url(#hatch)")))
    assert height(hottest) < height(coldest)  # the slower run is above
    assert "nan" not in page.stdout and "http" not in page.stdout.replace("http-equiv", "") and "<script" not in page.stdout
    assert tree.find(".//p[@class='answer']").text.startswith("Not compared: ") and "GET /buy" in [row[0].text for row in tree.iter("tr")]


def test_several_runs_a_side_have_one_picture(tmp_path):
    """Each side has a fast run and a slow one: what they have in common is no difference, though the newest ones differ."""
    def run(side, ms):
        folder = tmp_path / f"{side}{ms}"
        folder.mkdir()
        path = folder / "shop.py"
        path.write_text(textwrap.dedent(TEXT).replace("response_time=12", f"response_time={ms}"))
        return run_katydid("-f", path, "--headless", "-u", 2, "-t", 3, "--history", tmp_path / "h", "--tag", f"side={side}", "--tag", f"ms={ms}")

    with ThreadPoolExecutor(2) as pool:
        ended = [*pool.map(run, "ab", (48, 12)), *pool.map(run, "ab", (12, 48))]
    assert all(done.code == 0 for done in ended)

    def strongest(*words):
        page = compare(*words, "--force", "--html", "--history", tmp_path / "h").stdout
        [share, more] = re.search(r"The strongest cell is (\S+) % of all requests of a run\.(.*)</p>", page).groups()
        return float(share), more

    (apart, one), (together, several) = strongest("tag:side=a tag:ms=12", "tag:side=b tag:ms=48"), strongest("tag:side=a 2", "tag:side=b 2")
    assert together < apart / 2 and one == "" and "the mean" in several, (apart, together)


def test_what_cannot_be_told_makes_the_run_longer(tmp_path):
    file, gate = tmp_path / "half.py", tmp_path / "gate.toml"
    file.write_text(textwrap.dedent(HALF))
    gate.write_text('cant_tell = "retry"\nrules = [{stat = "fail_ratio", margin = "0.2pp"}]\n')
    run_katydid("-f", file, "--headless", "-u", 2, "-t", 3, "--no-history", "--summary", tmp_path / "s.json")
    summary = json.loads((tmp_path / "s.json").read_text())
    summary["verdict"]["valid"] = True  # on a crowded machine it is not, and this is of something else
    (tmp_path / "s.json").write_text(json.dumps(summary))
    for words, goes_on in (([], True), (["--repeat", "1"], False)):
        with katydid("-f", file, "--headless", "-u", 2, "-t", 8, "--history", tmp_path / "h", "--gate", gate, "--baseline", tmp_path / "s.json",
                     *words) as run:
            if goes_on:
                wait_for(lambda: run.stderr.count("the load goes on for 10 s") == 2 or "cannot tell" not in run.stderr and "not valid" in run.stderr, "a second look", 60)
                run.signal(signal.SIGINT)
            run.wait()
        assert ("the load goes on" in run.stderr) == goes_on or "not valid" in run.stderr, run.describe()


def test_a_gate_that_makes_no_sense_is_refused_before_the_test(tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text('[[rules]]\nstat = "p95ms"\n')
    run = run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 1, "--gate", gate)
    assert (run.code, "did you mean p95?" in run.stderr) == (2, True), run.stderr


def test_a_baseline_that_makes_no_sense_is_refused_before_the_test(tmp_path):
    for spec, words in (("lates", "did you mean latest?"), ("   ", "is no run"), ("latest " * 40, "longer than")):
        run = run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 1, "--history", tmp_path / "h", "--baseline", spec)
        assert (run.code, "--baseline: " in run.stderr and words in run.stderr) == (2, True), run.stderr


def test_a_table_that_is_garbage_names_the_way_out(tmp_path):
    folder = tmp_path / "h"
    folder.mkdir()
    (folder / "runs.db").write_bytes(b"garbage " * 1000)
    run = run_katydid("-f", locustfile(tmp_path), "--headless", "-t", 1, "--history", folder)
    assert (run.code, "katydid runs repair" in run.stderr) == (0, True), run.stderr
    assert "katydid runs repair" in runs(folder, "list", code=1)
    (folder / "runs.db").unlink()
    assert runs(folder, "repair") == "0 mended\n"
