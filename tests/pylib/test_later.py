"""Modules that are there and are read at the first look (katydid_boot/later.py)."""

import importlib
import sys
import textwrap
import threading

import pytest
from katydid_boot import later


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes a package of these files; says how often it was read."""
    monkeypatch.syspath_prepend(str(tmp_path))
    reads = []
    monkeypatch.setattr(sys, "later_reads", reads, raising=False)
    made = []

    def make(name, code="", **files):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text(f"import sys\nsys.later_reads.append(__name__)\n{textwrap.dedent(code)}")
        for stem, text in files.items():
            (folder / f"{stem}.py").write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        made.append(name)
        return reads

    yield make
    for name in [each for each in sys.modules if each.partition(".")[0] in made]:
        del sys.modules[name]


def test_it_is_there_and_not_read(package):
    reads = package("quiet_one", "x = 1")
    later.put("quiet_one")
    import quiet_one

    assert sys.modules["quiet_one"] is quiet_one and quiet_one.__file__.endswith("__init__.py")
    assert reads == []
    assert quiet_one.x == 1 and reads == ["quiet_one"]
    assert quiet_one.x == 1 and reads == ["quiet_one"] and type(quiet_one) is type(sys)


def test_each_way_to_it_reads_it_once(package):
    reads = package("pack_one", "def f(): return 3", part="value = 4")
    later.put("pack_one", "pack_one.part", "pack_one.missing", "missing_one", "missing_one.part")
    from pack_one import f

    import pack_one.part

    assert f() == 3 and pack_one.part.value == 4 and "f" in dir(pack_one)
    assert reads == ["pack_one"]
    assert "missing_one" not in sys.modules and "pack_one.missing" not in sys.modules


def test_what_is_imported_already_stays(package):
    package("known_one", "x = 1")
    import known_one

    known_one.x = 2
    later.put("known_one")
    assert sys.modules["known_one"] is known_one and known_one.x == 2


def test_what_code_sets_before_it_is_read_holds(package):
    package("set_one", "x = 1\ny = 1")
    later.put("set_one")
    import set_one

    set_one.x = 2
    assert set_one.y == 1 and set_one.x == 2


def test_its_version_alone_does_not_read_it(package):
    reads = package("versioned_one", "from .version import __version__", version='__version__ = "1.2"')
    later.put("versioned_one")
    from versioned_one import __version__

    assert __version__ == "1.2" and reads == []
    package("versioned_two", '__version__ = "1.3"')
    later.put("versioned_two")
    import versioned_two

    assert versioned_two.__version__ == "1.3" and reads == ["versioned_two"]


def test_a_name_that_it_does_not_have_is_missing_as_ever(package):
    package("lacking_one", "x = 1")
    later.put("lacking_one")
    import lacking_one

    with pytest.raises(AttributeError):
        lacking_one.y  # noqa: B018
    with pytest.raises(ImportError):
        from lacking_one import y  # noqa: F401


def test_what_fails_while_it_is_read_is_told_each_time(package):
    package("failing_one", "raise ImportError('not here')")
    later.put("failing_one")
    import failing_one

    for _ in range(2):
        with pytest.raises(ImportError, match="not here"):
            failing_one.x  # noqa: B018


def test_threads_that_look_at_once_see_all_of_it(package):
    reads = package("shared_one", "import time\nfirst = 1\ntime.sleep(0.05)\nlast = 2")
    later.put("shared_one")
    import shared_one

    seen = []
    threads = [threading.Thread(target=lambda: seen.append(shared_one.last)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2] * 5 and reads == ["shared_one"]
