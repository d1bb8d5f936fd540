# SPDX-License-Identifier: MIT
"""HTTP/2: limits of both sides, and what a peer may do at any time (tests/support/h2_server.py)."""

from harness import BUILD
from http2_scripts import http2_ports, http2_run  # noqa: F401  fixtures
from tunnel import tunnel


def test_a_head_above_our_own_limit_is_not_the_servers_fault(run):
    run("""
        import requests
        for cls in HttpSession, FastHttpSession:
            s = session(WIDE, cls=cls)
            before = len(log(s))
            held = gevent.spawn(s.get, "/hold")
            while ["/hold"] != [path for _, _, path in log(s)[before:] if path == "/hold"]:
                gevent.sleep(0.001)
            r = s.get("/echo", headers={"x-large": "x" * 300_000}, name="large")
            assert not r.status_code and "no more than 262144" in str(r.error), r.error
            assert cls is FastHttpSession or isinstance(r.error, requests.exceptions.ConnectionError), r.error
            text = failures()["large"]
            assert "request head of 300" in text and "this client sends no more than 262144" in text and "server" not in text, text
            s.get("/echo")
            assert held.get(timeout=60).text == "held", "others on its connection go on"
            assert len({c for c, _, path in log(s)[before:] if path.startswith("/")}) == 1
            r = s.get("/echo", headers={"x-large": "x" * 60_000})
            assert r.status_code == 200 and len(r.json()["headers"]["x-large"]) == 60_000, r.error
        assert rows()["large"]["num_failures"] == rows()["large"]["num_requests"] == 2
    """)


def test_a_head_above_the_servers_limit_is_not_sent(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(PLAIN, cls=cls)
            s.get("/echo")  # its settings are there
            r = s.get("/large-head", headers={"x-large": "x" * 70_000}, name="large")
            assert not r.status_code and "the server takes no more than 65536" in failures()["large"], r.error
            assert s.get("/echo").status_code == 200
        assert "/large-head" not in [path for _, _, path in log()]
        assert not [what for _, _, what in log() if what.startswith(("reset", "goaway 1"))]
    """)


def test_an_answer_that_nobody_asked_for_breaks_the_rules(run):
    run("""
        s = session(PLAIN)
        assert not s.get("/push").status_code and "the server broke the rules of HTTP/2" in failures()["/push"], failures()
        assert s.get("/echo").status_code == 200
    """)


def test_a_server_that_takes_no_more_streams(run):
    run("""
        def asked(path):
            return [what for _, _, what in log()].count(path)

        s = session(PLAIN)
        held = gevent.spawn(s.post, "/stuck", data=b"x" * 100_000)
        while not asked("/stuck"):
            gevent.sleep(0.001)
        assert s.get("/none").text == "no more"
        waiting = [gevent.spawn(s.get, f"/bytes/{n}") for n in range(3)]
        gevent.idle()
        assert not held.ready() and asked("/bytes/0") == 0, "none was sent before"
        held.kill()  # and the server takes ten again
        gevent.joinall(waiting, raise_error=True)
        assert [len(g.value.content) for g in waiting] == [0, 1, 2]
        assert s.get("/none").text == "no more" and s.get("/echo").status_code == 200, "with nothing on it there is another connection"
        assert not failures()
    """)


def test_a_reset_without_error_behind_a_whole_answer_is_none(run):
    run("""
        for cls in HttpSession, FastHttpSession:
            s = session(PLAIN, cls=cls)
            for n in range(3):
                with s.post("/early/reset", data=b"x" * 300_000, catch_response=True) as r:
                    assert (r.status_code, r.text) == (413, "too much"), r.error
                    r.success()
            assert s.get("/echo").status_code == 200
        told = log()
        assert len({c for c, _, path in told if path == "/early/reset"}) == 2, "and its connection goes on"
        assert not failures(), failures()
    """)


def test_a_window_that_shrinks_below_what_is_under_way(run):
    run("""
        s = session(PLAIN)
        s.get("/echo")
        shrunk = gevent.spawn(s.post, "/shrink", data=b"x" * 100_000)
        while "/shrink" not in [path for _, _, path in log()]:
            gevent.sleep(0.001)
        assert s.post("/echo", data=b"y" * 1000).json()["length"] == 1000, "others go on"
        assert shrunk.get(timeout=60).json()["length"] == 100_000
        assert len({c for c, _, path in log(s) if path in ("/shrink", "/echo")}) == 1 and not failures()
    """)


def test_a_goaway_that_left_an_answer_open(run):
    run("""
        import requests
        for cls in HttpSession, FastHttpSession:
            s = session(PLAIN, cls=cls)
            r = s.post("/promised", data=b"1", name="promised")
            assert not r.status_code and r.error, r
            assert cls is FastHttpSession or isinstance(r.error, requests.exceptions.ConnectionError), r.error
            assert "connection ended by the server before the answer that its GOAWAY left open: NO_ERROR (0x0)" in failures()["promised"], failures()
            assert s.get("/echo").status_code == 200
        s = session(PLAIN)
        s.get("/echo")
        s.get("/promised", name="again")
        assert rows()["promised"]["resent"] == 0 and rows()["promised"]["num_requests"] == 2
        assert rows()["again"]["resent"] == 1, "idempotent, on a connection that was used before: as with HTTP/1.1"
    """)


def test_whom_a_server_wants_to_be_calm(run):
    run("""
        s = session(PLAIN)
        s.get("/echo")
        under_way = [gevent.spawn(s.post, "/stuck", data=b"x" * 100_000, name="other") for _ in range(3)]
        while [path for _, _, path in log()].count("/stuck") < 3:
            gevent.sleep(0.001)
        assert not s.get("/large", name="large").status_code
        gevent.joinall(under_way)
        assert "connection ended by the server: ENHANCE_YOUR_CALM (0xb)" in failures()["large"], failures()
        assert "connection ended by the server for another request: ENHANCE_YOUR_CALM (0xb)" in failures()["other"], failures()
        assert rows()["other"]["num_failures"] == 3 and rows()["large"]["num_failures"] == 1
        assert [path for _, _, path in log()].count("/large") == 1, "it is not asked again"
        assert s.get("/echo").status_code == 200
    """)


def test_numbers_of_streams_are_used_up(run):
    run("""
        s = session(PLAIN)
        held = gevent.spawn(s.get, "/hold")
        while "/hold" not in [path for _, _, path in log()]:
            gevent.sleep(0.001)
        for n in range(1, 5):
            assert len(s.get(f"/bytes/{n}").content) == n
            if n == 1:
                assert held.get(timeout=60).text == "held", "the connection of the last number finishes what it has"
        told = [(c, stream) for c, stream, path in log() if path.startswith(("/hold", "/bytes"))]
        last = 2**31 - 1
        assert [stream for _, stream in told] == [last - 2, last, last - 2, last, last - 2], told
        assert len({c for c, _ in told}) == 3 and not failures(), told
        assert all(row["resent"] == 0 and row["num_requests"] == 1 for name, row in rows().items() if name.startswith("/bytes"))
    """, LD_PRELOAD=str(BUILD / "support" / "last_streams.so"))


def test_through_a_proxy(run):
    with tunnel() as (port, asked):
        run("""
            s, fast = session(TLS), FastHttpSession(TLS, events.request, User(True), insecure=True, proxy_host="127.0.0.1",
                                                    proxy_port=int(sys.argv[2]))
            s.proxies = {"https": f"http://127.0.0.1:{sys.argv[2]}"}
            for s in s, fast:
                group = [gevent.spawn(s.get, f"/bytes/{n}") for n in range(20)]
                gevent.joinall(group, raise_error=True)
                assert [len(g.value.content) for g in group] == list(range(20))
                assert s.get("/echo").http_version == "HTTP/2"
            assert len({c for c, _, path in log() if path.startswith("/bytes")}) == 2 and not failures()
        """, port)
        assert len(asked) == 2 and {line.split()[0] for line in asked} == {"CONNECT"}, asked


def test_with_a_client_certificate(run, certificate, tmp_path):
    pem = tmp_path / "client.pem"
    pem.write_bytes(b"".join(path.read_bytes() for path in certificate))
    run("""
        pem, s = sys.argv[2], session(ASKS)
        assert s.get("/echo").json()["peer"] is None
        for _ in range(2):
            r = s.get("/echo", cert=pem)
            assert r.http_version == "HTTP/2" and r.json()["peer"] == "localhost", r.error
        s.cert = pem
        assert s.get("/mine").json()["peer"] == "localhost" and s.get("/mine", cert=None).json()["peer"] == "localhost"
        known = [(c, path) for c, _, path in log() if path in ("/echo", "/mine")]
        assert len({c for c, _ in known}) == 2 and known[0][0] != known[1][0] == known[2][0] == known[3][0], known
        assert not failures()
    """, pem)


def test_by_a_unix_socket(run):
    run("""
        from urllib.parse import quote
        for cls in HttpSession, FastHttpSession:
            s = session("http+unix://" + quote(json.loads(sys.argv[1])["unix"], safe=""), "prior-knowledge", cls=cls)
            group = [gevent.spawn(s.get, f"/bytes/{n}") for n in range(20)]
            gevent.joinall(group, raise_error=True)
            assert [len(g.value.content) for g in group] == list(range(20))
            r = s.post("/echo", data=b"x" * 100_000)
            assert r.http_version == "HTTP/2" and r.json()["length"] == 100_000, r.error
        assert len({c for c, _, path in log() if path.startswith("/bytes")}) == 2 and not failures()
    """)
