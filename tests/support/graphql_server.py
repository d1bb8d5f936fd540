# SPDX-License-Identifier: MIT
"""As much of a GraphQL server as its clients can tell: POST and GET, persisted queries, batches, uploads. What it answers is
said by the operation's name (OPERATIONS). Prints its port; /seen has what was asked.
"""

import email.parser
import email.policy
import hashlib
import http.server
import json
import re
from urllib.parse import parse_qsl, urlsplit

OPERATIONS = {
    "Hero": lambda asked: {"data": {"hero": {"name": "R2-D2", "id": (asked.get("variables") or {}).get("id")}}, "extensions": {"cost": 3}},
    "Broken": lambda asked: {"errors": [{"message": "no such hero", "path": ["heroes", 3, "name"], "extensions": {"code": "NOT_FOUND"}}, {"message": "more"}], "data": None},
    "Partly": lambda asked: {"errors": [{"message": "too slow", "path": ["friends"]}], "data": {"hero": {"name": "R2-D2"}, "friends": None}},
    "Numbered": lambda asked: {"errors": [{"message": "no such hero", "path": 5}]},
    "Odd": lambda asked: {"status": "fine"},
}
OTHERS = {"/html": b"<p>please log in", "/deep": b"[" * 100_000, "/single": b'{"data": {}}', "/short": b'[{"data": {}}]', "/refused": b'{"errors": [{"message": "no batches"}]}'}
known, seen = {}, []


def answer_one(asked):
    """(status, JSON)"""
    persisted = (asked.get("extensions") or {}).get("persistedQuery")
    if persisted and "query" in asked:
        known[hashlib.sha256(asked["query"].encode()).hexdigest()] = asked["query"]
    if "query" not in asked and (not persisted or persisted["sha256Hash"] not in known):
        return 400, {"errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]}
    name = asked.get("operationName")
    if name == "Invalid":
        return 400, {"errors": [{"message": 'Cannot query field "x" on type "Query".'}]}
    return 503 if name == "Ill" else 200, OPERATIONS.get(name, OPERATIONS["Hero"])(asked)


def form(headers, body):
    """The fields of a multipart form."""
    message = email.parser.BytesParser(policy=email.policy.default).parsebytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    return {part.get_param("name", header="content-disposition"): part.get_content() for part in message.iter_parts()}


class GraphQL(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/seen":
            self.say(200, seen)
            return
        asked = dict(parse_qsl(url.query))
        self.answer({key: json.loads(value) if key in ("variables", "extensions") else value for key, value in asked.items()})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path in OTHERS:
            self.say(200, None, OTHERS[self.path])
            return
        if self.headers["Content-Type"].startswith("multipart/form-data"):
            fields = form(self.headers, body)
            asked = {**json.loads(fields["operations"]), "map": json.loads(fields["map"]), "files": [v for k, v in fields.items() if re.fullmatch(r"\d+", k)]}
        else:
            asked = json.loads(body)
        self.answer(asked)

    def answer(self, asked):
        accept = self.headers["Accept"]
        seen.append({"method": self.command, "accept": accept, "asked": asked if isinstance(asked, list) else {**asked, "files": [f if isinstance(f, str) else f.decode() for f in asked.get("files", [])]}})
        if not isinstance(asked, list) and asked.get("operationName") == "Deep":
            self.say(200, None, b"[" * 200_000)
        elif isinstance(asked, list):
            self.say(200, [answer_one(one)[1] for one in asked])
        else:
            self.say(*answer_one(asked))

    def say(self, status, said, data=None):
        data = data if data is not None else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/graphql-response+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), GraphQL) as server:
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
