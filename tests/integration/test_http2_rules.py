# SPDX-License-Identifier: MIT
"""HTTP/2: limits of both sides, and what a peer may do at any time (tests/support/h2_server.py)."""

from http2_scripts import http2_ports, http2_run  # noqa: F401  fixtures


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
