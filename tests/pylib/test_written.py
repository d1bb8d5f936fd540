"""What code writes into statistics: noticed wherever it does, and kept until the master has it."""

import copy
import json
import pickle
from collections import defaultdict
from types import SimpleNamespace

import msgpack
import pytest


class Runner:
    """Of a node that reports nothing on its own."""

    _core = None


@pytest.fixture
def stats(core):
    from locust._written import Written
    from locust.stats import RequestStats

    stats = RequestStats()
    for milliseconds in (10, 20, 30):
        stats.log_request("GET", "/a", milliseconds, 5)
    stats._written = Written(stats, Runner(), is_masters=True)
    return stats


def rows(written):
    message = written.take_anew(), written.take()
    return [row for part in message if part
            for row in msgpack.unpackb(part, strict_map_key=False)["rows"]]


WAYS = {
    "item": lambda table: table.__setitem__(20, 4),
    "sum": lambda table: table.update({20: table[20] + 3}),
    "missing item": lambda table: table[50],
    "del": lambda table: table.__delitem__(10),
    "pop": lambda table: table.pop(10),
    "popitem": lambda table: table.popitem(),
    "setdefault": lambda table: table.setdefault(70, 1),
    "clear": lambda table: table.clear(),
    "or": lambda table: table.__ior__({10: 5}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_table_that_code_holds_is_watched(stats, way):
    table = stats.get("/a", "GET").response_times
    assert rows(stats._written) == []
    before = dict(table)
    WAYS[way](table)
    changed = {key: table.get(key, 0) - before.get(key, 0) for key in {**table, **before}}
    changed = {key: more for key, more in changed.items() if more}
    assert rows(stats._written) == ([{"name": "/a", "method": "GET", "response_times": changed}] if changed else [])


def test_a_table_is_a_dict_like_any_other(stats):
    table = stats.total.response_times
    plain = {10: 1, 20: 1, 30: 1}
    assert table == plain and json.loads(json.dumps(table)) == {"10": 1, "20": 1, "30": 1}
    for other in (table.copy(), copy.copy(table), copy.deepcopy(table), pickle.loads(pickle.dumps(table)), table | {},
                  {} | table, defaultdict(int, table)):
        assert other == plain
        other[10] += 1
    assert table == plain and repr(table) == repr(defaultdict(int, plain))
    assert msgpack.unpackb(msgpack.packb(table), strict_map_key=False) == plain
    assert rows(stats._written) == []


def test_one_set_in_place_of_it_is_watched_too(stats):
    entry = stats.get("/a", "GET")
    entry.response_times = {10: 1}
    rows(stats._written)
    entry.response_times[40] += 2
    assert rows(stats._written) == [{"name": "/a", "method": "GET", "response_times": {40: 2}}]


def test_what_is_written_is_kept_with_its_report(stats):
    from locust._reports import Reports

    reports = Reports(SimpleNamespace(report=lambda: b"counted", names_heard=lambda seq: None))
    stats.get("/a", "GET").num_requests += 1
    first = reports.next(lambda is_last: {}, written=stats._written)["katydid"]
    assert msgpack.unpackb(first["written"])["rows"][0]["num_requests"] == 1
    again = [data["katydid"] for data in reports.due(all_of_them=True)]
    assert again == [first]
    reports.acknowledged(reports.epoch, first["seq"])
    assert not list(reports.due(all_of_them=True))
    assert "written" not in reports.next(lambda is_last: {}, written=stats._written)["katydid"]


def test_no_report_is_lost_by_what_cannot_be_sent(stats, caplog):
    stats.get("/a", "GET").num_requests = 1 << 80
    assert stats._written.take_anew() is stats._written.take() is None
    assert "cannot be sent" in caplog.text


def test_a_masters_older_figures_take_nothing_back(stats):
    """They come while the change is under way."""
    from locust._hosted import HostedFeed

    class Hosting(Runner):
        _node = None

        class environment:
            pass

    Hosting.environment.stats = stats
    entry = stats.get("/a", "GET")
    figures = copy.deepcopy({"stats": [entry.serialize()], "stats_total": stats.total.serialize(), "errors": {}})
    stats._feed = feed = HostedFeed(Hosting())
    feed._is_wanted = True

    def arrives(written):
        feed._latest = {**figures, "written": written}

    entry.num_requests = 1
    entry.response_times[30] += 4
    arrives(written=0)
    assert (entry.num_requests, entry.response_times[30]) == (1, 5)
    entry.num_requests = 1  # once more: no further difference
    assert [row["num_requests"] for row in rows(stats._written)] == [-2]
    arrives(written=0)
    assert (entry.num_requests, entry.response_times[30]) == (1, 5)
    arrives(written=stats._written.number)
    assert (entry.num_requests, entry.response_times[30]) == (3, 1)  # that the master has it is its affair


def test_a_row_that_only_we_count_waits_aside_until_locust_has_it_too(stats):
    from locust._feeds import CoreFeed

    nothing = stats._new_entry("/hang", "GET").__dict__
    taken = [(nothing, [{**nothing, "cut": 2}], [])]
    stats._written, stats._feed = None, CoreFeed(SimpleNamespace(take=lambda is_fine: taken.pop() if taken else None))
    assert list(stats.entries) == [("/a", "GET")]
    taken.append((nothing, [{**nothing, "cut": 1, "num_requests": 1}], []))
    assert list(stats.entries) == [("/a", "GET"), ("/hang", "GET")]
    assert (stats.get("/hang", "GET").num_requests, stats.get("/hang", "GET").cut) == (1, 3)
