# SPDX-License-Identifier: MIT
"""One user, alone in the foreground: for a debugger, or a first look at what a locustfile does."""

import inspect
import os
import sys
from datetime import datetime, timezone

from . import argument_parser, log
from ._events import events
from .env import Environment
from .exception import CatchResponseError


class PrintListener:
    """Prints one line, with tabs, for each request."""

    def __init__(self, env, include_length=False, include_time=False, include_context=False,
                 include_payload=False):
        self.include_length = include_length
        self.include_time = include_time
        self.include_context = include_context
        self.include_payload = include_payload
        env.events.request.add_listener(self.on_request)
        titles = [("time".ljust(24), include_time), ("type", True), ("name".ljust(50), True),
                  ("resp_ms", True), ("length", include_length), ("exception", True),
                  ("context", include_context), ("payload", include_payload)]
        print("\n" + "\t".join(title for title, is_shown in titles if is_shown))

    def on_request(self, request_type, name, response_time, response_length=0, exception=None,
                   context=None, start_time=None, response=None, **_):
        cells = []
        if self.include_time:
            at = datetime.fromtimestamp(start_time, tz=timezone.utc) if start_time else None
            cells.append(str(at or datetime.now()))
        milliseconds = -1 if response_time is None else round(response_time)
        cells += [request_type, (name or "").ljust(50), str(milliseconds).ljust(7)]
        if self.include_length:
            cells.append(str(response_length))
        cells.append(_error_text(exception).ljust(9))
        if self.include_context:
            cells.append(str(context or ""))
        if self.include_payload:
            cells.append(str(_payload(response)))
        print("\t".join(cells))


def _error_text(error):
    if not error:
        return ""
    text = str(error) if isinstance(error, CatchResponseError) else repr(error)
    return text[:500].replace("\n", " ")


def _payload(response):
    """The body that was sent: FastHttpUser keeps a payload, HttpUser a prepared request."""
    request = getattr(response, "_request", None) or getattr(response, "request", None)
    return getattr(request, "payload", None) or getattr(request, "body", None) or ""


_env = None  # one for all users that a script runs one after the other


def run_single_user(user_class, include_length=False, include_time=False, include_context=False,
                    include_payload=False, loglevel="WARNING"):
    """Runs one user of the class until it ends, printing its requests.

    `init` is fired once, `test_start` each time; `test_stop` and `quit` never.
    """
    global _env
    if loglevel:
        log.setup_logging(loglevel)
    if _env is None:
        caller = inspect.stack()[1].frame.f_code.co_filename
        _env = _make_environment(os.path.basename(caller))
        PrintListener(_env, include_length, include_time, include_context, include_payload)
        _env.events.init.fire(environment=_env, runner=None, web_ui=None)
        if log.unhandled_greenlet_exception:
            sys.exit(1)
    _env.user_classes = [user_class]
    _env._filter_tasks_by_tags()
    _env.events.test_start.fire(environment=_env)
    if _env.host:
        user_class.host = _env.host
    user = user_class(_env)
    _env.single_user_instance = user
    user.run()


def _make_environment(locustfile):
    options = argument_parser.get_parser().parse_args()
    options.locustfile = locustfile
    return Environment(events=events, locustfile=locustfile, host=options.host,
                       parsed_options=options)
