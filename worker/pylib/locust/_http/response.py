# SPDX-License-Identifier: MIT
"""What HttpUser's client answers with. locust.clients has the public names."""

import _katydid
import requests

from ..exception import LocustError


class ResponseContextManager(_katydid.Response, requests.Response):
    """A requests.Response; with catch_response=True also a context manager with success() and
    failure()."""

    __module__ = "locust.clients"  # as everybody knows it

    def __init__(self, error=None):
        self.error = error
        self.status_code = 0
        self.request = getattr(error, "request", None)


class RestResponseContextManager(ResponseContextManager):
    """What rest() yields."""

    __module__ = "locust.clients"  # as everybody knows it

    js: object  # the answer's JSON; None if it has none


def _missing_catch_response_True(self, *_args, **_kwargs):
    raise LocustError(
        "If you want to change the state of the request using .success() or .failure(), you must "
        "pass catch_response=True. See http://docs.locust.io/en/stable/"
        "writing-a-locustfile.html#validating-responses"
    )


requests.Response.success = _missing_catch_response_True
requests.Response.failure = _missing_catch_response_True
