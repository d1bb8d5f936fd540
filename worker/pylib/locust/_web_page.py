# SPDX-License-Identifier: MIT
"""The page as a Jinja template named index.html, so that a locustfile's own view can render it with
more `template_args` (tabs, tables and files of its own), as Locust's can.

What is put in is data, in a block that no browser runs; the page reads it
(docs/api.md, "What a locustfile adds")."""

import json
from html import escape

_TEMPLATE = "{{ katydid_page(template_args) }}"

EXTENSIONS = ("extended_tabs", "extended_tables", "extended_csv_files")


def use(app, web_ui, views):
    """Gives the app the template, beside those of the locustfile's folders."""
    from jinja2 import ChoiceLoader, DictLoader
    from markupsafe import Markup

    def render(template_args):
        given = {key: template_args[key] for key in EXTENSIONS if template_args.get(key)}
        if given:
            web_ui.rendered_extensions = given
        base = (web_ui.web_base_path or "") + "/"
        return Markup(with_data(views.page_html(), template_args, base))

    app.jinja_env.globals["katydid_page"] = render
    app.jinja_loader = ChoiceLoader([DictLoader({"index.html": _TEMPLATE})])


def with_data(html, template_args, base):
    """The page's HTML with its addresses relative to `base`, and the arguments as JSON in it."""
    text = json.dumps(template_args, default=str)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    head = (f'<base href="{escape(base, quote=True)}">'
            f'<script type="application/json" id="template-args">{text}</script>')
    at = html.find("<head>")
    if at < 0:
        return html + head
    at += len("<head>")
    return html[:at] + head + html[at:]


# The page of a program that uses Locust as a library: no dashboard, but a form, the state and the
# table, from the same routes that scripts call.

PLAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Locust</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="assets/page.css"><script defer src="assets/page.js"></script></head>
<body><header><h1>Load test</h1><p id="state" role="status"></p></header>
<form id="start"><label>Users <input name="user_count" type="number" min="0" value="1" required>
</label><label>Users started per second <input name="spawn_rate" type="number" min="0.001"
step="any" value="1" required></label><label>Host <input name="host"></label>
<label>Run time <input name="run_time" placeholder="5m"></label>
<button>Start or change</button> <button type="button" id="stop">Stop</button>
<button type="button" id="reset">Reset statistics</button></form><p id="message" role="alert"></p>
<table><thead><tr><th>Type<th>Name<th>Requests<th>Fails<th>Median (ms)<th>95% (ms)<th>99% (ms)
<th>Average (ms)<th>Max (ms)<th>Requests/s<th>Failures/s</tr></thead><tbody id="rows"></tbody>
</table><h2>Failures</h2><table><thead><tr><th>Count<th>Type<th>Name<th>Message</tr></thead>
<tbody id="errors"></tbody></table>
<p><a href="stats/requests/csv">Requests (CSV)</a> <a href="stats/failures/csv">Failures (CSV)</a>
<a href="exceptions/csv">Exceptions (CSV)</a></p></body></html>
"""

_CSS = """:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 75rem; margin: 0 auto; padding: 1rem }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end }
label { display: grid } table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid GrayText }
td { overflow-wrap: anywhere } .number { text-align: right; font-variant-numeric: tabular-nums }
"""

_JS = """"use strict";
const at = (id) => document.getElementById(id);
const tell = (text) => { at("message").textContent = text; };
const row = (cells) => {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const field = document.createElement("td");
    const isNumber = typeof cell === "number";
    field.textContent = isNumber ? String(Math.round(cell * 10) / 10) : cell ?? "";
    if (isNumber) field.className = "number";
    line.append(field);
  }
  return line;
};
async function show() {
  try {
    const data = await (await fetch("stats/requests")).json();
    at("state").textContent = `${data.state}, ${data.user_count} users`;
    at("rows").replaceChildren(...data.stats.map((s) => row([
      s.method, s.name, s.num_requests, s.num_failures, s.median_response_time,
      s["response_time_percentile_0.95"], s["response_time_percentile_0.99"],
      s.avg_response_time, s.max_response_time, s.current_rps, s.current_fail_per_sec])));
    at("errors").replaceChildren(...data.errors.map((e) => row([
      e.occurrences, e.method, e.name, e.error])));
  } catch (error) {
    at("state").textContent = "disconnected";
  }
  setTimeout(show, 2000);
}
at("start").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  if (!form.get("host")) form.delete("host");
  const answer = await fetch("swarm", {method: "POST", body: form});
  tell((await answer.json()).message);
});
at("stop").addEventListener("click", async () => {
  tell((await (await fetch("stop", {method: "POST"})).json()).message);
});
at("reset").addEventListener("click", async () => {
  await fetch("stats/reset", {method: "POST"});
  tell("Statistics reset");
});
show();
"""

PLAIN_FILES = {"page.css": ("text/css", _CSS), "page.js": ("text/javascript", _JS)}
