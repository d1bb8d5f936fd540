# SPDX-License-Identifier: MIT
"""Server-sent events over Katydid's clients: read and timed in C."""

import _katydid
import gevent
from locust._http.account import stream_kind

from ._sse_parts import BODY_MOST, Event as Fields

_BODY_S = 5.0


class Event(Fields, _katydid.Event):
    __slots__ = ()


class Streams:
    """What differs between Katydid's clients and Locust's own."""

    @staticmethod
    def open_stream(client, method, url, kind, name, headers, options, judge, is_held):
        """The response, reported as `kind`, unless it is well and held; judge(response) says what is wrong with it."""
        stream_kind.set(kind)
        try:
            response = client.request(method, url, name=name, headers=headers, stream=True, catch_response=True, **options)
        finally:
            stream_kind.set(None)
        try:
            problem = judge(response)
        except BaseException:
            with response:  # ended while it was read: told as discarded
                raise
        if is_held and problem is None and response.status_code == 200:
            response._begin(client, kind, name, None, True, 0.0, False)  # its owner tells of it
            return response, None
        with response:
            if problem is not None:
                response.failure(problem)
        return response, problem

    @staticmethod
    def read_body(response):
        """What an answer says that is no stream of events: its text and JSON can be asked for then."""
        parts, left = [], BODY_MOST
        try:
            with gevent.Timeout(_BODY_S, False):
                while left and (part := response._read(left)):
                    parts.append(part)
                    left -= len(part)
        except Exception:  # cut off: what came is what there is to say
            pass
        _katydid.Response._content.__set__(response, b"".join(parts))
        response._release()

    @staticmethod
    def read_events(response, most, gaps, told, tags, last_id, lines):
        return _katydid.EventReader(response, Event, most=most, gaps=gaps, told=told, tags=tags, last_id=last_id, lines=lines)

    @staticmethod
    def is_failed(response):
        return response._failure() is not None or not response.status_code

    @staticmethod
    def close(response):
        response._release()

    @staticmethod
    def request_event(client):
        return client.request_event

    @staticmethod
    def count_cut(client, kind, name):
        client._count_aside("cut", kind, name, 1)
