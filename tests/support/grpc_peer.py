# SPDX-License-Identifier: MIT
"""A server of gRPC by the package h2 that does what the call's header `say` tells it, when the request is whole; prints its port.
It is a list, as JSON, of steps:

["head", {…}, is_end]   headers; without a :status 200           ["data", "hex", is_end]
["trailers", {…}]       and the end                              ["reset", code]
["goaway", code, last]  last: of streams, or null for this one   ["raw", "hex"]    bytes of no frame of h2's making
["fill", N]             N bytes of data, as the window lets      ["endless"]       CONTINUATION without end
["close"]               the connection                           ["pause", seconds]

`first` in place of `say` is for the first call of that path; others are answered with the message "again". Header `soon` has it
done before the request is whole. /p.P/Asked is answered with the heads of all calls, as JSON."""

import json
import socket
import struct
import sys
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.settings

GRPC = {":status": "200", "content-type": "application/grpc"}
asked, lock = [], threading.Lock()


def message(data):
    return b"\0" + struct.pack(">I", len(data)) + data


class Connection:
    def __init__(self, sock):
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False)
        self.sock, self.h2, self.calls = sock, h2.connection.H2Connection(config), {}
        self.h2.initiate_connection()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def serve(self):
        self.flush()
        while data := self.sock.recv(65536):
            for event in self.h2.receive_data(data):
                if not self.on(event):
                    return
            self.flush()

    def on(self, event):
        if isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.RequestReceived):
            self.calls[event.stream_id] = dict(event.headers)
            if "soon" in self.calls[event.stream_id]:
                return self.answer(event.stream_id)
        elif isinstance(event, h2.events.StreamEnded) and "soon" not in self.calls[event.stream_id]:
            return self.answer(event.stream_id)
        return True

    def answer(self, stream):
        call = self.calls[stream]
        with lock:
            asked.append(call)
            is_first = [one[":path"] for one in asked].count(call[":path"]) == 1
        good = [["head", {}], ["data", message(b"again").hex()], ["trailers", {"grpc-status": "0"}]]
        if call[":path"] == "/p.P/Asked":
            good[1][1] = message(json.dumps(asked).encode()).hex()
        steps = json.loads(call["say"]) if "say" in call else json.loads(call["first"]) if "first" in call and is_first else good
        for name, *more in steps:
            if getattr(self, name)(stream, *more) is False:
                return False
            self.flush()
        return True

    def head(self, stream, fields, is_end=False):
        self.h2.send_headers(stream, list({**GRPC, **fields}.items()), end_stream=is_end)

    def data(self, stream, data, is_end=False):
        self.h2.send_data(stream, bytes.fromhex(data), end_stream=is_end)

    def trailers(self, stream, fields):
        self.h2.send_headers(stream, list(fields.items()), end_stream=True)

    def reset(self, stream, code):
        self.h2.reset_stream(stream, code)

    def goaway(self, stream, code, last):
        self.flush()
        last = stream if last is None else last
        self.raw(stream, (struct.pack(">I", 8)[1:] + b"\7\0" + struct.pack(">III", 0, last, code)).hex())

    def raw(self, stream, data):
        self.flush()
        self.sock.sendall(bytes.fromhex(data.replace("STREAM", f"{stream:08x}")))

    def fill(self, stream, count):
        while count:
            room = min(count, self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room:
                self.h2.send_data(stream, bytes(room))
                count -= room
                self.flush()
            elif not (data := self.sock.recv(65536)):
                return False
            else:
                for event in self.h2.receive_data(data):
                    if isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                        return True
        return None

    def endless(self, stream):
        self.flush()
        block = b"\0\1x\4" + b"yyyy"
        self.sock.sendall(struct.pack(">I", len(block))[1:] + b"\1\0" + struct.pack(">I", stream) + block)
        block = block * 1000
        while True:
            self.sock.sendall(struct.pack(">I", len(block))[1:] + b"\x09\0" + struct.pack(">I", stream) + block)

    def pause(self, stream, seconds):
        self.flush()
        time.sleep(seconds)

    def close(self, stream):
        self.flush()
        return False


def serve(sock):
    with sock:
        try:
            Connection(sock).serve()
            sock.shutdown(socket.SHUT_WR)  # no reset, which would overtake what was said
            sock.settimeout(5)
            while sock.recv(65536):
                pass
        except (OSError, h2.exceptions.ProtocolError):
            pass


def main():
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


sys.exit(main())
