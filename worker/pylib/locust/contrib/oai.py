# SPDX-License-Identifier: MIT
"""OpenAIUser: requests to the API of OpenAI, or one like it (OPENAI_BASE_URL), by its library.

The module is not called openai, so that `import openai` is the library.
"""

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
        response.read()
        took_ms = (time.perf_counter() - response.request.start_perf_counter) * 1000
        error = None
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError as failure:
            error = failure
        self._event.fire(
            request_type=response.request.method,
            name=self.request_name or response.url.path,
            context={},
            response=response,
            exception=error,
            start_time=response.request.start_time,
            response_time=took_ms,
            response_length=_output_tokens(response),
            url=response.url,
        )


def _output_tokens(response):
    """Of either API: responses, or chat completions; 0 where the answer does not say."""
    try:
        usage = response.json().get("usage") or {}
    except (ValueError, AttributeError):
        return 0
    return usage.get("output_tokens") or usage.get("completion_tokens") or 0


class OpenAIUser(User):
    abstract = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client = OpenAIClient(self.environment.events.request, user=self)
