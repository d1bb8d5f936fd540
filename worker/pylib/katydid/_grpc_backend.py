# SPDX-License-Identifier: MIT
"""Who calls: Katydid's C, or under stock Locust grpcio with events; and the user that has either."""

from locust import User, exception
from locust.event import EventHook

from ._grpc_dynamic import Dynamic

try:
    import _katydid  # noqa: F401  # who is not there under stock Locust

    from ._grpc_calls import end_all
    from ._grpc_channel import Channel, insecure_channel, secure_channel, split_target, ssl_channel_credentials
except ImportError:
    from ._grpc_pure import Channel, end_all, insecure_channel, secure_channel, split_target, ssl_channel_credentials

__all__ = ["GrpcUser", "insecure_channel", "secure_channel", "ssl_channel_credentials"]


class GrpcUser(User):
    """A user with a channel of its own, as an HttpUser has a client: self.channel, and with stub_class self.stub."""

    abstract = True
    stub_class = None  # of generated code
    insecure = None  # True: no TLS; False: TLS; None: TLS with credentials, or if the host is https:// or grpcs://
    credentials = None  # ssl_channel_credentials(…)
    target_name_override = None  # the name that the server's certificate has
    authority = None  # :authority, if another one than host and port
    compression = None  # Compression.Gzip: of requests
    metadata = None  # of every call: pairs, or a dict
    timeout = None  # seconds, of calls that have none
    max_send = max_receive = 4 << 20  # bytes of a message; -1: no limit
    options = ()  # more of grpc's channel options
    protos = proto_paths = ()  # of self.grpc: .proto files, and where what they import is; beside the locustfile, too
    protoset = None  # or a file of descriptors; without either the server is asked (reflection)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.host is None:
            refusal = getattr(exception, "StopTest", exception.LocustError)
            raise refusal("You must specify the host. Either in the host attribute in the User class, or on the command line "
                          "using the --host option.")
        self.channel = self.make_channel()
        if self.stub_class is not None:
            self.stub = self.stub_class(self.channel)
        self.grpc = Dynamic(self)

    def make_channel(self):
        """The channel that calls go over. Put interceptors around it here: grpc.intercept_channel(super().make_channel(), …)"""
        return self._plain_channel()

    def _plain_channel(self, is_apart=False):
        """is_apart: its calls are none of the test's, nor of this user, who may be over while another asks."""
        options = {"grpc.max_send_message_length": self.max_send, "grpc.max_receive_message_length": self.max_receive,
                   **dict(self.options)}
        if self.target_name_override:
            options["grpc.ssl_target_name_override"] = self.target_name_override
        if self.authority:
            options["grpc.default_authority"] = self.authority
        credentials = self.credentials
        if self.insecure:
            credentials = None
        elif credentials is None and (self.insecure is False or split_target(self.host)[3]):
            credentials = ssl_channel_credentials()
        return Channel(self.host, credentials, tuple(options.items()), self.compression, user=None if is_apart else self, metadata=self.metadata,
                       timeout=self.timeout, request_event=EventHook() if is_apart else None)

    def _release(self):
        end_all(self)
        channel = self.__dict__.get("channel")
        close = getattr(channel, "close", None)
        if close is not None:
            close()
