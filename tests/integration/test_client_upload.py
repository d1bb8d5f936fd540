"""Bodies that are read while they are sent: files and generators, however large, with both clients."""

import json
import subprocess

import pytest
from harness import PATIENCE, SANITIZED, WORKER

PROBE = '''
import sys
import locust
import json, os, resource, tempfile
import gevent
from gevent.server import StreamServer
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook

PIECE, PIECES = 1 << 20, 64
seen = []

def answer(connection, text, more=""):
    connection.sendall(f"HTTP/1.1 {text}\\r\\nContent-Length: 0\\r\\n{more}\\r\\n".encode())

def serve(connection, _):
    """Says how long bodies were; /early answers before it has one; /again sends on to /."""
    file, number = connection.makefile("rb", 65536), len(seen)
    while line := file.readline():
        path, length, is_chunked, size = line.split()[1].decode(), 0, False, 0
        while (line := file.readline()) != b"\\r\\n":
            name, value = line.lower().split(b": ")
            length = int(value) if name == b"content-length" else length
            is_chunked |= name == b"transfer-encoding"
        if path == "/early":
            seen.append([path, number, 0])
            answer(connection, "413 Too Large", "Connection: close\\r\\n")
            while file.read1(65536):  # until the client has gone
                pass
            return
        while is_chunked and (n := int(file.readline(), 16)):
            size += len(file.read(n)); file.readline()
        if is_chunked:
            file.readline()
        while size < length and (data := file.read(min(length - size, 65536))):
            size += len(data)
        seen.append([path, number, size])
        answer(*(connection, "307 Again", "Location: /\\r\\n") if path == "/again" else (connection, "200 OK"))

def pieces(n=PIECES):
    for _ in range(n):
        gevent.sleep(0)
        yield b"x" * PIECE

def failing():
    yield b"some"
    raise KeyError("no more")

def said(function, *args, **kwargs):
    try:
        return function(*args, **kwargs).status_code
    except KeyError as error:
        return repr(error)

server = StreamServer(("127.0.0.1", 0), serve)
server.start()
root, hook, events = f"http://127.0.0.1:{server.server_port}", EventHook(), []
hook.add_listener(lambda **meta: events.append(meta["name"]))
session = FastHttpSession(root, hook, None) if sys.argv[1] == "fast" else HttpSession(root, hook, None)
with tempfile.TemporaryFile() as file:
    file.truncate(PIECE * PIECES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = [said(session.post, "/", data=file)]
    told += [said(session.put, "/", data=pieces())]
    told += [said(session.post, "/", data=pieces(1)) for _ in range(2)]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    file.seek(PIECE * (PIECES - 1))
    told += [said(session.post, "/again", data=file)]
    told += [said(session.post, "/early", data=pieces())]
    told += [said(session.post, "/", data=failing()), said(session.get, "/")]
print(json.dumps({"told": told, "seen": [s[::2] for s in seen], "connections": len({s[1] for s in seen[:4]}), "events": events, "grown": grown}))
'''
MIB = 1 << 20


@pytest.mark.parametrize("kind", ["http", "fast"])
def test_bodies_are_read_while_they_are_sent(tmp_path, kind):
    script = tmp_path / "upload.py"
    script.write_text(PROBE)
    done = subprocess.run([WORKER, "--python", script, kind], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["told"] == [200, 200, 200, 200, 200, 413, "KeyError('no more')", 200], found
    assert found["seen"] == [["/", 64 * MIB], ["/", 64 * MIB], ["/", MIB], ["/", MIB], ["/again", MIB], ["/", MIB], ["/early", 0], ["/", 0]], found
    assert found["connections"] == 1 and found["events"] == ["/", "/", "/", "/", "/again", "/early", "/"], found
    assert SANITIZED or found["grown"] < 32, found
