# SPDX-License-Identifier: MIT
"""Calls without generated code: what a service is comes from the server (reflection), from .proto files or from a set of
descriptors (a protoset); messages are made of dicts by the package protobuf.

A process asks about a service once, and its users share what it learned. Asking is no request of the test."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic

from gevent.lock import RLock

from ._grpc_names import RpcError, StatusCode

WELL_KNOWN = ("any", "api", "duration", "empty", "field_mask", "source_context", "struct", "timestamp", "type", "wrappers")
HEALTH = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_DEPTH_MOST, _WORDS_MOST = 100, 1000
_NAMES_MOST = 20_000  # in a file: where that is refused, protobuf holds the loop for a time that grows with their square
_BROKEN_S = 60  # what did not hold together is not tried again at once
_FILES_MOST, _BYTES_MOST, _SECONDS_MOST = 5000, 16 << 20, 30  # what a server may say of one service, and how long that may take
_known = {}  # what descriptors come from -> Descriptors
_lock = RLock()


class NotDescribed(LookupError):
    """What nobody knows of: a service, or a method of one."""


def _protobuf():
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
    except ImportError as error:
        raise ImportError("calls without generated code need the package protobuf: pip install protobuf") from error
    return descriptor_pb2, descriptor_pool, json_format, message_factory


class Broken(NotDescribed):
    """What describes it is wrong, and will not be right in a moment."""


def _has_more_names(file, most):
    """Whether it defines more messages, enumerations and their values."""
    count, waiting = 0, [file]
    while waiting and count <= most:
        one = waiting.pop()
        nested = one.message_type if one is file else one.nested_type
        count += len(nested) + len(one.enum_type) + sum(len(enum.value) for enum in one.enum_type[:most])
        waiting += nested[:most]
    return count > most


def _class_of(message_factory, pool, descriptor):
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


class Descriptors:
    """Files of descriptors, which may be asked for. find(what, name): serialized files that have the symbol, or that file.
    names_most: how much a file may define; None: whatever it likes."""

    def __init__(self, find, names_most=None):
        self._files, self.pool_module, self.json, self._factory = _protobuf()
        self.pool, self._find, self._added, self._names_most = self.pool_module.DescriptorPool(), find, set(), names_most
        self._broken = {}  # service: (until, the error)

    def method(self, service, method):
        """The descriptor of a method."""
        with _lock:
            try:
                found = self.pool.FindServiceByName(service)
            except KeyError:
                self._learn(service)
                try:
                    found = self.pool.FindServiceByName(service)
                except KeyError:
                    raise NotDescribed(f"there is no service {service}") from None
        if method not in found.methods_by_name:
            raise NotDescribed(f"{service} has no method {method}: it has {', '.join(sorted(found.methods_by_name))}")
        return found.methods_by_name[method]

    def _learn(self, service):
        until, why = self._broken.get(service, (0, ""))
        if monotonic() < until:
            raise Broken(why)
        try:
            self._take(self._find("symbol", service))
        except Broken as error:
            self._broken[service] = monotonic() + _BROKEN_S, str(error)
            raise

    def message_class(self, descriptor):
        return _class_of(self._factory, self.pool, descriptor)

    def _take(self, files):
        parsed = {file.name: file for file in map(self._read, files)}
        for name in list(parsed):
            self._add(name, parsed)

    def _read(self, data):
        from google.protobuf.message import DecodeError

        try:
            return self._files.FileDescriptorProto.FromString(data)
        except DecodeError as error:
            raise Broken(f"what should describe a file does not: {error}") from None

    def _add(self, name, parsed, depth=0):
        """With what it imports before it, as far as it is not there."""
        if name in self._added:
            return
        if not isinstance(name, str):  # bytes, where they are no UTF-8
            raise Broken(f"{name!r} is no name of a file")
        if depth > _DEPTH_MOST:
            raise Broken(f"imports of imports, more than {_DEPTH_MOST} deep, are not read: {name}")
        if name not in parsed:
            for file in map(self._read, self._well_known(name) or self._find("file", name)):
                parsed.setdefault(file.name, file)
        if name not in parsed:
            raise NotDescribed(f"the file {name} is not there")
        self._added.add(name)
        try:
            for dependency in parsed[name].dependency:
                self._add(dependency, parsed, depth + 1)
            self._put(name, parsed[name])
        except BaseException:  # the server did not answer, or a user was stopped: the next one asks again
            self._added.discard(name)
            raise

    def _put(self, name, file):
        if self._names_most and _has_more_names(file, self._names_most):
            raise Broken(f"the file {name} defines more than {self._names_most} names")
        try:
            self.pool.AddSerializedFile(file.SerializeToString())
        except (TypeError, ValueError) as error:  # names that are twice, types that nothing describes, circles
            raise Broken(f"the file {name} does not hold together: {error}") from None

    def _well_known(self, name):
        path = name.removeprefix("google/protobuf/").removesuffix(".proto")
        if path == "descriptor":
            return [self._files.DESCRIPTOR.serialized_pb]
        if path not in WELL_KNOWN:
            return []
        module = __import__(f"google.protobuf.{path}_pb2", fromlist=["DESCRIPTOR"])
        return [module.DESCRIPTOR.serialized_pb]


# Where they come from

def _of_set(data):
    """find() of a FileDescriptorSet."""
    files = _protobuf()[0].FileDescriptorSet.FromString(data).file

    def find(what, name):
        return [file.SerializeToString() for file in files] if what == "symbol" else []

    return find


def _compile(protos, folders):
    with tempfile.TemporaryDirectory(prefix="katydid-grpc-") as folder:
        out = Path(folder) / "set"
        command = [*_compiler(), "--include_imports", f"--descriptor_set_out={out}", *(f"-I{path}" for path in folders), *map(str, protos)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{', '.join(map(str, protos))}: {(done.stderr or done.stdout).strip()}")
        return out.read_bytes()


def _compiler():
    if program := shutil.which("protoc"):
        return [program]
    with suppress(ImportError):
        import grpc_tools
        return [_python(), "-m", "grpc_tools.protoc", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    raise RuntimeError("a .proto file needs protoc: apt install protobuf-compiler, or pip install grpcio-tools")


def _python():
    beside = Path(sys.prefix) / "bin" / "python3"
    return str(beside) if beside.exists() else sys.executable


def _reflection_messages():
    """(Request, Response) of the reflection service, as much of them as is needed."""
    descriptor_pb2, descriptor_pool, _, message_factory = _protobuf()
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="katydid/reflection.proto", package="katydid.reflection", syntax="proto3")

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for number, field, type_name in fields:
            one = made.field.add(name=field, number=number, label=kind.LABEL_OPTIONAL, type=kind.TYPE_STRING)
            if type_name == "bytes":
                one.label, one.type = kind.LABEL_REPEATED, kind.TYPE_BYTES
            elif type_name == "int32":
                one.type = kind.TYPE_INT32
            elif type_name:
                one.type, one.type_name = kind.TYPE_MESSAGE, f".katydid.reflection.{type_name}"

    message("Request", (3, "file_by_filename", ""), (4, "file_containing_symbol", ""))
    message("Files", (1, "file_descriptor_proto", "bytes"))
    message("Error", (1, "error_code", "int32"), (2, "error_message", ""))
    message("Response", (4, "file_descriptor_response", "Files"), (7, "error_response", "Error"))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return [_class_of(message_factory, pool, pool.FindMessageTypeByName(f"katydid.reflection.{name}")) for name in ("Request", "Response")]


class _Reflection:
    """What a server says of itself: by version 1, or by v1alpha where it has none. It is not to be trusted: what it says of a service
    has limits, all in all."""

    def __init__(self, channel):
        self._channel, self._services = channel, list(_SERVICES)
        self._request_class, self._response_class = _reflection_messages()

    def find(self, what, name):
        """Of a symbol begins anew; of a file belongs to the symbol before it."""
        if what == "symbol":
            self._until, self._files_left, self._bytes_left = monotonic() + _SECONDS_MOST, _FILES_MOST, _BYTES_MOST
        answer = self._ask(**{"file_containing_symbol" if what == "symbol" else "file_by_filename": name})
        if answer.HasField("error_response"):
            raise NotDescribed(f"{name}: {answer.error_response.error_message[:_WORDS_MOST]}")
        files = answer.file_descriptor_response.file_descriptor_proto
        self._files_left -= len(files)
        self._bytes_left -= sum(map(len, files)) if self._files_left >= 0 else 0
        if self._files_left < 0 or self._bytes_left < 0:
            raise Broken(f"{name}: the server says too much: more than {_FILES_MOST} files, or {_BYTES_MOST >> 20} MB")
        return list(files)

    def _ask(self, **question):
        while True:
            try:
                return self._ask_service(self._services[0], question)
            except RpcError as error:
                if error.code() is not StatusCode.UNIMPLEMENTED:
                    raise
                if len(self._services) == 1:
                    raise NotDescribed("the server has no reflection: give protos or protoset") from error
                del self._services[0]

    def _ask_service(self, service, question):
        method = self._channel.stream_stream(f"/{service}/ServerReflectionInfo", self._request_class.SerializeToString,
                                             self._response_class.FromString)
        answers = method(iter([self._request_class(**question)]), timeout=max(0, self._until - monotonic()))
        first = next(answers, None)
        if first is not None and next(answers, None) is not None:  # it was asked once
            answers.cancel()
        return self._response_class() if first is None else first


def _beside(user_class, path):
    """A path as it is, or beside the locustfile."""
    path = Path(path)
    file = getattr(sys.modules.get(user_class.__module__), "__file__", None)
    return path if path.exists() or not file else Path(file).parent / path


def _descriptors(user):
    """Those that the user's class names, else those of its server."""
    cls = type(user)
    if user.protoset:
        key = "protoset", str(user.protoset)
    elif user.protos:
        key = ("protos", tuple(map(str, user.protos)), tuple(map(str, user.proto_paths)))
    else:
        key = "server", str(user.host)
    with _lock:
        if key in _known:
            return _known[key]
        names_most = None
        if user.protoset:
            find = _of_set(_beside(cls, user.protoset).read_bytes())
        elif user.protos:
            protos = [_beside(cls, path) for path in user.protos]
            folders = [_beside(cls, path) for path in user.proto_paths] or list(dict.fromkeys(path.parent for path in protos))
            find = _of_set(_compile(protos, folders))
        else:
            find, names_most = _Reflection(user._plain_channel(is_apart=True)).find, _NAMES_MOST
        return _known.setdefault(key, Descriptors(find, names_most))


# What users have

def _split(method):
    service, _, name = method.removeprefix("/").replace("/", ".").rpartition(".")
    if not service or not name:
        raise ValueError(f"not a method: {method!r} (package.Service/Method)")
    return service, name


class Dynamic:
    """user.grpc: calls by the name of a method, with dicts for messages; and the health of services."""

    def __init__(self, user):
        self._user, self._methods = user, {}

    def _method(self, name):
        if name not in self._methods:
            known = _descriptors(self._user)
            described = known.method(*_split(name))
            request_class, answer_class = known.message_class(described.input_type), known.message_class(described.output_type)
            kind = ("stream" if described.client_streaming else "unary") + ("_stream" if described.server_streaming else "_unary")
            path = "/{}/{}".format(*_split(name))
            call = getattr(self._user.channel, kind)(path, request_class.SerializeToString, answer_class.FromString)
            self._methods[name] = call, request_class, described.client_streaming, known.json
        return self._methods[name]

    def message(self, method, fields=None):
        """A request of a method, made of a dict."""
        _, request_class, _, json = self._method(method)
        return _made(request_class, fields, json)

    def call(self, method, request=None, **more):
        """self.grpc.call("package.Service/Method", {…}): the answer, or an iterator over answers. Of requests that are a stream,
        an iterable. The rest as with a stub's method: timeout=, metadata=, name=, tags=, ok= …"""
        call, request_class, is_stream, json = self._method(method)
        if is_stream:
            return call((_made(request_class, one, json) for one in request or ()), **more)
        return call(_made(request_class, request, json), **more)

    def health(self, service="", **more):
        """What grpc.health.v1.Health/Check says of a service: "SERVING", "NOT_SERVING" …"""
        check = self._user.channel.unary_unary("/grpc.health.v1.Health/Check", _health_request, _health_answer)
        return check(service, **more)


def _made(request_class, fields, json):
    if fields is None:
        return request_class()
    return json.ParseDict(fields, request_class()) if isinstance(fields, dict) else fields


def _health_request(service):
    name = service.encode()
    length = bytes([len(name) & 0x7F | 0x80, len(name) >> 7]) if len(name) > 0x7F else bytes([len(name)])
    return b"\x0a" + length + name if name else b""


def _health_answer(data):
    number = data[1] if data[:1] == b"\x08" and len(data) > 1 else 0
    return HEALTH[number] if number < len(HEALTH) else str(number)
