# SPDX-License-Identifier: MIT
"""What of a test counts for the master however it was set: by the command line, by a listener, by a
default that the locustfile gives an option (docs/wire.md, katydid_script)."""

from .util.timespan import parse_timespan

_NUMBERS = ("num_users", "spawn_rate", "expect_workers", "expect_workers_max_wait", "autoquit",
            "exit_code_on_error")
_TEXTS = ("html_file", "json_file", "csv_prefix")
_SWITCHES = ("json", "only_summary", "print_stats")


def settings_of(environment):
    options = environment.parsed_options
    found = {name: _number(getattr(options, name, None)) for name in _NUMBERS}
    found.update((name, bool(getattr(options, name, False))) for name in _SWITCHES)
    found.update((name, _text(getattr(options, name, None))) for name in _TEXTS)
    found["run_time"] = _seconds(getattr(options, "run_time", None))
    found["stop_timeout"] = _number(environment.stop_timeout)
    found["reset_stats"] = bool(environment.reset_stats)
    found["host"] = _text(environment.host)
    return found


def set_default_load(options):
    """A test without the page has a load even if none was given, for listeners to see."""
    if options.headless or options.autostart:
        for name in ("num_users", "spawn_rate"):
            if getattr(options, name) is None:
                setattr(options, name, 1)


def _text(value):
    return str(value) if value else None


def _seconds(value):
    try:
        return _number(parse_timespan(value) if isinstance(value, str) else value)
    except ValueError:
        return None


def _number(value):
    """In Python's own kind, for msgpack; None for what is none."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
