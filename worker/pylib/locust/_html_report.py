# SPDX-License-Identifier: MIT
"""A report of the statistics of this process: one HTML file that loads nothing and runs nothing.

Names, error texts and hosts are other people's text: everything is escaped, and the charts are
plain SVG.
"""

from html import escape

from . import stats as statistics
from ._runner_settings import STATE_STOPPED, STATE_STOPPING
from .user.inspectuser import get_ratio
from .util.date import format_duration, format_utc_timestamp

_STYLE = """body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem }
.light { background: #fff; color: #1c2126; --line: #d5dae0; --ink: #0b6bcb; --bad: #c0392b }
.dark { background: #14181d; color: #e4e8ec; --line: #39424d; --ink: #5aa9f0; --bad: #ff7a6b }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line) }
th.t, td.t { text-align: left; overflow-wrap: anywhere } tr:last-child td { font-weight: 600 }
td { font-variant-numeric: tabular-nums } .plain tr:last-child td { font-weight: 400 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem } dd { margin: 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; text-align: left }
svg { width: 100%; height: 9rem; border: 1px solid var(--line) }
polyline { fill: none; stroke: var(--ink); stroke-width: 2; vector-effect: non-scaling-stroke }
polyline + polyline { stroke: var(--bad) } a { color: var(--ink) }"""

_WIDTH, _HEIGHT = 1000, 100  # of a chart, in its own units


def make(environment, percentiles, show_download_link, theme):
    stats = environment.runner.stats
    started = stats.start_time
    ended = stats.last_request_timestamp or started
    host = _host(environment)
    entries = [*statistics.sort_stats(stats.entries), stats.total]
    parts = [
        "<h1>Load test report</h1>",
        _facts(environment, host, started, ended),
        '<p><a href="?download=1">Download this report</a></p>' if show_download_link else "",
        _requests(entries),
        _response_times(entries, percentiles),
        _failures(stats),
        _exceptions(environment.runner),
        _charts(stats.history),
        _ratios(environment),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(f'Report: {host}')}</title><style>{_STYLE}</style></head>"
        f'<body class="{theme}">\n' + "\n".join(filter(None, parts)) + "\n</body></html>\n"
    )


def _host(environment):
    if environment.host:
        return str(environment.host)
    hosts = {cls.host for cls in environment.runner.user_classes}
    return str(hosts.pop()) if len(hosts) == 1 else "several hosts"


def _facts(environment, host, started, ended):
    facts = {
        "Target host": host,
        "During": f"{format_utc_timestamp(started)} to {format_utc_timestamp(ended)} "
                  f"({format_duration(started, ended)})",
        "Script": environment.locustfile,
        "Profile": environment.profile,
    }
    rows = (f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items() if value)
    return f"<dl>{''.join(rows)}</dl>"


def _table(title, texts, heads, rows, is_plain=False):
    """texts: so many columns, the first ones, are text; the others numbers."""
    if not rows:
        return ""
    kinds = [' class="t"' if at < texts else "" for at in range(len(heads))]
    head = "".join(f'<th scope="col"{k}>{escape(h)}</th>' for k, h in zip(kinds, heads))
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{_cell(c)}</td>" for k, c in zip(kinds, row)) + "</tr>\n"
        for row in rows
    )
    style = ' class="plain"' if is_plain else ""
    return (f"<h2>{title}</h2><table{style}><thead><tr>{head}</tr></thead>"
            f"<tbody>\n{body}</tbody></table>")


def _cell(value):
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    text = "" if value is None else escape(str(value))
    return f"<pre>{text}</pre>" if "\n" in text else text


def _requests(entries):
    heads = ["Type", "Name", "Requests", "Fails", "Average (ms)", "Min (ms)", "Max (ms)",
             "Average size (bytes)", "Requests/s", "Failures/s"]
    return _table("Request statistics", 2, heads, [
        [e.method, e.name, e.num_requests, e.num_failures, e.avg_response_time,
         e.min_response_time or 0, e.max_response_time, e.avg_content_length, e.total_rps,
         e.total_fail_per_sec]
        for e in entries
    ])


def _response_times(entries, percentiles):
    heads = ["Type", "Name", *(f"{shown} (ms)" for shown in
                               statistics.get_readable_percentiles(percentiles))]
    return _table("Response time statistics", 2, heads, [
        [e.method, e.name, *(e.get_response_time_percentile(p) for p in percentiles)]
        for e in entries
    ])


def _failures(stats):
    rows = [[e.method, e.name, statistics.StatsError.parse_error(e.error), e.occurrences]
            for e in statistics.sort_stats(stats.errors)]
    return _table("Failures", 3, ["Type", "Name", "Error", "Occurrences"], rows, is_plain=True)


def _exceptions(runner):
    rows = [[e["msg"], e["traceback"], ", ".join(sorted(e["nodes"])), e["count"]]
            for e in runner.exceptions.values()]
    return _table("Exceptions", 3, ["Message", "Traceback", "Nodes", "Count"], rows, is_plain=True)


def _charts(history):
    if len(history) < 2:
        return ""
    percentiles = [key for key in history[-1] if key.startswith("response_time_percentile_")]
    charts = (
        ("Requests and failures per second", ["current_rps", "current_fail_per_sec"]),
        ("Response times (ms): percentiles "
         + " and ".join(key.rpartition("_")[2] for key in percentiles[:2]), percentiles[:2]),
        ("Users", ["user_count"]),
    )
    return "<h2>Charts</h2>" + "".join(_chart(title, keys, history) for title, keys in charts)


def _chart(title, keys, history):
    series = [[_number(row.get(key)) for row in history] for key in keys]
    top = max((max(values) for values in series), default=0) or 1
    lines = "".join(_line(values, top) for values in series)
    return (f"<h3>{escape(title)}, up to {_cell(float(top))}</h3>"
            f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'preserveAspectRatio="none">{lines}</svg>')


def _line(values, top):
    step = _WIDTH / (len(values) - 1)
    points = " ".join(f"{at * step:.1f},{_HEIGHT * (1 - value / top):.1f}"
                      for at, value in enumerate(values))
    return f'<polyline points="{points}"/>'


def _number(cell):
    """A value of the history, which stands behind its time."""
    value = cell[1] if isinstance(cell, (list, tuple)) else cell
    return value if isinstance(value, (int, float)) else 0


def _ratios(environment):
    runner = environment.runner
    spawned = getattr(runner, "reported_user_classes_count", None) or runner.user_classes_count
    if runner.state in (STATE_STOPPED, STATE_STOPPING):
        spawned = runner.final_user_classes_count
    per_class = get_ratio(environment.user_classes, spawned, False)
    total = get_ratio(environment.user_classes, spawned, True)
    rows = list(_ratio_rows(per_class, total, 0))
    heads = ["User or task", "Of its class (%)", "Of everything (%)"]
    return _table("Ratio of tasks", 1, heads, rows, is_plain=True)


def _ratio_rows(per_class, total, depth):
    for name, node in per_class.items():
        whole = total[name]
        yield ["\u2003" * depth + name, node["ratio"] * 100, whole["ratio"] * 100]
        yield from _ratio_rows(node.get("tasks", {}), whole.get("tasks", {}), depth + 1)
