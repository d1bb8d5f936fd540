# SPDX-License-Identifier: MIT
"""http+unix://%2Fpath%2Fto.sock/path with both clients: against nginx, and a server that accepts nobody for a while."""

import json
import os
import shutil
import socket
import textwrap
import threading
import urllib.request
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from harness import Process, csv_row, free_port, katydid, locustfile, run_katydid, run_script, wait_for

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")

PRELUDE = """
import json, os, sys, urllib.parse
import locust, gevent, _katydid
from locust import events
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

PATH = sys.argv[1]
URL = "http+unix://" + urllib.parse.quote(PATH, safe="")
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)
BOTH = HttpSession, FastHttpSession

def session(cls, url=URL):
    return cls(url, events.request, None)

def names():
    return [r["name"] for r in _katydid.stats_rows() if r["num_requests"] and r["name"] != "Aggregated"]
"""


@contextmanager
def nginx(folder):
    path = folder / "app.sock"
    (folder / "www" / "folder").mkdir(parents=True)
    (folder / "www" / "index.html").write_text("front page")
    (folder / "www" / "folder" / "index.html").write_text("folder")
    config = folder / "nginx.conf"
    config.write_text(f"""daemon off; pid "{folder}/pid"; error_log "{folder}/error.log"; worker_processes 1; {"user root;" if os.getuid() == 0 else ""}
        events {{ worker_connections 1024; }}
        http {{ access_log off; client_body_temp_path "{folder}/body"; proxy_temp_path "{folder}/proxy"; fastcgi_temp_path "{folder}/fastcgi";
                uwsgi_temp_path "{folder}/uwsgi"; scgi_temp_path "{folder}/scgi"; keepalive_requests 100000;
        server {{ listen "unix:{path}"; root "{folder}/www"; server_name localhost;
                  location = /echo {{ add_header Set-Cookie "seen=1; Path=/"; default_type text/plain;
                                      return 200 "$request_method $host $http_cookie $http_x_name $content_length"; }}
                  location = /relative {{ absolute_redirect off; return 302 /echo; }} }} }}""")
    with Process([NGINX, "-p", folder, "-c", config]):
        wait_for(lambda: path.exists() and connects(path), "nginx on its socket")
        yield str(path)


def connects(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(str(path)) == 0


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with nginx(tmp_path_factory.mktemp("n g")) as path:  # a blank in it
        yield path


def run(code, path, tmp_path, **env):
    run_script(tmp_path, PRELUDE + textwrap.dedent(code), path, **env)


def test_requests_as_by_tcp(served, tmp_path):
    run("""
        for cls in BOTH:
            s = session(cls)
            s.trust_env = True
            assert (s.get("/").text, s.get("/").url) == ("front page", URL + "/")
            said = s.post("/echo", data="four", headers={"X-Name": "x"})
            assert said.text == "POST localhost  x 4", said.text
            assert s.get("/echo").text.split() == ["GET", "localhost", "seen=1"], "cookies are those of localhost"
            assert s.get(URL + "/echo", name="whole").text.startswith("GET localhost")
            assert s.get("/relative", name="there").url in (URL + "/echo", URL + "/relative")
            assert s.get("/relative", name="there").text.startswith("GET localhost")
            assert s.get("/folder", name="folder").text == "folder", "http://localhost/folder/ is on the same socket"
            streamed = s.get("/", stream=True, name="streamed")
            assert b"".join(part.encode() if isinstance(part, str) else part for part in streamed.iter_content(4)) == b"front page"
            assert s.get("/a b?x=ü", name="odd").status_code == 404
        said = FastHttpSession(URL, events.request, None, proxy_host="127.0.0.1", proxy_port=1)
        assert said.get("/").text == "front page", "a proxy leads to no socket of this machine"
        assert set(names()) == {"/", "/echo", "whole", "there", "folder", "streamed", "odd"}, names()
        counters = _katydid.client_counters()
        assert counters["connections_opened"] == 3 and counters["dns_lookups"] == 0, counters
    """, served, tmp_path, http_proxy="http://127.0.0.1:1", all_proxy="http://127.0.0.1:1")


def test_what_goes_wrong_names_the_socket(served, tmp_path):
    run("""
        def failures(name):
            return [f["error"] for f in _katydid.stats_failures() if f["name"] == name]

        for cls in BOTH:
            for name, path, wanted in [("none", PATH + ".not", "FileNotFoundError(2, 'No such file or directory: %s')"),
                                       ("file", __file__, "ConnectionRefusedError(111, 'Connection refused: %s')"),
                                       ("long", "/" + "x" * 200, "OSError(36, 'File name too long: %s')")]:
                s = session(cls, "http+unix://" + urllib.parse.quote(path, safe=""))
                for stream in False, True:
                    assert s.get("/", name=name, stream=stream).status_code == 0
                assert set(failures(name)) == {wanted % path}, failures(name)
            for wrong in "http+unix://run%2Fapp.sock", "http+unix://%00app":
                try:
                    error = session(cls, wrong).get("/x").error
                except Exception as raised:
                    error = raised
                assert "begins with %2F" in str(error), error
    """, served, tmp_path)


def test_users_in_a_run(served, tmp_path):
    host = f"http+unix://{quote(served, safe='')}"
    code = """
        from locust import FastHttpUser, HttpUser, constant, task

        class Plain(HttpUser):
            wait_time = constant(0)
            @task
            def look(self):
                self.client.get("/")

        class Fast(FastHttpUser):
            wait_time = constant(0)
            @task
            def look(self):
                self.client.get("/echo")
    """
    with locustfile(code) as file:
        ended = run_katydid("-f", file, "-H", host, "--headless", "-u", 50, "-r", 50, "-t", 2, "--csv", tmp_path / "out")
        assert ended.code == 0, ended.describe()
        for name in "/", "/echo":
            row = csv_row(tmp_path / "out_stats.csv", name)
            assert int(row["Request Count"]) > 50 and row["Failure Count"] == "0", row
        port = free_port()
        with katydid("-f", file, "--web-port", port) as process:  # as the page starts it
            process.wait_line("Starting web interface")
            ask = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/start", json.dumps({"host": host, "users": 5, "spawn_rate": 5}).encode(),
                                         {"Content-Type": "application/json", "X-Katydid": "1"})
            wait_for(lambda: json.loads(urllib.request.urlopen(ask, timeout=60).read())["ok"], "a start")
            wait_for(lambda: json.loads(urllib.request.urlopen(f"http://127.0.0.1:{port}/stats/requests", timeout=60).read())["stats"][0]["num_requests"] > 5,
                     "requests")


def test_a_listener_whose_queue_is_full_is_tried_again(tmp_path):
    """Nobody tells when there is room: a connection is made as soon as the server accepts others."""
    path, waits = tmp_path / "full.sock", tmp_path / "waits"

    def serve(listener):
        wait_for(waits.exists, "users who wait")
        for _ in range(8):
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        run(f"""
            users = [gevent.spawn(session(cls).get, "/x") for cls in BOTH * 4]
            gevent.sleep(0.05)
            assert not any(user.ready() for user in users)
            open({str(waits)!r}, "w").close()
            gevent.joinall(users, timeout=60)
            assert [user.value.text for user in users] == ["ok"] * 8
        """, str(path), tmp_path)
        server.join(60)
