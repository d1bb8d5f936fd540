# SPDX-License-Identifier: MIT
"""What the clients of other protocols share: how they find their library, and how they record.

A module of this folder imports its library when it is imported itself, that is when a locustfile
asks for it, and not before.
"""

import importlib
import time

import locust


def need(module, package, user):
    """Imports `module`, or says what to install. user: the class that cannot do without it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != top:
            raise  # the library is there: something that it needs itself is not
        raise ModuleNotFoundError(
            f"{user} needs the Python package {package}: pip install '{package}', in the virtual "
            "environment that is active when katydid starts",
            name=top,
        ) from None


def timed(call, *args, **kwargs):
    """Calls; returns {"success", "response_time" (ms), and "result" or "exception"}."""
    began = time.perf_counter()
    try:
        outcome = {"success": True, "result": call(*args, **kwargs)}
    except Exception as error:
        outcome = {"success": False, "exception": error}
    outcome["response_time"] = (time.perf_counter() - began) * 1000
    return outcome


def timed_search(call, *args, count=len, **kwargs):
    """timed() for what should find something: without a hit it is "empty", and no success."""
    outcome = timed(call, *args, **kwargs)
    if outcome["success"]:
        outcome["empty"] = count(outcome["result"]) == 0
        outcome["success"] = not outcome["empty"]
    return outcome


def record(request_type, name, outcome, event=None):
    """Fires the request event for what timed() returned."""
    (event or locust.events.request).fire(
        request_type=request_type,
        name=name,
        response_time=outcome["response_time"],
        response_length=0,
        exception=outcome.get("exception"),
    )
