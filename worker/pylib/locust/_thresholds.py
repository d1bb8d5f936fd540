# SPDX-License-Identifier: MIT
"""Thresholds that a locustfile brings (docs/verdicts.md): a module-level `thresholds` in k6's words or
ours (a text, a table of fields, a list of both, k6's dictionary), `options["thresholds"]` as k6 has them, the attribute `thresholds` of a User class, and environment.thresholds.add(). They are told to the
master with the script, each with its place; the master alone understands them."""

import ast
import os
import re
import sys
from collections.abc import Collection, Mapping

_COMPARES = re.compile(r"[^<>=!]*(<|>|={2,3}|!=)")
_PARTS = {"where", "metric", "op", "value", "mode", "window"}
# What nobody calls a thing of his own: a mistake behind it is one in a threshold.
_OF_K6 = re.compile(r"\s*(http_reqs|http_req_\w+|iterations|iteration_duration|vus|vus_max|dropped_iterations|data_sent|data_received|group_duration)\s*(\{|$)")
_NEARLY = re.compile(r"\s*(p\(?\d+(\.\d+)?\)?|fail_ratio|check_ratio|worker_cpu|loop_lag_p99)\s\D*\d")  # a stat, a number
_MANY = list | tuple | set | frozenset
_IN_A_LIST = "a threshold is no list: take the inner brackets away"
_AS_A_KEY = "a threshold is no key: write a list of texts, or of tables {\"threshold\": text}"
_TWICE = "stands there twice, and Python forgets the one of line {}: make one of them"
_NO_KEY = "the key is no text: k6's dictionary has names of metrics there"


class Thresholds:
    """environment.thresholds"""

    def __init__(self):
        self._added = []

    def add(self, threshold, *, abort=False, after=None, name=None, no_data=None, min_samples=None, warmup=None,
            action=None):
        """One more, as a text or a dict of fields: add("fail_ratio < 1%", abort=True)."""
        frame = sys._getframe(1)
        entry = dict(threshold) if isinstance(threshold, dict) else _entry(threshold, "", None)
        given = {"after": after, "name": name, "no_data": no_data, "min_samples": min_samples, "warmup": warmup,
                 "action": action}
        entry.update((key, value) for key, value in given.items() if value is not None)
        if abort:
            entry["abort"] = True
        entry["source"] = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        if entry not in self._added:
            self._added.append(entry)

    def __iter__(self):
        return iter(list(self._added))

    def __len__(self):
        return len(self._added)


def describe(environment):
    """All of them, as data: [{"threshold", "key", "source", ...}]."""
    found = []
    for module in modules_of(environment):
        source, lines = os.path.basename(module.__file__), _lines(module.__file__)
        given, options = getattr(module, "thresholds", None), getattr(module, "options", None)
        of_options = options.get("thresholds") if isinstance(options, dict) else None
        found += _entries(given, source, lines["thresholds"])
        if of_options is not given:
            found += _entries(of_options, source, lines["options"])
    for user_class in environment.user_classes:
        given = getattr(user_class, "thresholds", None)
        alone = len(environment.user_classes) == 1
        scope = {} if alone else {"user_class": user_class.__name__}
        source, lines = _place_of(user_class) if _is_meant(_known(given)) else ("", {})
        found += [{**entry, **scope} for entry in _entries(given, source, lines)]
    return found + [_plain(entry) for entry in environment.thresholds]


def metrics():
    """{name: kind} of what the locustfile creates, so that one that nothing is counted in is known too."""
    module = sys.modules.get("katydid.metrics")
    return module.declared() if module else {}


def modules_of(environment):
    """The locustfiles, as they were imported."""
    paths = [os.path.abspath(path) for path in environment.parsed_locustfiles or []]
    modules = [module for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
    by_path = {os.path.abspath(module.__file__): module for module in modules if isinstance(module.__file__, str)}
    return [by_path[path] for path in paths if path in by_path]


def _is_text(value):
    return isinstance(value, str) and (_COMPARES.match(value) or _NEARLY.match(value)) is not None


def _is_table(value):
    """Of fields, rather than k6's of metrics."""
    stat = value.get("stat")
    return isinstance(value.get("threshold"), str) or (isinstance(stat, str) and not _is_text(stat) and not _PARTS.isdisjoint(value))


def _is_one(value):
    if isinstance(value, _MANY):
        return any(map(_is_one, value))
    return _is_table(value) if isinstance(value, dict) else _is_text(value)


def _is_meant(given):
    """A test may have a variable of that name for something else: that is none of ours."""
    if isinstance(given, _MANY):
        return any(map(_is_meant, given))
    if not isinstance(given, dict) or _is_table(given):
        return _is_one(given)
    return any(_is_text(key) or _is_of_k6(key, value) or _is_one(value) for key, value in given.items())


def _is_of_k6(key, value):
    if not isinstance(key, str) or not _OF_K6.match(key):
        return False
    return isinstance(value, str | dict | _MANY) or key.lstrip().startswith("http_req")  # {"vus": 5} may be anything


def _known(given):
    """Views and mappings of others as what they are of."""
    if isinstance(given, Mapping):
        return dict(given)
    return list(given) if isinstance(given, Collection) and not isinstance(given, str | bytes | bytearray | _MANY) else given


def _entries(given, source, lines):
    given = _known(given)
    if not _is_meant(given):
        return []
    if isinstance(given, dict) and not _is_table(given):
        return list(_of_k6(given, source, lines))
    found = []
    for index, one in enumerate(given if isinstance(given, _MANY) else [given]):
        line = lines.get((index, one) if isinstance(one, str) else index)
        if isinstance(one, dict) and not _is_table(one) and _is_meant(one):
            found += _of_k6(one, source, {key: line for key in one})
        else:
            found.append(_entry(one, source, line))
    return found


def _of_k6(given, source, lines):
    """{"http_req_duration": ["p(95)<500", {"threshold": ..., "abortOnFail": True}]}"""
    for text, line, error in lines.get("", []):
        yield {"threshold": text, "source": f"{source}:{line}", "error": error}
    for key, value in given.items():
        wrong = _NO_KEY if not isinstance(key, str) else _AS_A_KEY if _is_text(key) else None
        if wrong:
            yield {**_entry(str(key), source, lines.get(key)), "error": wrong}
            continue
        for one in value if isinstance(value, _MANY) else [value]:
            text = one.get("threshold") if isinstance(one, dict) else one
            line = lines.get((key, text)) if isinstance(text, str) else None
            yield {**_entry(one, source, line or lines.get(key)), "key": key}


def _entry(one, source, line):
    entry = _plain(one) if isinstance(one, dict) else {"threshold": str(one)}
    if isinstance(one, _MANY):
        entry["error"] = _IN_A_LIST
    return {**entry, "source": f"{source}:{line}" if line else source}


def _plain(entry):
    return {str(key): value if isinstance(value, str | int | float | bool) else str(value)
            for key, value in entry.items() if value is not None}


def _place_of(user_class):
    """Where a class has its own, or that it has them from; and the lines there."""
    owner = next(each for each in user_class.__mro__ if "thresholds" in vars(each))
    path = getattr(sys.modules.get(owner.__module__), "__file__", None)
    if not path:
        return f"class {user_class.__name__}", {}
    bodies = [node.body for node in ast.walk(_tree(path)) if isinstance(node, ast.ClassDef) and node.name == owner.__name__]
    values = [value for body in bodies[-1:] for names, value in _assigned(body) if "thresholds" in names]
    return f"class {user_class.__name__}, {os.path.basename(path)}", _note(values[-1]) if values else {}


def _tree(path):
    try:
        with open(path, "rb") as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _assigned(body):
    """(names, value) of each assignment there."""
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield {target.id for target in targets if isinstance(target, ast.Name)}, getattr(node, "value", None)


def _lines(path):
    """Where the literals of the module's `thresholds`, and of its `options`, have what: of a list {index: line, (index, text): line}, of a dict {key: line,
    (key, text): line}, and below "" what Python forgot, because a key stood there twice: [(key, line, words)]."""
    found = {"thresholds": {}, "options": {}}
    for names, value in _assigned(_tree(path).body):
        if "thresholds" in names:
            found["thresholds"] = _note(value)
        if "options" in names and isinstance(value, ast.Dict):
            for key, inner in zip(value.keys, value.values):
                if _text(key) == "thresholds":
                    before, found["options"] = found["options"], _note(inner)
                    if before:
                        found["options"].setdefault("", []).append(("thresholds", key.lineno, _TWICE.format(min(_numbers(before)))))
    return found


def _note(value):
    found = {}
    if isinstance(value, ast.Constant):
        return {(0, value.value): value.lineno}
    if isinstance(value, ast.List | ast.Tuple) and not any(isinstance(item, ast.Starred) for item in value.elts):
        return {(index, _text(item)) if _text(item) else index: item.lineno for index, item in enumerate(value.elts)}
    if not isinstance(value, ast.Dict):
        return found
    if {"threshold", "stat"}.intersection(map(_text, value.keys)):
        found[0] = value.lineno
    for key, item in zip(value.keys, value.values):
        name = key.value if isinstance(key, ast.Constant) else None
        if name in found:
            found.setdefault("", []).append((str(name), key.lineno, _TWICE.format(found[name])))
        if name:
            found[name] = key.lineno
        for one in item.elts if isinstance(item, ast.List | ast.Tuple) else [item]:
            for text in _texts(one):
                found[name, text] = one.lineno
    return found


def _numbers(found):
    return [line for line in found.values() if isinstance(line, int)]


def _texts(node):
    if isinstance(node, ast.Dict):
        return [_text(value) for key, value in zip(node.keys, node.values) if _text(key) == "threshold"]
    return [_text(node)]


def _text(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
