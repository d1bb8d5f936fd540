# SPDX-License-Identifier: MIT
"""OpenAIUser: requests to the API of OpenAI, or one like it (OPENAI_BASE_URL), by its library.

The module is not called openai, so that `import openai` is the library.
"""

import json
import os
import time

from locust._http.naming import rename_request
from locust.user import User

from ._library import need

httpx = need("httpx", "httpx", "OpenAIUser")
openai = need("openai", "openai", "OpenAIUser")

if "OPENAI_API_KEY" not in os.environ:
    raise Exception("You need to set OPENAI_API_KEY env var to use OpenAIUser")


class OpenAIClient(openai.OpenAI):
    """An openai.OpenAI whose requests are recorded; the length is that of the answer in tokens."""

    rename_request = rename_request

    def __init__(self, request_event, user, *args, **kwargs):
        self.request_name = None
        self.user = user
        self._event = request_event
        hooks = {"request": [self._on_request], "response": [self._on_response]}
        super().__init__(*args, **kwargs, http_client=httpx.Client(event_hooks=hooks))

    @staticmethod
    def _on_request(request):
        request.start_time = time.time()
        request.start_perf_counter = time.perf_counter()

    def _on_response(self, response):
        name = self.request_name or response.url.path
        if response.is_success and response.headers.get("content-type", "").startswith("text/event-stream"):
            response.stream = _Streamed(response.stream, lambda *what: self._report(response, name, *what))
            return
        response.read()
        error = None
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError as failure:
            error = failure
        try:
            tokens = _output_tokens(response.json())
        except ValueError:
            tokens = 0
        self._report(response, name, time.perf_counter(), error, tokens)

    def _report(self, response, name, ended, error, tokens):
        self._event.fire(
            request_type=response.request.method,
            name=name,
            context={},
            response=response,
            exception=error,
            start_time=response.request.start_time,
            response_time=(ended - response.request.start_perf_counter) * 1000,
            response_length=tokens,
            url=response.url,
        )


class _Streamed(httpx.SyncByteStream):
    """An answer that comes piece by piece: reported with its last piece, when it is over or its reader has enough."""

    TAIL = 1 << 16  # bytes at its end in which the tokens are looked for

    def __init__(self, stream, report):
        self._stream, self._report = stream, report
        self._tail, self._last = bytearray(), None

    def __iter__(self):
        try:
            for piece in self._stream:
                self._last = time.perf_counter()
                self._tail += piece
                del self._tail[: -self.TAIL]
                yield piece
        except Exception as error:
            self._tell(error)
            raise

    def close(self):
        self._stream.close()
        self._tell(None)

    def _tell(self, error):
        report, self._report = self._report, None
        if report is not None:
            tokens, said = _last_words(self._tail)
            report(self._last or time.perf_counter(), error or said, tokens)


def _last_words(tail):
    """(output tokens, error) of the end of a stream of events."""
    tokens, error = 0, None
    for line in tail.split(b"\n"):
        if not line.startswith(b"data: {") or not (b'"usage"' in line or b'"error"' in line):
            continue
        try:
            data = json.loads(line[6:])
        except ValueError:
            continue
        whole = data.get("response")
        tokens = _output_tokens(data) or _output_tokens(whole) or tokens
        if said := data.get("error") or (whole.get("error") if isinstance(whole, dict) else None):
            error = openai.OpenAIError(said.get("message") if isinstance(said, dict) else str(said))
    return tokens, error


def _output_tokens(data):
    """Of either API: responses, or chat completions; 0 where the answer does not say."""
    usage = data.get("usage") if isinstance(data, dict) else None
    return (usage.get("output_tokens") or usage.get("completion_tokens") or 0) if isinstance(usage, dict) else 0


class OpenAIUser(User):
    abstract = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client = OpenAIClient(self.environment.events.request, user=self)
