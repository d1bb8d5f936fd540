# SPDX-License-Identifier: MIT
"""What Katydid has beyond Locust's API: checks, groups and metrics of your own (docs/metrics.md),
what runs once a run (docs/verdicts.md), data for users (docs/data.md),
streams of events (docs/sse.md), and GraphQL (docs/graphql.md).

The same import works under stock Locust, where it fires ordinary request events instead."""

from . import _rendezvous, data, metrics  # the first gives users their rendezvous
from ._backend import check, group, setup, teardown
from ._graphql import GraphQLError, GraphQLResponse, graphql, graphql_batch
from ._graphql_live import Subscription, graphql_socket, graphql_subscribe
from ._sse import EventStream, StreamError, sse

__all__ = [
    "EventStream",
    "GraphQLError",
    "GraphQLResponse",
    "StreamError",
    "Subscription",
    "check",
    "data",
    "graphql",
    "graphql_batch",
    "graphql_socket",
    "graphql_subscribe",
    "group",
    "metrics",
    "setup",
    "sse",
    "teardown",
]
