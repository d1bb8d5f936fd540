# SPDX-License-Identifier: MIT
"""Bodies that nobody wants (--discard-response-bodies, discard_response_body): received and counted, not kept. And large
ones that somebody wants, whose memory is used again."""

import random
import textwrap
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from client_scripts import PRELUDE, client_run, client_url  # noqa: F401  two are fixtures
from harness import locustfile, run_katydid, run_script

SIZES = [65536, 131071, 300000, 5_000_000, 17_900_000, 70000, 262144, 262145, 1_048_577, 4_000_000]

FILE = """
from locust import FastHttpUser, HttpUser

def look(user):
    dropped, kept = user.client.get("/bytes/1000"), user.client.get("/bytes/1000", discard_response_body=False)
    print(f"{type(user).__name__}: {len(dropped.content)} and {len(kept.content)} bytes", flush=True)

class Plain(HttpUser):
    tasks = [look]

class Fast(FastHttpUser):
    tasks = [look]
"""


def test_a_body_that_is_not_wanted_is_not_kept(run):
    run("""
        s, f = session(), session(FastHttpSession)
        for name, one in (("plain", s), ("fast", f)):
            for n, more in enumerate((
                {},
                {"hooks": {"response": []}} if one is s else {"headers": {"Expect": "100-continue"}, "data": "x"},  # by way of Python
            )):
                get = lambda path, **kwargs: one.request("POST" if "data" in more else "GET", path, **more, **kwargs)
                r = get("/bytes/300000", discard_response_body=True, name=f"{name} {n}")
                assert (r.status_code, r.content, r.text) == (200, b"", ""), (name, n, r)
                assert int(r.headers["content-length"]) == 300000
                r = get("/gzip", discard_response_body=True, name=f"{name} zip {n}")
                assert (r.status_code, r.content) == (200, b"")
                assert len(get("/bytes/300000", name=f"{name} {n}").content) == 300000
        rs = rows()
        for key in ("plain 0", "plain 1", "fast 0", "fast 1"):
            row = rs[key]
            assert row["num_requests"] == 2 and row["num_failures"] == 0, row
            assert row["total_content_length"] == 600000, row
        _katydid.discard_bodies(True)
        for one in s, f:
            assert one.get("/bytes/10").content == b""
            assert len(one.get("/bytes/10", discard_response_body=False).content) == 10
            r = one.get("/bytes/5000", stream=True)
            assert len(r.content) == 5000, "a stream is read by whoever wants it"
        _katydid.discard_bodies(False)
        assert len(s.get("/bytes/10").content) == 10
    """)


def test_a_body_that_is_not_wanted_does_not_grow_the_process(run):
    run("""
        import resource
        s = session()
        s.get("/bytes/1000000", discard_response_body=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(3):
            assert s.get("/bytes/80000000", discard_response_body=True).content == b""
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 20_000, grown  # KiB
    """)


class Files(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


@pytest.fixture
def files(tmp_path):
    """Of some sizes, whose bytes say where they belong, and the address of each, up to its size."""
    folder = tmp_path / "files"
    folder.mkdir()
    whole = random.Random(7).randbytes(max(SIZES))
    for size in SIZES:
        (folder / str(size)).write_bytes(whole[:size])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_large_body_is_whole_in_memory_that_was_used_before(files, tmp_path):
    run_script(tmp_path, PRELUDE + textwrap.dedent(f"""
        import gevent
        s, f, sizes = session(), session(FastHttpSession), {SIZES}
        whole = s.get(f"{{max(sizes)}}").content
        assert len(whole) == max(sizes)
        for _ in range(2):
            held = [one.get(f"{{n}}") for one in (s, f) for n in sizes]
            assert [len(r.content) for r in held] == sizes * 2
            assert all(whole.startswith(r.content) for r in held)
        many = [gevent.spawn(lambda n=n: s.get(f"{{n}}").content) for n in sizes * 3]
        gevent.joinall(many, raise_error=True)
        assert all(whole.startswith(g.value) and len(g.value) == n for g, n in zip(many, sizes * 3))
    """), files)


@pytest.mark.parametrize("option, dropped", [((), 1000), (("--discard-response-bodies",), 0)])
def test_the_option_is_for_all_requests_that_do_not_say_otherwise(url, option, dropped):
    with locustfile(FILE) as file:
        run = run_katydid("-f", file, "-H", url, "--headless", "-u", 2, "-r", 100, "-i", 8, "--only-summary", *option)
    for name in ("Plain", "Fast"):
        assert f"{name}: {dropped} and 1000 bytes" in run.stdout, run.stdout + run.stderr
