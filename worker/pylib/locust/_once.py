# SPDX-License-Identifier: MIT
"""Code of a locustfile that runs once a run, on the node with the master's side (docs/verdicts.md):
@katydid.setup before the load, whose result every user can have, and @katydid.teardown after it. Their
requests are none of the run's: they are counted in series of the groups "setup" and "teardown" alone."""

import inspect
import logging

import _katydid
import gevent
import msgpack

from . import _errors
from ._thresholds import modules_of

logger = logging.getLogger("locust.main")

_MOST_BYTES = 16 << 20
_USUAL_S = 60.0  # that each may take

_marked = {}  # "setup", "teardown" -> the function


def setup(function):
    """Marks the function that runs once before the load: setup(environment)."""
    return _mark("setup", function)


def teardown(function):
    """Marks the function that runs once after the load: teardown(environment, data)."""
    return _mark("teardown", function)


def _mark(kind, function):
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise TypeError(f"@katydid.{kind} belongs above a function that is not async, not {function!r}")
    other = _marked.get(kind)
    if other is not None and _place(other) != _place(function):
        raise ValueError(f"@katydid.{kind} stands in {_place(other)} and in {_place(function)}: a test has one")
    _marked[kind] = function
    return function


def _place(function):
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"


def describe(environment):
    """What there is of it, for the master."""
    return {
        **{kind: kind in _marked for kind in ("setup", "teardown")},
        **{f"named_{kind}": _named(kind, environment) is not None for kind in ("setup", "teardown")},
    }


def asked(environment):
    """{"setup": seconds, "teardown": seconds} of what a program that uses Locust as a library has and wants run."""
    options = environment.parsed_options
    by_name = getattr(options, "k6_names", False)
    return {
        kind: getattr(options, f"{kind}_timeout", None) or _USUAL_S
        for kind in ("setup", "teardown")
        if not getattr(options, f"no_{kind}", False)
        and (kind in _marked or (by_name and _named(kind, environment) is not None))
    }


def _named(kind, environment):
    """A function of that name in a locustfile, which counts with --k6-names."""
    for module in modules_of(environment):
        function = getattr(module, kind, None)
        if inspect.isfunction(function) and function.__module__ == module.__name__:
            return function
    return None


class Failed(Exception):
    """Why it did not work, in words for the log."""


def set_up(environment, timeout):
    """Runs it; what it gave, as every worker gets it, in msgpack. Failed, or what it raised."""
    function = _marked.get("setup") or _named("setup", environment)
    result = _run("setup", function, _arguments(function, ("environment",), (environment,)), timeout)
    packed = _pack(result)
    environment.setup_data = unpack(packed)
    return packed


def tear_down(environment, timeout):
    function = _marked.get("teardown") or _named("teardown", environment)
    given = _arguments(function, ("environment", "data"), (environment, environment.setup_data))
    _run("teardown", function, given, timeout)


def unpack(packed):
    return msgpack.unpackb(packed, strict_map_key=False)


def _arguments(function, names, values):
    """As many as it takes; a single one of a teardown is the data, as in k6, unless its name says otherwise."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [each.name for each in inspect.signature(function).parameters.values() if each.kind in kinds]
    if len(taken) >= len(values):
        return values
    return values[-1:] if taken and taken[0] != names[0] else values[:len(taken)]


def _run(kind, function, arguments, timeout):
    timer = gevent.Timeout.start_new(timeout if timeout and timeout > 0 else None)
    try:
        with _katydid.Group(kind, apart=True):
            return function(*arguments)
    except gevent.Timeout as error:
        if error is timer:
            raise Failed(f"{kind} has not ended after {timeout:g} s (--{kind}-timeout)") from None
        raise Failed(f"{kind} failed: {error!r}") from error
    finally:
        timer.close()


def _pack(result):
    try:
        packed = msgpack.packb(result)
    except (TypeError, ValueError, OverflowError) as error:
        raise Failed("what setup returned cannot be given to the users: take dicts, lists, texts, numbers "
                     f"and bytes ({error})") from None
    if len(packed) > _MOST_BYTES:
        raise Failed(f"what setup returned is too large: {len(packed)} bytes, at most {_MOST_BYTES}")
    return packed


def tell(kind, error):
    """Why it failed, into the log."""
    if isinstance(error, Failed):
        logger.error("%s", error)
    else:
        logger.error("%s failed:\n%s", kind, _errors.format_exception(error).rstrip())
