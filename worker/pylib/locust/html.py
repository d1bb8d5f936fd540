# SPDX-License-Identifier: MIT
"""The report of a test as one HTML file.

In a process that katydid runs with the master's figures (a script host, or the one local worker)
it is the master's own report, the same that --html writes. Elsewhere (a worker of several, a program
that uses Locust as a library) it is made here, from the statistics of this process.
"""

import os

from . import _html_report

PERCENTILES_FOR_HTML_REPORT = [0.50, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0]
DEFAULT_BUILD_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "webui", "dist")


def process_html_filename(options):
    """Puts the numbers of users, spawn rate and run time where the name says {u}, {r}, {t}."""
    values = {"{u}": options.num_users, "{r}": options.spawn_rate, "{t}": options.run_time}
    for mark, value in values.items():
        if value is not None:
            text = str(int(value)) if float(value).is_integer() else str(value)
            options.html_file = options.html_file.replace(mark, text)


def render_template_from(file, build_path=DEFAULT_BUILD_PATH, **kwargs):
    """A Jinja template of the folder, with the arguments."""
    from jinja2 import Environment, FileSystemLoader

    return Environment(loader=FileSystemLoader(build_path)).get_template(file).render(**kwargs)


def get_html_report(environment, show_download_link=True, theme=""):
    """The report as text. theme: "dark", or else light; the master's report follows the browser."""
    masters = getattr(environment.runner, "_masters_report", None)
    text = masters() if masters is not None else None
    if text is not None:
        return text
    return _html_report.make(environment, PERCENTILES_FOR_HTML_REPORT, show_download_link,
                             "dark" if theme == "dark" else "light")
