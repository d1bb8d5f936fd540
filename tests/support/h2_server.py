# SPDX-License-Identifier: MIT
"""An HTTP/2 server for tests of the clients: says back what it got, and misbehaves on request. Run by the Python that has the
package h2; prints {"plain": port, "tls": port, "old": port (TLS, HTTP/1.1 only), "one": port (one stream at a time),
"narrow": port (takes bodies ten bytes at a time), "wide": port (heads of any size), "asks": port (TLS, wants the client's
certificate, which it trusts if it is CERT, and says whose it is), "unix": path of a socket}.

    h2_server.py CERT KEY

/echo          method, authority, headers and length of the body as JSON (so does every path not named here)
/log           what was asked so far: [connection, stream, path]   /status/N   an answer with that status
/redirect/N    N hops, the last one to /echo                       /cookie     sets one
/bytes/N       N bytes                     /endless    a body without end       /trailers   an answer with trailers
/hints         103 before it               /misdirected  421 on the first connection
/refused       REFUSED_STREAM the first time       /refused/always   each time
/late/refused  the same behind the head of an answer                /late/old     HTTP_1_1_REQUIRED behind it
/goaway        GOAWAY that does not have this stream, the first time; closes
/goaway/calm   the same with ENHANCE_YOUR_CALM     /goaway/soft      finishes this one, takes no more
/old           HTTP_1_1_REQUIRED           /reset      INTERNAL_ERROR           /gone  closes without an answer
/short /long   less, more body than Content-Length says            /noise  a frame that is none
/interim       body after a 103, without an answer                 /many-headers   300 of them
/endless-head  CONTINUATION without end    /settings /pings /empty    thousands of them before the answer
/padding       a body of which most is padding          /resets    RST_STREAM of streams that are not there, then of this one
/stuck         gives no window for the rest of the body            /deaf   no answer; reads no more
/early         answers 413 before there is a body                  /hold   no answer until its connection has another request
/early/reset   the same, and RST_STREAM with NO_ERROR              /push   promises an answer that nobody asked for
/none          takes no streams any more, until one is reset       /shrink a window below what is under way
/promised      GOAWAY without an error that has this stream; closes        /large  what nginx says of heads that are too large
"""

import json
import os
import socket
import ssl
import sys
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

Codes = h2.errors.ErrorCodes
asked, seen, lock = [], {}, threading.Lock()


def is_first(path):
    with lock:
        seen[path] = seen.get(path, 0) + 1
        return seen[path] == 1


class Connection:
    count = 0

    def __init__(self, sock, most, is_narrow, is_wide):
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.sock, self.h2, self.streams, self.held, self.waiting = sock, h2.connection.H2Connection(config), {}, [], {}
        self.asked, self.is_narrow, self.takes_none = {}, is_narrow, False  # methods
        certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        self.peer = dict(part[0] for part in (certificate or {}).get("subject", ())).get("commonName")
        with lock:
            Connection.count += 1
            self.number = Connection.count
        self.h2.initiate_connection()
        if is_narrow:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        if is_wide:
            self.h2.update_settings({h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 1 << 30})
        if most:
            self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: most})

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def serve(self):
        self.flush()
        while data := self.sock.recv(65536):
            for event in self.h2.receive_data(data):
                if not self.on(event):
                    self.flush()
                    return
            self.send_waiting()
            self.flush()

    def on(self, event):
        """False: the connection is to end."""
        if isinstance(event, h2.events.RequestReceived):
            self.streams[event.stream_id] = [dict(event.headers), 0]
            self.asked[event.stream_id] = self.streams[event.stream_id][0][":method"]
            if self.is_narrow and event.stream_ended is None:
                self.h2.increment_flow_control_window(10, event.stream_id)
            return self.begin(event.stream_id, event.stream_ended is not None)
        if isinstance(event, h2.events.DataReceived):
            self.make_room(event)
            if event.stream_id in self.streams:
                if self.path_of(event.stream_id) == "/shrink" and not self.streams[event.stream_id][1]:
                    self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 100})
                self.streams[event.stream_id][1] += len(event.data)
        if isinstance(event, h2.events.StreamEnded) and event.stream_id in self.streams:
            return self.answer(event.stream_id)
        if isinstance(event, h2.events.PingReceived):
            self.note("ping")
        if isinstance(event, h2.events.ConnectionTerminated):
            self.note(f"goaway {int(event.error_code)}")
        if isinstance(event, h2.events.StreamReset):
            self.waiting.pop(event.stream_id, None)
            self.held = [held for held in self.held if held != event.stream_id]
            self.note(f"reset {int(event.error_code)}", event.stream_id)
            if self.takes_none:
                self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 10})
        return True

    def note(self, what, stream=0):
        with lock:
            asked.append([self.number, stream, what])

    def path_of(self, stream):
        return self.streams[stream][0][":path"] if stream in self.streams else None

    def make_room(self, event):
        stream, length = event.stream_id, event.flow_controlled_length
        if self.path_of(stream) == "/shrink" and length and event.stream_ended is None:
            self.h2.increment_flow_control_window(length)
            self.h2.increment_flow_control_window(length, stream)
        elif self.path_of(stream) == "/stuck":
            self.h2.increment_flow_control_window(length)  # the connection's
        elif self.is_narrow and event.stream_ended is None:
            self.h2.increment_flow_control_window(max(length, 1))
            self.h2.increment_flow_control_window(10, stream)
        elif length:
            self.h2.acknowledge_received_data(length, stream)

    def say(self, stream, status, body=b"", headers=(), end=True):
        fields = [(":status", str(status)), ("content-length", str(len(body))), *headers]
        body = b"" if self.asked.get(stream) == "HEAD" else body
        self.h2.send_headers(stream, fields, end_stream=end and not body)
        if body:
            self.waiting[stream] = body

    def send_waiting(self):
        """As much of the bodies as windows let through."""
        for stream, body in list(self.waiting.items()):
            while body or body is None:
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
                if room <= 0:
                    break
                part = b"x" * room if body is None else body[:room]
                body = body if body is None else body[room:]
                self.h2.send_data(stream, part, end_stream=body == b"")
                self.flush()
            if body == b"":
                del self.waiting[stream]
            else:
                self.waiting[stream] = body

    def begin(self, stream, is_whole):
        path = self.streams[stream][0][":path"]
        if path != "/log":
            self.note(path, stream)
        if path.startswith("/early"):
            self.say(stream, 413, b"too much")
            if path == "/early/reset":
                self.send_waiting()
                self.raw(3, 0, stream, bytes(4))
        elif self.streams[stream][0].get("expect") == "100-continue" and not is_whole:
            self.h2.send_headers(stream, [(":status", "100")])
        return True

    def answer(self, stream):
        headers, length = self.streams.pop(stream)
        path, _, what = headers[":path"][1:].partition("/")
        for held in self.held:
            self.say(held, 200, b"held")
        self.held = []
        act = getattr(self, "on_" + path.replace("-", "_"), None)
        if act is not None:
            return act(stream, what) is not False
        text = json.dumps({"method": headers[":method"], "scheme": headers[":scheme"], "authority": headers[":authority"],
                           "path": headers[":path"], "headers": headers, "length": length, "peer": self.peer})
        self.say(stream, 200, text.encode(), [("content-type", "application/json")])
        return True

    def on_log(self, stream, what):
        with lock:
            self.say(stream, 200, json.dumps(asked).encode())

    def on_status(self, stream, what):
        self.say(stream, int(what), b"" if what in ("204", "304") else b"so it is")

    def on_redirect(self, stream, what):
        self.say(stream, 302, headers=[("location", f"/redirect/{int(what) - 1}" if int(what) > 1 else "/echo")])

    def on_cookie(self, stream, what):
        self.say(stream, 200, headers=[("set-cookie", "a=1"), ("set-cookie", "b=2; Path=/")])

    def on_bytes(self, stream, what):
        self.say(stream, 200, b"x" * int(what))

    def on_endless(self, stream, what):
        self.h2.send_headers(stream, [(":status", "200")])
        self.waiting[stream] = None

    def on_trailers(self, stream, what):
        self.h2.send_headers(stream, [(":status", "200")])
        self.h2.send_data(stream, b"body")
        self.h2.send_headers(stream, [("x-checksum", "1")], end_stream=True)

    def on_hints(self, stream, what):
        self.h2.send_headers(stream, [(":status", "103"), ("link", "</a>")])
        self.say(stream, 200, b"after hints")

    def on_interim(self, stream, what):
        self.h2.send_headers(stream, [(":status", "103")])
        self.raw(0, 1, stream, b"body")

    def on_misdirected(self, stream, what):
        self.say(stream, 421 if is_first("misdirected") else 200, b"from here")

    def on_refused(self, stream, what):
        if is_first("refused") or what:
            self.h2.reset_stream(stream, Codes.REFUSED_STREAM)
        else:
            self.say(stream, 200, b"now")

    def on_late(self, stream, what):
        self.h2.send_headers(stream, [(":status", "200")])
        self.h2.reset_stream(stream, Codes.REFUSED_STREAM if what == "refused" else Codes.HTTP_1_1_REQUIRED)

    def on_goaway(self, stream, what):
        if what == "soft":
            self.say(stream, 200, b"the last")
            self.send_waiting()
            self.flush()
            self.goaway(stream, Codes.NO_ERROR)
        elif what == "calm":
            self.goaway(stream - 2, Codes.ENHANCE_YOUR_CALM)
        elif is_first("goaway"):
            self.goaway(stream - 2, Codes.NO_ERROR)
        else:
            self.say(stream, 200, b"now")
            return True
        return False

    def on_promised(self, stream, what):
        self.goaway(stream, Codes.NO_ERROR)
        return False

    def on_large(self, stream, what):
        self.goaway(stream, Codes.ENHANCE_YOUR_CALM)
        return False

    def on_push(self, stream, what):
        self.raw(5, 4, stream, (2).to_bytes(4, "big") + b"\x82\x84\x86\x41\x01a")

    def on_none(self, stream, what):
        self.takes_none = True
        self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 0})
        self.say(stream, 200, b"no more")

    def goaway(self, last, code):
        self.raw(7, 0, 0, max(last, 0).to_bytes(4, "big") + int(code).to_bytes(4, "big"))

    def on_old(self, stream, what):
        self.h2.reset_stream(stream, Codes.HTTP_1_1_REQUIRED)

    def on_reset(self, stream, what):
        self.h2.reset_stream(stream, Codes.INTERNAL_ERROR)

    def on_gone(self, stream, what):
        return False

    def raw(self, kind, flags, stream, payload):
        """A frame that the library would not make."""
        self.flush()
        self.sock.sendall(len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)

    def on_short(self, stream, what):
        self.h2.send_headers(stream, [(":status", "200"), ("content-length", "10")])
        self.raw(0, 1, stream, b"12345")

    def on_long(self, stream, what):
        self.h2.send_headers(stream, [(":status", "200"), ("content-length", "3")])
        self.raw(0, 1, stream, b"12345")

    def on_noise(self, stream, what):
        self.raw(4, 0, 0, b"1")  # SETTINGS of a length that cannot be

    def on_many_headers(self, stream, what):
        self.say(stream, 200, headers=[(f"x-{n}", "v") for n in range(300)])

    def on_endless_head(self, stream, what):
        self.raw(1, 0, stream, b"\x88")
        for n in range(5000):
            self.raw(9, 0, stream, b"\x00\x03x-y\x01" + b"z" + b"\x00\x03x-y\x01z" * 20)
        return False

    def on_settings(self, stream, what):
        for _ in range(500):
            self.raw(4, 0, 0, b"\0\5\0\0\x40\0")
        self.say(stream, 200, b"calm")

    def on_pings(self, stream, what):
        for n in range(500):
            self.raw(6, 0, 0, n.to_bytes(8, "big"))
        self.say(stream, 200, b"calm")

    def on_empty(self, stream, what):
        self.h2.send_headers(stream, [(":status", "200")])
        for _ in range(5000):
            self.raw(0, 0, stream, b"")
        self.h2.send_data(stream, b"", end_stream=True)

    def on_padding(self, stream, what):
        self.h2.send_headers(stream, [(":status", "200")])
        for n in range(2000):
            self.h2.send_data(stream, b"x", pad_length=200)
        self.h2.send_data(stream, b"", end_stream=True)

    def on_resets(self, stream, what):
        for n in range(1, stream, 2):
            self.raw(3, 0, n, b"\0\0\0\x08")
        self.h2.reset_stream(stream, Codes.CANCEL)

    def on_hold(self, stream, what):
        self.held.append(stream)

    def on_deaf(self, stream, what):
        threading.Event().wait()

    def on_early(self, stream, what):
        pass


def serve_old(sock):
    """As much of HTTP/1.1 as a GET needs."""
    file = sock.makefile("rb")
    while line := file.readline():
        while file.readline() != b"\r\n":
            pass
        with lock:
            asked.append([0, 0, line.decode().split()[1]])
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhttp/1.1")


def serve(sock, context, *how):
    try:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        if (not context and sock.recv(3, socket.MSG_PEEK) != b"PRI") or (context and sock.selected_alpn_protocol() != "h2"):
            serve_old(sock)
        else:
            Connection(sock, *how).serve()
    except (OSError, h2.exceptions.ProtocolError):
        pass
    finally:
        try:
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(5)
            while sock.recv(65536):  # a reset would take back what was said
                pass
        except OSError:
            pass
        sock.close()


def listen(context=None, most=0, is_narrow=False, is_wide=False, listener=None):
    listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)

    def accept():
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock, context, most, is_narrow, is_wide), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def listen_unix(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    listen(listener=listener)
    return path


def tls(names, asks=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[1:3])
    context.set_alpn_protocols(names)
    if asks:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(sys.argv[1])
    return context


if __name__ == "__main__":
    ports = {"plain": listen(), "tls": listen(tls(["h2", "http/1.1"])), "old": listen(tls(["http/1.1"])), "one": listen(most=1),
             "narrow": listen(is_narrow=True), "wide": listen(is_wide=True), "asks": listen(tls(["h2"], asks=True)),
             "unix": listen_unix(f"{os.path.dirname(sys.argv[1])}/h2-{os.getpid()}.sock")}
    print(json.dumps(ports), flush=True)
    threading.Event().wait()
