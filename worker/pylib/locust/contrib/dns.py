# SPDX-License-Identifier: MIT
"""DNSUser: queries to name servers, by dnspython.

    message = dns.message.make_query("example.com", dns.rdatatype.A)
    self.client.udp(message, "1.1.1.1")
    self.client.https(message, "1.1.1.1", name="over HTTPS")
"""

import time

from locust import User
from locust.exception import LocustError

from ._library import need

_query = need("dns.query", "dnspython", "DNSUser")
_DNSException = need("dns.exception", "dnspython", "DNSUser").DNSException


class DNSClient:
    """Has every function of dns.query, recorded under its name, or the one given as `name`."""

    def __init__(self, request_event):
        self.request_event = request_event

    def __getattr__(self, function_name):
        function = getattr(_query, function_name)

        def ask(message, *args, name=None, **kwargs):
            response = error = None
            start_time, began = time.time(), time.perf_counter()
            try:
                response = function(message, *args, **kwargs)
            except (_DNSException, OSError) as failure:
                error = failure
            took_ms = (time.perf_counter() - began) * 1000
            if response is not None and not response.answer:
                error = LocustError("No answer in DNS response")
            self.request_event.fire(
                request_type="DNS",
                name=name or function_name,
                start_time=start_time,
                response_time=took_ms,
                response_length=0,
                response=response,
                context={},
                exception=error,
            )
            return response

        return ask


class DNSUser(User):
    abstract = True

    def __init__(self, environment):
        super().__init__(environment)
        self.client = DNSClient(environment.events.request)
