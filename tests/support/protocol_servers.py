# SPDX-License-Identifier: MIT
"""Servers that the clients of locust.contrib are tested against, where no package has a small one:
DNS, Socket.IO, an API like OpenAI's, and as much of MongoDB as a query needs. Each answers after
DELAY_S. Run by the Python that has the clients' libraries; prints {name: port}.
"""

import http.server
import json
import socketserver
import struct
import threading
import time
import wsgiref.simple_server

import bson
import dns.message
import dns.rrset
import socketio

DELAY_S = 0.1
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


class Threaded(socketserver.ThreadingMixIn):
    daemon_threads = True
    allow_reuse_address = True


# ---- DNS: no.example has no address ---------------------------------------------------------------


class Dns(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        name = question.question[0].name
        if not name.to_text().startswith("no."):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.1"))
        time.sleep(DELAY_S)
        sock.sendto(answer.to_wire(), self.client_address)


class DnsServer(Threaded, socketserver.UDPServer):
    pass


# ---- Socket.IO -----------------------------------------------------------------------------------


def socketio_app():
    server = socketio.Server(async_mode="threading")

    @server.on("ask")
    def ask(sid, data):
        time.sleep(DELAY_S)
        return {"answer": data}

    @server.on("shout")
    def shout(sid, data):
        server.emit("echo", data, to=sid)

    return socketio.WSGIApp(server)


class WsgiServer(Threaded, wsgiref.simple_server.WSGIServer):
    pass


class QuietWsgi(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


# ---- an API like OpenAI's ------------------------------------------------------------------------


class OpenAi(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(DELAY_S)
        is_good = asked.get("model") == "good"
        body = {
            "id": "1", "object": "chat.completion", "created": 1, "model": "good",
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": "yes"}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 42, "total_tokens": 43},
        } if is_good else {"error": {"message": "no such model"}}
        data = json.dumps(body).encode()
        self.send_response(200 if is_good else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


# ---- MongoDB: hello and find ---------------------------------------------------------------------

HELLO = {"helloOk": True, "ismaster": True, "isWritablePrimary": True, "ok": 1.0,
         "maxBsonObjectSize": 1 << 24, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
         "minWireVersion": 0, "maxWireVersion": 21, "readOnly": False, "connectionId": 1,
         "logicalSessionTimeoutMinutes": 30}


class Mongo(socketserver.BaseRequestHandler):
    def handle(self):
        while head := self._read(16):
            length, number, _, opcode = struct.unpack("<iiii", head)
            body = self._read(length - 16)
            if opcode == OP_QUERY:
                self._send(number, OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(HELLO))
            elif opcode == OP_MSG:
                command = bson.decode(body[5:5 + struct.unpack_from("<i", body, 5)[0]])
                self._send(number, OP_MSG, b"\0\0\0\0\0" + bson.encode(self._answer(command)))

    def _answer(self, command):
        if "find" not in command:
            return HELLO
        time.sleep(DELAY_S)
        if command["find"] == "broken":
            return {"ok": 0.0, "code": 2, "errmsg": "this collection is broken"}
        found = [{"_id": n, "database": command["$db"]} for n in range(3)]
        return {"ok": 1.0, "cursor": {"id": 0, "ns": f"{command['$db']}.c", "firstBatch": found}}

    def _send(self, number, opcode, body):
        self.request.sendall(struct.pack("<iiii", 16 + len(body), 0, number, opcode) + body)

    def _read(self, size):
        data = b""
        while len(data) < size:
            more = self.request.recv(size - len(data))
            if not more:
                return b""
            data += more
        return data


class TcpServer(Threaded, socketserver.TCPServer):
    pass


def main():
    here = ("127.0.0.1", 0)
    wsgi = WsgiServer(here, QuietWsgi)
    wsgi.set_app(socketio_app())
    servers = {
        "dns": DnsServer(here, Dns),
        "socketio": wsgi,
        "openai": TcpServer(here, OpenAi),
        "mongodb": TcpServer(here, Mongo),
    }
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({name: server.server_address[1] for name, server in servers.items()}), flush=True)
    threading.Event().wait()  # until ended


if __name__ == "__main__":
    main()
