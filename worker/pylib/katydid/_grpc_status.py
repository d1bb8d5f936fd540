# SPDX-License-Identifier: MIT
"""What a server says of an error beyond its status: google.rpc.Status among the trailing metadata, which has messages of any kind."""

from ._grpc_dynamic import _class_of, _protobuf

KEY = "grpc-status-details-bin"
_made = []  # the class of google.rpc.Status, apart from everybody's: theirs may come later


def _status_class():
    if not _made:
        files, pools, _, factory = _protobuf()
        from google.protobuf import any_pb2

        pool, file, kinds = pools.DescriptorPool(), files.FileDescriptorProto(), files.FieldDescriptorProto
        file.name, file.package, file.syntax = "google/rpc/status.proto", "google.rpc", "proto3"
        file.dependency.append("google/protobuf/any.proto")
        message = file.message_type.add(name="Status")
        message.field.add(name="code", number=1, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
        message.field.add(name="message", number=2, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
        message.field.add(name="details", number=3, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED, type_name=".google.protobuf.Any")
        pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
        pool.AddSerializedFile(file.SerializeToString())
        _made.append(_class_of(factory, pool, pool.FindMessageTypeByName("google.rpc.Status")))
    return _made[0]


def _unpacked(type_url, value):
    """The message; Any, where nobody here knows its type."""
    from google.protobuf import any_pb2
    from google.protobuf.message import DecodeError

    _, pools, _, factory = _protobuf()
    try:
        descriptor = pools.Default().FindMessageTypeByName(type_url.rpartition("/")[2])
        return _class_of(factory, pools.Default(), descriptor).FromString(value)
    except (KeyError, DecodeError):
        return any_pb2.Any(type_url=type_url, value=value)


def status_details(error):
    """The messages that a failed call came with (BadRequest, RetryInfo … of google.rpc, or a server's own), as far as their code
    was imported, or the package googleapis-common-protos is there; others are google.protobuf.Any. Of any call, a list."""
    packed = next((value for key, value in error.trailing_metadata() or () if key == KEY), None)
    if packed is None:
        return []
    status_class = _status_class()
    from google.protobuf.message import DecodeError

    try:
        import google.rpc.error_details_pb2  # noqa: F401  # puts its messages into everybody's pool
    except ImportError:
        pass
    try:
        return [_unpacked(any_.type_url, any_.value) for any_ in status_class.FromString(packed).details]
    except DecodeError as bad:
        raise ValueError(f"{KEY} is no google.rpc.Status: {bad}") from None
