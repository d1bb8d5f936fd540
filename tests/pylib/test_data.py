# SPDX-License-Identifier: MIT
"""Rows of a file, dealt out: what the process that reads it gives, takes back and says; what is wrong with a file."""

import json
import tracemalloc

import gevent
import pytest
from katydid import _exchange, data
from katydid._rows_file import BadRows, RowsFile

from locust.exception import StopUser


def file_of(tmp_path, text, name="a.csv", **more):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    given = {"format": None, "fields": None, "delimiter": None, "encoding": "utf-8-sig", **more}
    return RowsFile(str(path), str(tmp_path), **given)


@pytest.mark.parametrize("text, more, rows", [
    ("a,b\n1,2\n3,4\n", {}, [(2, ["1", "2"]), (3, ["3", "4"])]),
    ("\ufeffa, b\r\n1,2\r\n\r\n3,4", {}, [(2, ["1", "2"]), (4, ["3", "4"])]),
    ('a,b\n"1\n,""x""",2\n3,4\n', {}, [(2, ['1\n,"x"', "2"]), (4, ["3", "4"])]),
    ("1;2\n", {"fields": ["a", "b"], "delimiter": ";"}, [(1, ["1", "2"])]),
    ("a\tb\n1\t,\n", {"name": "a.tsv"}, [(2, ["1", ","])]),
    ("a\n\xe4\n".encode("latin-1"), {"encoding": "latin-1"}, [(2, ["ä"])]),
    ("a,b\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}, [(2, ["1", "2"])]),
    ('{"a": 1}\n\n [2, "\u2028"] \n', {"name": "a.jsonl"}, [(1, '{"a": 1}'), (3, '[2, "\u2028"]')]),
])
def test_rows_of_a_file(tmp_path, text, more, rows):
    file = file_of(tmp_path, text, **more)
    file.check()
    assert list(file.rows()) == rows == list(file.rows())
    assert file.fields in (None, ["a"], ["a", "b"])


@pytest.mark.parametrize("text, more, words", [
    ("", {}, "there is no row in it"), ("a,b\n", {}, "there is no row in it"), ("\n\n", {"name": "a.jsonl"}, "there is no row in it"),
    ("a,b\n1,2\n3\n", {}, "a.csv:3: 1 values for 2 columns (a, b)"), ("a,b\n1,2,3\n", {}, "a.csv:2: 3 values for 2 columns"),
    ("a,a\n1,2\n", {}, "'a' is not one name of one column"), ("a,\n1,2\n", {}, "'' is not one name"),
    ('a\n"1\n2\n', {}, "a.csv:2: "), (b"a\n\xff\n", {}, "encoding='utf-8-sig'"), ("a\n1\n", {"encoding": "utf-nine"}, "utf-nine"),
    ("a\n" + "1" * (2 << 20), {}, "longer than"), ('{"a": 1}\n{"a"\n', {"name": "a.jsonl"}, "a.jsonl:2: no JSON"),
])
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, more, words):
    with pytest.raises(BadRows) as error:
        file_of(tmp_path, text, **more).check()
    assert words in str(error.value)


@pytest.mark.parametrize("name, row", [("a.csv", "x" * 1000 + ",1\n"), ("a.jsonl", '{"a": "' + "x" * 1000 + '"}\n')])
def test_a_large_file_is_read_row_by_row(tmp_path, name, row):
    """40 MB, all of it, in the memory of some rows."""
    file = file_of(tmp_path, "a,b\n" if name == "a.csv" else "", name)
    with open(tmp_path / name, "a") as into:
        for _ in range(40):
            into.write(row * 1000)
    tracemalloc.start()
    try:
        file.check()
        assert sum(1 for _ in file.rows()) == 40_000
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_a_file_that_is_not_there(tmp_path):
    for path in ("none.csv", "."):
        with pytest.raises(BadRows, match="No such file|Is a directory"):
            RowsFile(path, str(tmp_path), "csv", None, None, "utf-8").check()


@pytest.mark.parametrize("given, words", [
    ({"lease": "onze"}, "lease='onze': it is one of 'once', 'shared', 'per-worker'"), ({"end": "loop"}, "'stop', 'wrap', 'fail'"),
    ({"lost": ""}, "'report', 'return'"), ({"path": "users.txt"}, "give format="), ({"path": "a.jsonl", "fields": ["a"]}, "of CSV"),
])
def test_wrong_words_are_refused_at_once(given, words):
    with pytest.raises(ValueError) as error:
        data.rows(**{"path": "users.csv", **given})
    assert words in str(error.value)




@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of five rows, and how its test ended."""
    ends = []
    monkeypatch.setattr(_exchange.desk, "end_test", lambda is_failed: ends.append(is_failed))
    monkeypatch.setattr(_exchange.desk, "is_on", True)

    def make(lease="once", end="stop", lost="report"):
        table = data.Table("t", file_of(tmp_path, "n\n1\n2\n3\n4\n5\n"), lease, end, lost)
        table.ends = ends
        return table

    return make


def ask(table, client, wanted, done=(), back=()):
    """The values and leases given, or whether there is none left."""
    answer = table.serve(client, {"wanted": wanted, "done": done, "back": back})
    return "over" if answer["is_over"] else [(int(values[0]), lease) for lease, values in answer["rows"]]


def values(given):
    return [value for value, _ in given]


def test_each_row_goes_to_one_worker(table):
    t = table()
    assert ask(t, "a", 2) == [(1, 1), (2, 2)] and ask(t, "b", 2) == [(3, 3), (4, 4)] and ask(t, "a", 2, done=[1]) == [(5, 5)]
    assert ask(t, "a", 1) == "over" and not t.ends  # others are at theirs
    assert ask(t, "b", 0, done=[3, 4]) == [] and not t.ends
    assert ask(t, "a", 0, done=[2, 5]) == [] and t.ends == [False]


def test_rows_that_nobody_took_come_back(table):
    t = table()
    assert values(ask(t, "a", 3)) == [1, 2, 3]
    assert ask(t, "a", 0, back=[2]) == []
    assert values(ask(t, "b", 9)) == [2, 4, 5]


def test_after_the_last_row_the_first(table):
    t = table(end="wrap")
    assert values(ask(t, "a", 7)) == [1, 2, 3, 4, 5, 1, 2] and values(ask(t, "b", 5)) == [3, 4, 5, 1, 2]


def test_the_end_of_data_can_be_a_failure(table):
    t = table(end="fail")
    assert values(ask(t, "a", 5)) == [1, 2, 3, 4, 5] and not t.ends
    assert ask(t, "b", 1) == "over" and t.ends == [True]


def test_each_worker_has_all_rows(table):
    t = table("per-worker")
    assert values(ask(t, "a", 9)) == values(ask(t, "b", 9)) == [1, 2, 3, 4, 5]
    assert ask(t, "a", 1, done=[1, 2, 3, 4, 5]) == "over" and not t.ends
    assert ask(t, "b", 1, done=[6, 7, 8, 9, 10]) == "over" and t.ends == [False]


def test_shared_rows_are_nobodys(table):
    t = table("shared", "wrap")
    assert values(ask(t, "a", 3)) == [1, 2, 3] and values(ask(t, "b", 3)) == [4, 5, 1]
    t.gone("a")
    assert not t.ends and values(ask(t, "b", 1)) == [2]


def test_rows_of_a_lost_worker_are_told(table, caplog):
    t = table()
    assert values(ask(t, "a", 3)) == [1, 2, 3] and ask(t, "a", 0, done=[2]) == []
    t.gone("a")
    assert "2 rows were with worker a when it was lost (lines 2, 4): nobody else gets them" in caplog.text
    assert values(ask(t, "b", 9)) == [4, 5] and ask(t, "b", 1, done=[4, 5]) == "over" and t.ends == [False]


def test_rows_of_a_lost_worker_can_be_anothers(table):
    t = table(lost="return")
    assert values(ask(t, "a", 2)) == [1, 2] and values(ask(t, "b", 3)) == [3, 4, 5]
    assert ask(t, "b", 1, done=[3, 4]) == []  # who waits is not told that it is over
    t.gone("a")
    assert values(ask(t, "b", 2)) == [1, 2] and not t.ends
    assert ask(t, "b", 1, done=[5, 6, 7]) == "over" and t.ends == [False]


def test_a_run_begins_with_the_first_row(table):
    t = table()
    assert values(ask(t, "a", 5)) == [1, 2, 3, 4, 5]
    t.begin()
    assert ask(t, "b", 1) == [(1, 1)]


def test_a_bad_row_far_down_ends_the_test(table, tmp_path, caplog):
    t = table(end="wrap")
    t.file = file_of(tmp_path, "n\n1\n2,3\n")
    assert values(ask(t, "a", 2)) == [1] and t.ends == [True] and "a.csv:3: 2 values for 1 columns" in caplog.text
    assert ask(t, "a", 1) == "over"


# From user to desk, with messages that are lost or come twice


class Net:
    """Loses each second message, and brings the others twice."""

    def __init__(self, desk):
        self.desk, self.count, self.client = desk, 0, "w"
        self.line = None

    def send_message(self, kind, question, client=None):
        if client:  # of the desk's: ask again now
            self.line.wake()
            return
        self.count += 1
        if self.count % 3 == 0:
            return
        for _ in range(2):
            answer = json.loads(json.dumps(self.desk.serve(self.client, json.loads(json.dumps(question)))))
            if self.count % 3 == 1:
                gevent.spawn(self.line.take, answer)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Rows of a worker of 100 rows, over a bad net."""
    desk = _exchange.Desk()
    net = Net(desk)
    monkeypatch.setattr(_exchange, "desk", desk)
    monkeypatch.setattr(_exchange, "WorkerRunner", Net)
    monkeypatch.setattr(_exchange, "_AGAIN_S", 0.01)
    monkeypatch.setattr(desk, "end_test", lambda is_failed: desk.stop())
    desk.environment = type("Environment", (), {"runner": net})()
    rows = data.Rows(file_of(tmp_path, "n\n" + "".join(f"{n}\n" for n in range(100))), "once", "stop", "report")
    net.line = rows._line
    yield rows, desk, net
    if rows._line._talker:
        rows._line._talker.kill()
    desk.begin()  # closes the file


def take_all(rows, into):
    try:
        for row in rows:
            into.append(int(row["n"]))
            gevent.sleep(0)
    except StopUser:
        pass


def test_every_row_comes_once_whatever_is_lost_on_the_way(worker):
    rows, desk, net = worker
    for _ in range(2):
        desk.begin()
        taken = []
        gevent.joinall([gevent.spawn(take_all, rows, taken) for _ in range(7)], timeout=30, raise_error=True)
        assert sorted(taken) == list(range(100))


def test_a_worker_that_comes_back_is_known_anew(worker):
    rows, desk, net = worker
    desk.begin()
    taken = []
    gevent.spawn(lambda: taken.append(rows.take())).join(5)
    desk.gone("w")
    users = [gevent.spawn(take_all, rows, more := []) for _ in range(3)]
    gevent.joinall(users, timeout=30, raise_error=True)
    assert taken[0]["n"] == "0" and max(more) == 99


def test_who_is_ended_while_it_waits_takes_no_row_away(worker):
    rows, desk, net = worker
    desk.begin()
    users = [gevent.spawn(rows.take) for _ in range(9)]
    gevent.sleep(0)
    gevent.killall(users[:5])
    taken = []
    gevent.joinall([gevent.spawn(take_all, rows, taken) for _ in range(2)], timeout=30, raise_error=True)
    kept = [int(user.value["n"]) for user in users[5:]]
    assert sorted(taken + kept) == list(range(100))


def test_a_row_given_back_is_anothers(worker):
    rows, desk, net = worker
    desk.begin()

    def visit(into):
        into.append(rows.take()["n"])
        rows.give_back()

    seen = []
    for _ in range(2):
        gevent.spawn(visit, seen).join(10)
        gevent.sleep(0.2)
    assert seen == ["0", "0"]
