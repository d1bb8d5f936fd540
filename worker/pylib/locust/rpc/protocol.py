# SPDX-License-Identifier: MIT
"""One message between master and node: the msgpack array [type, data, node id]."""

import datetime
import socket
from uuid import uuid4

import msgpack

_TIME_FORMAT = "%Y%m%dT%H:%M:%S.%f"


def new_node_id():
    return f"{socket.gethostname()}_{uuid4().hex}"


def encode(value):
    """What msgpack cannot pack itself: times and BSON's ObjectId, as maps."""
    if isinstance(value, datetime.datetime):
        return {"__datetime__": True, "as_str": value.strftime(_TIME_FORMAT)}
    if type(value).__name__ == "ObjectId":
        return {"__ObjectId__": True, "as_str": str(value)}
    return value


def decode(value):
    if "__datetime__" in value:
        return datetime.datetime.strptime(value["as_str"], _TIME_FORMAT)
    if "__ObjectId__" in value:
        from bson import ObjectId  # of pymongo; who receives one has it

        return ObjectId(value["as_str"])
    return value


class Message:
    def __init__(self, message_type, data, node_id):
        self.type = message_type
        self.data = data
        self.node_id = node_id

    def __repr__(self):
        return f"<Message {self.type}:{self.node_id}>"

    def serialize(self):
        return msgpack.packb((self.type, self.data, self.node_id), default=encode)

    @classmethod
    def unserialize(cls, data):
        return cls(*msgpack.unpackb(data, raw=False, strict_map_key=False, object_hook=decode))
