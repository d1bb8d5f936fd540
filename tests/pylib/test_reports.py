"""Reports on their way to a Katydid master: numbered rows and their names."""

import pytest


class Core:
    """Statistics with the row /a, which is named until the master has heard it."""

    def __init__(self):
        self.heard, self.forgot = [], 0

    def report(self):
        return b"with names"

    def report_numbered(self, number, with_classes):
        return b"r%d" % number, b"" if self.heard else b"/a", b"/a"

    def names_heard(self, number):
        self.heard.append(number)

    def names_forget(self):
        self.heard.clear()
        self.forgot += 1


@pytest.fixture
def reports(core):
    from locust._reports import Reports

    reports = Reports(Core())
    reports.is_numbered = True
    return reports


def following(reports):
    return reports.next(lambda is_last: {})["katydid"]


def test_names_of_rows_are_told_until_they_are_heard(reports):
    first, second = following(reports), following(reports)
    assert (first["report"], first["names"], second["names"]) == (b"r1", b"/a", b"/a")
    reports.acknowledged(reports.epoch, 1)
    assert "names" not in following(reports)
    reports.acknowledged(reports.epoch, 1)
    reports.acknowledged("another", 2)
    assert reports._core.heard == [1]


def test_what_is_sent_again_has_all_names(reports):
    following(reports)
    reports.acknowledged(reports.epoch, 1)
    following(reports)
    (again,) = reports.due(all_of_them=True)
    assert (again["katydid"]["report"], again["katydid"]["names"]) == (b"r2", b"/a")


def test_a_master_that_lacks_names_gets_the_same_report_with_them(reports):
    following(reports)
    reports.acknowledged(reports.epoch, 1)
    bare = following(reports)
    named = reports.named(reports.epoch, 2)["katydid"]
    assert (named["seq"], named["report"], named["names"]) == (2, bare["report"], b"/a")
    assert following(reports)["names"] == b"/a", "all are told anew"
    reports.acknowledged(reports.epoch, 2)
    assert reports.named(reports.epoch, 2) is None is reports.named("another", 3)


def test_a_new_run_and_a_new_master_are_told_anew(reports):
    reports.begin("run")
    assert (reports.run, reports._core.forgot) == ("run", 1)
    following(reports)
    reports.forget()
    assert (reports.run, reports._core.forgot, reports.is_delivered()) == ("", 2, True)


def test_an_older_master_gets_names_in_every_row(reports):
    reports.is_numbered = False
    data = following(reports)
    assert data["report"] == b"with names" and "names" not in data
    (again,) = reports.due(all_of_them=True)
    assert "names" not in again["katydid"]
