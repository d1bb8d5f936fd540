"""Pages and numbers of one's own beside the dashboard (needs Flask).

    /cache         a page of this test's own
    /stats/requests gets a list `extended_stats` with cache hits per request name
    the dashboard shows them as a table, and offers them as CSV

Workers count in their `request` listener and send the counts along with their reports.

    katydid -f locustfiles/extend_page.py -H http://127.0.0.1:8000
    make run EXAMPLE=extend_page      # against the sample shop
"""

import json
from collections import Counter

from locust import HttpUser, between, events, task

counts = {"hits": Counter(), "misses": Counter()}


class Visitor(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def product(self):
        self.client.get("/api/products/1", name="/api/products/[id]")

    @task
    def products(self):
        self.client.get("/api/products")


@events.request.add_listener
def count(name, response, **kwargs):
    if response is not None:
        counts["hits" if response.headers.get("X-Cache") == "HIT" else "misses"][name] += 1


@events.report_to_master.add_listener
def tell(client_id, data):
    data["cache"] = {kind: dict(of) for kind, of in counts.items()}
    for of in counts.values():
        of.clear()


@events.worker_report.add_listener
def add(client_id, data):
    for kind, of in data.get("cache", {}).items():
        counts[kind].update(of)


@events.reset_stats.add_listener
def forget():
    for of in counts.values():
        of.clear()


def table():
    names = sorted({*counts["hits"], *counts["misses"]})
    return [{"name": n, "hits": counts["hits"][n], "misses": counts["misses"][n]} for n in names]


@events.init.add_listener
def extend(environment, web_ui, **kwargs):
    if not web_ui:  # headless, or a worker
        return
    from flask import Blueprint

    pages = Blueprint("cache", __name__)

    @pages.route("/cache")
    def cache():
        return {"rows": table()}

    @pages.route("/cache/csv")
    def cache_csv():
        lines = ["Name,Hits,Misses", *(f'"{row["name"]}",{row["hits"]},{row["misses"]}' for row in table())]
        return "\n".join(lines) + "\n", 200, {"Content-Type": "text/csv"}

    web_ui.app.register_blueprint(pages)

    @web_ui.app.after_request
    def add_table(response):
        if response.status_code == 200 and response.is_json and b'"current_rps"' in response.data:
            data = response.get_json()
            data["extended_stats"] = [{"key": "cache", "data": table()}]
            response.set_data(json.dumps(data))
        return response

    web_ui.template_args["extended_tabs"] = [{"title": "Cache", "key": "cache"}]
    web_ui.template_args["extended_tables"] = [
        {"key": "cache", "structure": [{"key": "name", "title": "Name"}, {"key": "hits", "title": "Hits"}, {"key": "misses", "title": "Misses"}]}
    ]
    web_ui.template_args["extended_csv_files"] = [{"href": "/cache/csv", "title": "Download cache CSV"}]
