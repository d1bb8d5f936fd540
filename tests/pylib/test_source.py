"""What a master answers to a worker that asks for its locustfile (`-f -`)."""

import msgpack
import pytest
from locust import _source

FOLDERS = {"folders": ["0"]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where files are put, and what they may be imported from, is as it was afterwards."""
    monkeypatch.setattr(_source._folders, "new", lambda: str(tmp_path))
    monkeypatch.setattr(_source.sys, "path", [*_source.sys.path])


def answer(data):
    return msgpack.packb(["locustfile", data, "master"])


@pytest.mark.parametrize("data", [
    None, 7, [], ["locustfiles"], {}, {"locustfiles": []}, {"locustfiles": 3}, {"locustfiles": [{"contents": "x"}]}, {"locustfiles": [{"filename": 1, "contents": "x"}]},
    {"locustfiles": [{"filename": "a.py", "contents": 1}]}, {"error": "go away"}, {"katydid": 3}, {"katydid": {"files": [], **FOLDERS}},
    *({"katydid": {"files": [{"path": path, "contents": "x", "is_locustfile": True}], **FOLDERS}}
      for path in (1, "", "/katydid-absolute.py", "../up.py", "0/../../up.py", "a" * 5000, "a\0b", "0/\ud800.py")),
    {"katydid": {"files": [{"path": "0/a.py", "contents": "x", "is_locustfile": True}], "folders": 5}},
])
def test_what_is_no_locustfile_is_refused_with_words(data):
    with pytest.raises(_source.Refusal, match="master"):
        _source.unpack(msgpack.packb(["locustfile", data, "master"], unicode_errors="surrogatepass"))


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x91" * 5000, msgpack.packb(7), msgpack.packb(["locustfile"]), msgpack.packb([[], {}, ""])])
def test_what_is_no_message_is_refused_with_words(raw):
    with pytest.raises(_source.Refusal, match="master"):
        _source.unpack(raw)


def test_a_locustfile_lies_in_a_folder_of_its_own(tmp_path):
    paths = _source.unpack(answer({"katydid": {"files": [{"path": "0/a.py", "contents": "x = 1", "is_locustfile": True}], **FOLDERS}}))
    assert [open(path).read() for path in paths] == ["x = 1"]
