# SPDX-License-Identifier: MIT
"""websocket-client's calls over the C core: its names, arguments, defaults and errors. Nothing of it is in the statistics:
scripts that are written for that package report what they measure themselves."""

import ssl
from urllib.parse import unquote, urlsplit

import gevent
from locust._http.session import HttpSession
from locust.clients import ResponseContextManager
from requests.auth import _basic_auth_str
from requests.utils import get_environ_proxies

from . import _ws_handshake as handshake
from . import _ws_names as names
from ._ws_names import ABNF
from ._ws_socket import Socket, end_error

_default_timeout = None
REDIRECT_LIMIT = 3


def setdefaulttimeout(timeout):
    """Of sockets that say nothing else, in seconds or None."""
    global _default_timeout
    if timeout is None or isinstance(timeout, (int, float)):
        _default_timeout = timeout


def getdefaulttimeout():
    return _default_timeout


# ---- what a connection is made by ----------------------------------------------------------------


def _tls(sslopt):
    """(verify, cert) as requests has them."""
    sslopt = dict(sslopt or {})
    known = {"cert_reqs", "ca_certs", "ca_cert_path", "ca_cert", "certfile", "keyfile", "check_hostname"}
    if strange := sslopt.keys() - known:
        raise ValueError(f"sslopt: {', '.join(sorted(strange))} is not there in katydid.websocket_client")
    verify = sslopt.get("ca_certs") or sslopt.get("ca_cert_path") or sslopt.get("ca_cert") or True
    if sslopt.get("cert_reqs", ssl.CERT_REQUIRED) == ssl.CERT_NONE:
        verify = False
    elif sslopt.get("check_hostname", True) is False:
        raise ValueError("sslopt: check_hostname=False needs cert_reqs=ssl.CERT_NONE in katydid.websocket_client")
    cert, key = sslopt.get("certfile"), sslopt.get("keyfile")
    return verify, (cert, key) if cert and key else cert


def _proxy(url, options):
    host, auth = options.get("http_proxy_host"), options.get("http_proxy_auth")
    if options.get("proxy_type", "http") not in (None, "http"):
        raise names.WebSocketProxyException("Only http proxies are there in katydid.websocket_client")
    target = urlsplit(url).hostname or ""
    if any(target == name or target.endswith("." + name.lstrip(".")) for name in options.get("http_no_proxy") or ()):
        return None
    if host:
        return host, int(options.get("http_proxy_port") or 80), _basic_auth_str(*auth) if auth else None
    from_environment = get_environ_proxies(url).get(url.partition(":")[0])
    if not from_environment:
        return None
    parts = urlsplit(from_environment if "://" in from_environment else f"http://{from_environment}")
    auth = _basic_auth_str(unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return parts.hostname, parts.port or 80, auth


def _header_pairs(header):
    if not header:
        return []
    if isinstance(header, dict):
        return [(name, value) for name, value in header.items() if value is not None]
    lines = [line.decode("latin-1") if isinstance(line, bytes) else line for line in header]
    return [tuple(part.strip() for part in line.split(":", 1)) for line in lines]


def _fields(url, key, options):
    own = _header_pairs(options.get("header"))
    named = {name.lower() for name, _ in own}
    host = handshake.host_header(url)
    fields = [("Upgrade", "websocket")]
    if not options.get("suppress_host"):
        fields.append(("Host", options.get("host") or host))
    if not options.get("suppress_origin"):
        fields.append(("Origin", options.get("origin") or f"{url.partition(':')[0]}://{host}"))
    if "sec-websocket-key" not in named:
        fields.append(("Sec-WebSocket-Key", key))
    if "sec-websocket-version" not in named:
        fields.append(("Sec-WebSocket-Version", "13"))
    connection = options.get("connection")
    fields.append(tuple(part.strip() for part in connection.split(":", 1)) if connection else ("Connection", "Upgrade"))
    if options.get("subprotocols"):
        fields.append(("Sec-WebSocket-Protocol", ",".join(options["subprotocols"])))
    fields += own
    if options.get("cookie"):
        fields.append(("Cookie", options["cookie"]))
    return fields


class WebSocket(Socket):
    """websocket.WebSocket."""

    def __init__(self, get_mask_key=None, sockopt=None, sslopt=None, fire_cont_frame=False, enable_multithread=True,
                 skip_utf8_validation=False, **_):
        if fire_cont_frame:
            raise ValueError("fire_cont_frame is not there in katydid.websocket_client: messages come whole")
        self._verify, self._cert = _tls(sslopt)
        self._sends_bytes_as_text = True
        self._status, self._close_frame = None, None

    # ---- opening and closing

    def connect(self, url, **options):
        self.timeout = options.get("timeout", self.timeout)
        if options.get("socket") is not None:
            raise ValueError("a socket that is made elsewhere cannot be used by katydid.websocket_client")
        try:
            response, self._handshake = self._shake(handshake.http_form(url), options)
        except handshake.FAILURES as error:
            failure = handshake.failure_of(error)
            raise failure from (None if failure is error else error)
        self.url = handshake.ws_form(response.url)
        self._open(response, close_timeout=3, shows_control=True, deflate=self._handshake.deflate,
                   max_message=options.get("max_message_size", 16 << 20))

    def _shake(self, url, options):
        session = HttpSession("", None, None)
        for hop in range(options.get("redirect_limit", REDIRECT_LIMIT) + 1):
            own = dict(_header_pairs(options.get("header")))
            key, _ = handshake.said_by_hand(own, handshake.new_key())
            try:
                response = handshake.send_fields(session, ResponseContextManager, url, _fields(url, key, options),
                                                 self.timeout, self.timeout, self._verify, self._cert, _proxy(url, options))
                failure = response._failure()
            except ValueError as error:  # of a URL: the first one is the caller's own
                if not hop:
                    raise
                raise names.WebSocketException(f"Invalid redirect target {url!r}") from error
            if failure is not None:
                raise failure
            target = handshake.next_url(response, url)
            if target is None:
                return response, handshake.check(response, key, options.get("subprotocols"), False)
            if handshake.place_of(target) != handshake.place_of(url):
                options = {name: value for name, value in options.items() if name != "cookie"}
            url = target
        raise names.WebSocketException("Redirect limit exhausted")

    def send_close(self, status=names.STATUS_NORMAL, reason=b""):
        if status < 0 or status > 0xFFFF:
            raise ValueError("code is invalid range")
        self._close(status, reason.encode() if isinstance(reason, str) else bytes(reason))

    def close(self, status=names.STATUS_NORMAL, reason=b"", timeout=3):
        """Says goodbye, and waits up to so many seconds (None: without end) for the server's."""
        if not self.connected and self._fd < 0:
            return
        self.send_close(status, reason)
        try:
            with gevent.Timeout(timeout, False):
                self._wait_gone()
        finally:
            self.abort()

    def shutdown(self):
        self.abort()

    @property
    def sock(self):
        return self if self._fd >= 0 else None

    @property
    def close_frame(self):
        return self._close_frame

    # ---- messages

    def send(self, payload, opcode=ABNF.OPCODE_TEXT):
        if opcode == ABNF.OPCODE_PING:
            self._ping(payload)
        else:
            self._send_frame(payload, opcode, True)
        return _frame_length(payload)

    def send_frame(self, frame):
        if frame.opcode == ABNF.OPCODE_CLOSE:
            data = bytes(frame.data)
            self._close(int.from_bytes(data[:2], "big") if len(data) > 1 else None, data[2:])
        else:
            self._send_frame(frame.data, frame.opcode, bool(frame.fin))
        return _frame_length(frame.data)

    def send_text(self, text):
        return self.send(text, ABNF.OPCODE_TEXT)

    def send_binary(self, data):
        return self.send(data, ABNF.OPCODE_BINARY)

    send_bytes = send_binary

    def recv_frame(self):
        """A message, as one frame; or a ping, pong or close."""
        if self._close_frame is not None:
            raise end_error("lost", names.STATUS_ABNORMAL_CLOSED, 0, 0, "")
        opcode, data = self._take(self.timeout)
        frame = ABNF(1, 0, 0, 0, opcode, 0, data)
        if opcode == ABNF.OPCODE_CLOSE:
            self._close_frame = frame
        return frame

    def recv_data_frame(self, control_frame=False):
        while True:
            frame = self.recv_frame()
            if control_frame or frame.opcode not in (ABNF.OPCODE_PING, ABNF.OPCODE_PONG):
                return frame.opcode, frame

    def recv_data(self, control_frame=False):
        opcode, frame = self.recv_data_frame(control_frame)
        return opcode, frame.data

    def recv(self):
        """str or bytes; "" is the server's close."""
        opcode, data = self.recv_data()
        if opcode == ABNF.OPCODE_TEXT:
            return data.decode("utf-8")
        return data if opcode == ABNF.OPCODE_BINARY else ""


def _frame_length(payload):
    n = len(payload.encode() if isinstance(payload, str) else payload)
    return n + (6 if n < 126 else 8 if n < 65536 else 14)


def create_connection(url, timeout=None, class_=WebSocket, **options):
    """websocket.create_connection."""
    made = {name: options.pop(name) for name in
            ("sockopt", "sslopt", "fire_cont_frame", "enable_multithread", "skip_utf8_validation") if name in options}
    socket = class_(**made, **options)
    socket.settimeout(timeout if timeout is not None else getdefaulttimeout())
    socket.connect(url, **options)
    return socket
