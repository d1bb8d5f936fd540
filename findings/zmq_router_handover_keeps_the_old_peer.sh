#!/usr/bin/env bash
# libzmq 4.3.5 (pyzmq 27.1.0): ROUTER_HANDOVER does not disconnect the peer that is replaced.
#
# A second DEALER connects with the identity of the first. The manual of zmq_setsockopt says that a
# ROUTER with ROUTER_HANDOVER hands the identity over and disconnects the existing client. It is not
# disconnected: its socket reports no event, send() goes on succeeding, and every message is lost
# without a word, even after the second one has left. A peer that hears nothing must connect anew by
# itself; it cannot rely on an error or on its socket's own reconnect.
#
# Output seen:
#   libzmq 4.3.5
#   first, before: [b'before']
#   first, after the takeover: []
#   first, after the second left: []
#   events of the first since the takeover: []
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check pyzmq==27.1.0
cat >"$work/try.py" <<'PY'
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

context = zmq.Context()
router = context.socket(zmq.ROUTER)
router.setsockopt(zmq.ROUTER_HANDOVER, 1)
port = router.bind_to_random_port("tcp://127.0.0.1")


def dealer():
    s = context.socket(zmq.DEALER)
    s.setsockopt(zmq.IDENTITY, b"worker")
    s.setsockopt(zmq.LINGER, 0)
    monitor = s.get_monitor_socket()
    s.connect(f"tcp://127.0.0.1:{port}")
    return s, monitor


def arrived(seconds):
    got = []
    while router.poll(int(seconds * 1000)):
        got.append(router.recv_multipart()[1])
    return got


def events(monitor, seconds):
    names = []
    while monitor.poll(int(seconds * 1000)):
        names.append(zmq.Event(recv_monitor_message(monitor)["event"]).name)
    return names


print("libzmq", zmq.zmq_version())
first, first_monitor = dealer()
first.send(b"before")
before = arrived(2)
events(first_monitor, 0.5)
print("first, before:", before)
second, _ = dealer()
second.send(b"takeover")
assert arrived(2) == [b"takeover"]
for n in range(5):
    first.send(b"late %d" % n, zmq.DONTWAIT)
late = arrived(3)
print("first, after the takeover:", late)
second.close()
time.sleep(0.5)
first.send(b"again", zmq.DONTWAIT)
again = arrived(3)
print("first, after the second left:", again)
told = events(first_monitor, 3)
print("events of the first since the takeover:", told)
assert (before, late, again, told) == ([b"before"], [], [], []), "this has changed"
PY
timeout 60 "$work/venv/bin/python" "$work/try.py"
