#!/usr/bin/env bash
# Locust 2.47.0: with --json and --json-file together, the file says that there were no requests.
#
# Writing the statistics as JSON takes them out of the tables on the way. --json comes first, so the
# file is an empty list, and the table printed at the end counts 0 requests; --csv and --html, which
# are written before, have them. No message, exit code 0.
#
# Output seen (the number of requests varies):
#   locust 2.47.0
#   printed by --json: 28 requests
#   in --json-file: []
#   in --csv: 26 requests
#   Aggregated row of the last table: 0 requests
set -euo pipefail
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check locust==2.47.0
cd "$work"
cat >server.py <<'PY'
import http.server


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
print(server.server_port, flush=True)
server.serve_forever()
PY
mkfifo port
python3 server.py >port &
server=$!
read -r port <port
cat >locustfile.py <<'PY'
from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def page(self):
        self.client.get("/")
PY
timeout 60 venv/bin/locust -f locustfile.py -H "http://127.0.0.1:$port" --headless -u 1 -t 3s \
  --json --json-file file --csv out >printed.json 2>log.txt
venv/bin/python - <<'PY'
import csv
import importlib.metadata
import json

printed = json.load(open("printed.json"))
in_file = json.load(open("file.json"))
rows = [row for row in csv.DictReader(open("out_stats.csv")) if row["Name"] == "/"]
last = [line.split() for line in open("log.txt") if "Aggregated" in line][-1]
print("locust", importlib.metadata.version("locust"))
print("printed by --json:", printed[0]["num_requests"], "requests")
print("in --json-file:", in_file)
print("in --csv:", rows[0]["Request Count"], "requests")
print("Aggregated row of the last table:", last[1], "requests")
assert printed[0]["num_requests"] > 0 and int(rows[0]["Request Count"]) > 0
assert in_file == [] and last[1] == "0", "this has changed"
PY
