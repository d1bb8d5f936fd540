# SPDX-License-Identifier: MIT
"""Scenarios in a locustfile: load that does not wait for its target (docs/load-models.md).

    from katydid.load import Arrivals

    scenarios = {
        "look": Arrivals(Browser, rate="300/m", duration="12m"),
        "buy": Arrivals(Buyer, stages=[("2m", "80/s"), ("10m", "80/s")], max_users=400),
    }

A value may be k6's dictionary as well. Katydid's master reads them; under stock Locust, which has no such load, they are
ordinary values that nobody looks at."""

import inspect
import re
import sys
from collections import namedtuple
from datetime import timedelta

from ._profiles import (
    Step,
    atOnceUsers,
    constantConcurrentUsers,
    constantUsersPerSec,
    heavisideUsers,
    incrementConcurrentUsers,
    incrementUsersPerSec,
    nothingFor,
    rampConcurrentUsers,
    rampUsers,
    rampUsersPerSec,
    replay,
    sine,
    spike,
    step,
    stressPeakUsers,
)

__all__ = [
    "Arrivals", "FindKnee", "Iterations", "Scenario", "Users", "atOnceUsers", "constantConcurrentUsers", "constantUsersPerSec", "heavisideUsers",
    "incrementConcurrentUsers", "incrementUsersPerSec", "nothingFor", "rampConcurrentUsers", "rampUsers", "rampUsersPerSec", "replay",
    "scenario_of", "sine", "spike", "step", "stressPeakUsers",
]

_SECONDS = {"duration", "level", "max_duration", "start_time", "graceful_stop", "graceful_ramp_down", "time_unit"}

try:
    from _katydid import arrival as _arrival
except ImportError:  # stock Locust has no arrivals
    def _arrival():
        return None


class Scenario(namedtuple("Scenario", "name env tags")):
    """What a user can know of the scenario it is in: its name, and the env and tags that it was given."""

    __slots__ = ()

    @property
    def iteration_in_test(self):
        """Of a scenario with a rate: which of its arrivals the caller's iteration is, from 0 on, on all workers together. Else, and
        outside of an iteration, None."""
        return _arrival()


class _Load:
    """Numbers of durations are seconds."""

    def __init__(self, user_class, task, exec, env, tags, stages, keys):
        self.user_class, self.stages = user_class, stages
        self.task = exec if task is None else task
        self.env, self.tags, self.keys = env or {}, tags or {}, keys

    def text(self):
        """EXECUTOR:key=value,… as the command line has it."""
        given = {"class": _named(self.user_class), "task": _named(self.task), **self.keys}
        if self.stages is not None:
            given["stages"] = _stages(self.stages)
        if isinstance(given.get("throttle"), list | tuple):
            given["throttle"] = _stages(given["throttle"])
        pairs = [f"{key}={_duration(value) if key in _SECONDS else _checked(key, value)}"
                 for key, value in given.items() if value is not None]
        pairs += [f"{kind}.{key}={_escaped(value)}"
                  for kind, values in (("env", self.env), ("tag", self.tags)) for key, value in values.items()]
        return f"{self.executor()}:{','.join(pairs)}"

    def executor(self):
        return f"{'constant' if self.stages is None else 'ramping'}-{self.kind}"


class Arrivals(_Load):
    """Iterations that start at a rate, however long they take. Of one User class, or of several with their weights: [Buyer,
    Browser], {Buyer: 3, Browser: 1}; of one of its tasks (by name, or a function that takes the user), or of all by their
    weights."""

    kind = "arrival-rate"

    def __init__(self, user_class=None, rate=None, *, stages=None, task=None, exec=None, env=None, tags=None, **keys):
        """keys: duration, iterations, from_stage, users, max_users, on_busy, max_queue, fresh, start_time, start_after, graceful_stop,
        distribution, seed, phase, time_unit, as in docs/load-models.md."""
        super().__init__(user_class, task, exec, env, tags, stages, {"rate": rate, **keys})


class FindKnee(_Load):
    """Iterations at a rate that goes up, step by step, until the target is saturated: how much it can do, and up to where it
    is good to go."""

    def __init__(self, user_class=None, step=None, *, level=None, task=None, exec=None, env=None, tags=None, **keys):
        """keys: start_rate, max_rate, goodput (the least share of good answers), and those of Arrivals that are not about rates, as in docs/load-models.md."""
        super().__init__(user_class, task, exec, env, tags, None, {"step": step, "level": level, **keys})

    def executor(self):
        return "find-knee"


class Users(_Load):
    """So many users, each of which goes from iteration to iteration as Locust's do."""

    kind = "vus"

    def __init__(self, user_class=None, users=None, *, spawn_rate=None, stages=None, duration=None, task=None, exec=None, env=None,
                 tags=None, **keys):
        """spawn_rate: so many more a second, at the begin; the duration is from then on. keys: start_time, start_after, graceful_stop,
        start_users, graceful_ramp_down, from_stage, as in docs/load-models.md."""
        super().__init__(user_class, task, exec, env, tags, stages,
                         {"users": users, "spawn_rate": spawn_rate, "duration": duration, **keys})


class Iterations(_Load):
    """So many iterations of all users together; each=True: of each user. Then the scenario is over."""

    def __init__(self, user_class=None, iterations=None, *, users=1, each=False, task=None, exec=None, env=None, tags=None, **keys):
        """keys: max_duration, start_time, start_after, graceful_stop, as in docs/load-models.md."""
        self.kind = "per-vu-iterations" if each else "shared-iterations"
        super().__init__(user_class, task, exec, env, tags, None, {"iterations": iterations, "users": users, **keys})

    def executor(self):
        return self.kind


def _stages(stages):
    return str(stages) if isinstance(stages, str | Step) else ",".join(map(_stage, stages))


def _stage(stage):
    """A pair, or a step by its name."""
    if isinstance(stage, str | Step):
        return str(stage)
    length, target = stage
    return f"{_duration(length)}:{_plain(target)}"


def _plain(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _duration(value):
    return _plain(value.total_seconds() if isinstance(value, timedelta) else value)


def _checked(key, value):
    text = _plain(value)
    if "," in text and key not in ("stages", "throttle"):
        raise ValueError(f"{key}={text!r} has a comma")
    return text


def _escaped(value):
    return _plain(value).replace("%", "%25").replace(",", "%2c")


def _named(what):
    """A class or function by the name that it has in its file: Buyer, Buyer.buy, buy."""
    if isinstance(what, dict):
        return "+".join(f"{_named(each)}*{weight}" for each, weight in what.items())
    if isinstance(what, list | tuple):
        return "+".join(map(_named, what))
    name = getattr(what, "__qualname__", what)
    return what.__name__ if isinstance(name, str) and "<locals>" in name else name


def _is_one(value):
    return isinstance(value, _Load) or (isinstance(value, dict) and isinstance(value.get("executor"), str))


def _is_stage(value):
    return isinstance(value, dict) and set(value) == {"duration", "target"}


def _short(options):
    """What k6 makes of vus, duration, iterations and stages in its options, without any scenarios: one, named default."""
    stages = options.get("stages")
    has_stages = isinstance(stages, list) and stages and all(map(_is_stage, stages))
    if not has_stages and not isinstance(options.get("vus"), int):
        return None
    if has_stages and {"duration", "iterations"} & options.keys():
        return {"default": {"executor": "", "error": "options has stages and duration or iterations: one of them says when it ends"}}
    vus = {"vus": options["vus"]} if "vus" in options else {}
    if has_stages:
        return {"default": {"executor": "ramping-vus", "stages": stages, **({"startVUs": options["vus"]} if vus else {})}}
    if "iterations" in options or "duration" not in options:
        most = {"maxDuration": options["duration"]} if "duration" in options else {}
        return {"default": {"executor": "shared-iterations", "iterations": options.get("iterations", options.get("vus")), **vus, **most}}
    return {"default": {"executor": "constant-vus", "duration": options["duration"], **vus}}


def _given(module):
    """The dictionary of scenarios in a file; a variable of that name for something else is none of ours."""
    options = getattr(module, "options", None)
    of_options = (options.get("scenarios") or _short(options)) if isinstance(options, dict) else None
    found = {}
    for given in (of_options, getattr(module, "scenarios", None)):
        if isinstance(given, dict) and any(map(_is_one, given.values())):
            found.update(given)
    return found


def _described(value):
    """For the master: a text or a dictionary of plain values."""
    try:
        if isinstance(value, _Load):
            return value.text()
        if not isinstance(value, dict):
            return {"error": f"{value!r} is no scenario: write Arrivals(...), Users(...), or k6's dictionary"}
        return {str(key): _data(each) for key, each in value.items()}
    except (TypeError, ValueError) as error:
        return {"error": str(error)}


def _data(value):
    if isinstance(value, dict):
        return {str(key): _data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_data(each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Step):
        return str(value)
    return _named(value) if inspect.isclass(value) or callable(value) else str(value)


def describe(modules, user_classes):
    """All scenarios of these files and classes, by name: {name: text or dictionary}."""
    found = {}
    for module in modules:
        for name, value in _given(module).items():
            twice = {"error": "this name is given twice, in two locustfiles"}
            found[str(name)] = twice if name in found else _described(value)
    for user_class in user_classes:
        rate = getattr(user_class, "arrival_rate", None)
        if isinstance(rate, str) and "/" in rate:
            found.setdefault(user_class.__name__, Arrivals(user_class, rate).text())
    return found


def scenario_of(user):
    """The scenario that the user is in. Of a user that is in none, as under stock Locust, the first one of its class,
    with an empty name; env and tags are empty where there is none at all."""
    arrivals = getattr(user, "_arrivals", None)
    if arrivals is not None:
        return Scenario(arrivals.name, arrivals.env, arrivals.tags)
    given = _given(sys.modules.get(type(user).__module__))
    names = {type(user).__name__, *(getattr(task, "__name__", "") for task in type(user).tasks)}
    for value in given.values():
        env, tags, *named = _parts(value)
        if not any(named) or names & {part for name in named if name for part in re.split(r"[.+]|\*\d+", name)}:
            return Scenario("", env, tags)
    return Scenario("", {}, {})


def _parts(value):
    """Its env and tags as texts, and what it names: class and task."""
    if isinstance(value, _Load):
        env, tags, named = value.env, value.tags, (value.user_class, value.task)
    else:
        env, tags = value.get("env") or {}, value.get("tags") or {}
        named = value.get("class"), value.get("exec")
    return ({key: _plain(each) for key, each in env.items()}, {key: _plain(each) for key, each in tags.items()},
            *map(_named, named))
