# SPDX-License-Identifier: MIT
"""GraphQL by the clients of HttpUser and FastHttpUser (docs/graphql.md).

    answer = katydid.graphql(self.client, "query Hero($id: ID!) { hero(id: $id) { name } }", {"id": 7})
    answer.data["hero"]["name"]

The row is called by the operation, and an answer with errors is a failure whatever its status."""

import functools
import hashlib
import json
import os
import re
from pathlib import Path
from urllib.parse import urlencode

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

ACCEPT = "application/graphql-response+json, application/json"
_NOT_FOUND = ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
_UNSEEN = re.compile(r'"""(?:\\"""|(?!""").)*"""|"(?:\\.|[^"\\\n])*"|#[^\n]*', re.DOTALL)  # texts and comments
_NAMED = re.compile(r"(?<![\w$@:])(?:query|mutation|subscription)\s+([_A-Za-z]\w*)")
_FIELD = re.compile(r"\{\s*(?:[_A-Za-z]\w*\s*:\s*)?(?:\.\.\.\s*)?([_A-Za-z]\w*)")


class GraphQLError(Exception):
    """The first error of an answer: its message, where it was, and its code."""


class GraphQLResponse:
    """data, errors (a list, empty where all is well), extensions; `response` is the HTTP answer; ok: it counts as a success."""

    def __init__(self, response, said, allow_partial):
        said = said if isinstance(said, dict) else None
        errors = (said or {}).get("errors")
        self.response = response
        self.data, self.extensions = (said or {}).get("data"), (said or {}).get("extensions") or {}
        self.errors = errors if isinstance(errors, list) else [{"message": str(errors)}] if errors else []
        self.error = self._judged(said, allow_partial)

    @property
    def ok(self):
        return self.error is None

    def _judged(self, said, allow_partial):
        if self.errors and not (allow_partial and self.data is not None):
            return GraphQLError(text_of(self.errors[0]))
        if said is None or not ("data" in said or self.errors):
            return GraphQLError("an answer that is none of GraphQL")
        return None

    def has_code(self, *codes):
        return any(error.get("message") in codes or _code(error) in codes for error in self.errors if isinstance(error, dict))


def _code(error):
    extensions = error.get("extensions")
    return extensions.get("code") if isinstance(extensions, dict) else None


def text_of(error):
    if not isinstance(error, dict):
        return str(error)
    text, path = str(error.get("message") or "an error without a message"), error.get("path")
    if path and isinstance(path, list):
        text += f" at {'.'.join('*' if isinstance(part, int) else str(part) for part in path)}"
    return f"{text} ({_code(error)})" if _code(error) else text


@functools.lru_cache(maxsize=4096)
def operation_of(document):
    """(name for the row, operationName or None) of the first operation."""
    text = _UNSEEN.sub(" ", document)
    if named := _NAMED.search(text):
        return named[1], named[1]
    field = _FIELD.search(text)
    return "{%s}" % field[1] if field else "GraphQL", None


@functools.lru_cache(maxsize=1024)
def _read(path):
    return Path(path).read_text()


@functools.lru_cache(maxsize=4096)
def _hash(document):
    return hashlib.sha256(document.encode()).hexdigest()


def asked_of(query, variables, operation_name, extensions):
    """(name for the row, what is sent)."""
    document = _read(os.fspath(query)) if isinstance(query, os.PathLike) else query
    row, found = operation_of(document)
    sent = {"query": document, "variables": variables, "operationName": operation_name or found, "extensions": extensions}
    return operation_name or row, {key: value for key, value in sent.items() if value is not None}


def _send(client, method, url, name, judge, options):
    headers = {"Accept": ACCEPT, **(options.pop("headers", None) or {})}
    with client.request(method, url, name=name, headers=headers, catch_response=True, **options) as response:
        try:
            said = json.loads(response.text or "null")
        except (ValueError, RecursionError):
            said = None
        answer = judge(response, said)
        parts = answer if isinstance(answer, list) else [answer]
        is_bad = response.status_code >= 400 and not getattr(answer, "is_unknown", False)
        for part in parts:
            if part.error is None and is_bad:
                part.error = GraphQLError(f"status {response.status_code}")
        error = next((part.error for part in parts if part.error is not None), None)
        if error is not None and (response.status_code == 200 or any(part.errors for part in parts)):
            response.failure(error)
        elif error is None:
            response.success()
    return answer


def graphql(client, query, variables=None, operation_name=None, name=None, url="/graphql", extensions=None, allow_partial=False,
            persisted=False, method="POST", files=None, **options):
    """Asks one operation. query: a document, or the Path of a file with one. persisted: by its hash first. files: {"variables.file":
    what requests takes as a file}. Other keywords are those of a request."""
    row, sent = asked_of(query, variables, operation_name, extensions)
    name = name or row

    def judge(response, said):
        return GraphQLResponse(response, said, allow_partial)

    if persisted:
        known = {**(sent.get("extensions") or {}), "persistedQuery": {"version": 1, "sha256Hash": _hash(sent["query"])}}
        sent["extensions"] = known
        asked = {key: value for key, value in sent.items() if key != "query"}
        answer = _send(client, "GET", _with_query(url, asked), name, lambda *what: _known(judge(*what)), dict(options))
        if not answer.is_unknown:
            return answer
    if method == "GET" and not persisted:
        return _send(client, "GET", _with_query(url, sent), name, judge, options)
    if files:
        options.update(_form(sent, files))
    else:
        options["json"] = sent
    return _send(client, "POST", url, name, judge, options)


def _known(answer):
    """That a service does not know a hash yet is no failure: it is told the document next."""
    answer.is_unknown = answer.has_code(*_NOT_FOUND)
    if answer.is_unknown:
        answer.error, answer.errors = None, []
    return answer


def _with_query(url, sent):
    fields = {key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":")) for key, value in sent.items()}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"


def _form(sent, files):
    """What the multipart request specification wants: files stand in the variables as null."""
    sent = json.loads(json.dumps(sent))
    for path in files:
        *way, last = path.split(".")
        place = sent
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        place[int(last) if isinstance(place, list) else last] = None
    numbered = list(enumerate(files))
    return {"data": {"operations": json.dumps(sent), "map": json.dumps({str(i): [path] for i, path in numbered})},
            "files": {str(i): files[path] for i, path in numbered}}


def graphql_batch(client, operations, name=None, url="/graphql", allow_partial=False, **options):
    """Asks several operations, each a query or (query, variables[, operation_name]), in one request: a list of answers."""
    asked = [asked_of(*(one + (None,) * (3 - len(one)) if isinstance(one, tuple) else (one, None, None)), None) for one in operations]

    def judge(response, said):
        if not isinstance(said, list) or len(said) != len(asked):  # errors of the whole; else nobody's answer
            said = [said if isinstance(said, dict) and said.get("errors") else None] * len(asked)
        return [GraphQLResponse(response, one, allow_partial) for one in said]

    options["json"] = [sent for _, sent in asked]
    return _send(client, "POST", url, name or " + ".join(row for row, _ in asked), judge, options)


HttpSession.graphql = FastHttpSession.graphql = graphql
