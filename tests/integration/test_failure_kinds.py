"""Failures whose texts hold ids: one kind with its true count in the API, the CSV and the report, whatever else fails."""

import base64
import csv
import gzip
import json
import re
import urllib.request

from harness import free_port, get_json, katydid, locustfile, wait_for

EACH = 3000
FILE = f"""
from locust import User, task, constant

class Shopper(User):
    wait_time = constant(3600)

    @task
    def orders(self):
        fire = self.environment.events.request.fire
        for n in range({EACH}):
            text = f"order {{n}} of customer c1f{{n * 7919:07x}} is gone"
            fire(request_type="GET", name="/order", response_time=3, response_length=1, context={{}}, exception=Exception(text))
        for name in ("/order", "/pay"):
            fire(request_type="GET", name=name, response_time=3, response_length=1, context={{}}, exception=Exception("what matters"))
"""
MATTERS = "Exception('what matters')"
KIND = "order # of customer # is gone"


def report_of(url):
    html = urllib.request.urlopen(f"{url}/api/v1/report", timeout=60).read().decode()
    block = re.search(r'id="katydid-report">([^<]*)</script>', html).group(1)
    return json.loads(gzip.decompress(base64.b64decode(block)))


def test_ids_in_messages_hide_nothing():
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with locustfile(FILE) as file, katydid("-f", file, "--web-port", port, "--processes", "2", "--autostart", "-u", "2", "-r", "2") as master:
        master.wait_line("Starting web interface")

        def failures():
            return get_json(f"{url}/api/v1/failures")["failures"]
        wait_for(lambda: sum(one["in_range"] for one in failures()) == 2 * EACH + 4, "all failures")
        found = {(one["name"], one["kind"]): one for one in failures()}
        counts = {key: one["count"] for key, one in found.items()}
        assert counts == {("/order", f"Exception('{KIND}')"): 2 * EACH, ("/order", MATTERS): 2, ("/pay", MATTERS): 2}
        order = next(one for (_, kind), one in found.items() if KIND in kind)
        assert len(order["texts"]) == 20 and all("customer c1f" in text for text, _ in order["texts"])
        told = [{one["id"]: (one["count"], one["texts"]) for one in some} for some in (report_of(url)["failures"], failures())]
        assert told[0] == told[1]
        lines = list(csv.DictReader(urllib.request.urlopen(f"{url}/stats/failures/csv", timeout=60).read().decode().splitlines()))
        assert [(line["Name"], int(line["Occurrences"])) for line in lines] == [("/order", 2 * EACH), ("/order", 2), ("/pay", 2)]
        assert KIND in lines[0]["Error"]
