# SPDX-License-Identifier: MIT
"""MqttUser: publishing and subscribing at an MQTT broker, by paho-mqtt 2.1 or later.

Every connect, disconnect, publish and subscribe is recorded as a request of type MQTT, named
"connect", "disconnect", "publish:<qos>:<topic>" and "subscribe:<qos>:<topic>". A publish ends when
the library reports it done: with QoS 0 when it is sent, with 1 and 2 when the broker has it.
"""

import random
import selectors
import string
import warnings
from contextlib import suppress
from typing import NamedTuple

import gevent
from _katydid import steady

from locust import User
from locust.env import Environment  # noqa: F401

from ._library import need

mqtt = need("paho.mqtt.client", "paho-mqtt>=2.1", "MqttUser")

REQUEST_TYPE = "MQTT"
SUBACK_FAILURE = 0x80  # what a SUBACK has in place of the granted QoS

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def _generate_random_id(length, alphabet=string.digits + string.ascii_letters):
    return "".join(random.choice(alphabet) for _ in range(length))


def _generate_mqtt_event_name(event_type, qos, topic):
    return f"{event_type}:{qos}:{topic}"


class PublishedMessageContext(NamedTuple):
    """What is remembered of a message until it is published."""

    qos: int
    topic: str
    start_time: float
    payload_size: int


class MqttClient(mqtt.Client):
    """A paho.mqtt.client.Client whose actions are recorded."""

    def __init__(self, *args, environment, client_id=None, protocol=mqtt.MQTTv311,
                 use_loop_selectors=False, **kwargs):
        # Some brokers give an id to who has none, and it could not be found out: so always one.
        self_id = client_id or f"locust-{_generate_random_id(16)}"
        with warnings.catch_warnings():  # of the first callback interface, which locustfiles use
            warnings.simplefilter("ignore", DeprecationWarning)
            super().__init__(*args, client_id=self_id, protocol=protocol, **kwargs)
        self.environment = environment
        self.client_id = self_id
        self._use_loop_selectors = use_loop_selectors
        self._publish_requests = {}  # mid -> PublishedMessageContext
        self._subscribe_requests = {}  # mid -> (qos, topic, start_time)
        self.on_publish = self._on_publish_cb
        self.on_subscribe = self._on_subscribe_cb
        self.on_connect = self._on_connect_cb
        self.on_disconnect = self._on_disconnect_cb

    def _generate_event_name(self, event_type, qos, topic):
        """The name of a publish or subscribe; override it to group topics."""
        return _generate_mqtt_event_name(event_type, qos, topic)

    def _record(self, name, error, context=None, took_ms=0, length=0):
        self.environment.events.request.fire(
            request_type=REQUEST_TYPE,
            name=name,
            response_time=took_ms,
            response_length=length,
            exception=error,
            context={"client_id": self.client_id, **(context or {})},
        )

    # What the library tells. Its callback interfaces and
    # protocols differ in further arguments.

    def _on_publish_cb(self, client, userdata, mid, *_):
        sent = self._publish_requests.pop(mid, None)
        if sent is None:
            self._record("publish", AssertionError(f"Message {mid} was published, but never sent"),
                         {"mid": mid})
            return
        name = self._generate_event_name("publish", sent.qos, sent.topic)
        self._record(name, None, sent._asdict(), (steady() - sent.start_time) * 1000,
                     sent.payload_size)

    def _on_subscribe_cb(self, client, userdata, mid, granted, *_):
        asked = self._subscribe_requests.pop(mid, None)
        if asked is None:
            self._record("subscribe", AssertionError(f"Subscription {mid} was never asked for"),
                         {"mid": mid})
            return
        codes = [getattr(code, "value", code) for code in granted]
        error = None
        if any(code >= SUBACK_FAILURE for code in codes):
            error = AssertionError(
                f"Broker returned an error response during subscription: {codes}"
            )
        self._record_subscribe(*asked, error)

    def _record_subscribe(self, qos, topic, start_time, error, is_asked=True):
        took_ms = (steady() - start_time) * 1000 if is_asked else 0
        self._record(self._generate_event_name("subscribe", qos, topic), error,
                     {"qos": qos, "topic": topic, "start_time": start_time}, took_ms)

    def _on_connect_cb(self, client, userdata, flags, code, *_):
        self._record("connect", None if code == 0 else Exception(str(code)))

    def _on_disconnect_cb(self, client, userdata, *args):
        code = args[1] if len(args) == 3 else args[0]  # behind the flags, or without them
        self._record("disconnect", None if code == 0 else Exception(str(code)))

    # What the user does

    def publish(self, topic, payload=None, qos=0, retain=False, properties=None):
        is_sized = payload and not isinstance(payload, (int, float))
        sent = PublishedMessageContext(qos, topic, steady(), len(payload) if is_sized else 0)
        info = super().publish(topic, payload, qos, retain, properties)
        if info.rc == mqtt.MQTT_ERR_SUCCESS:
            self._publish_requests[info.mid] = sent
        else:
            self._record(self._generate_event_name("publish", qos, topic), _error_of(info.rc),
                         sent._asdict())
        return info

    def subscribe(self, topic, qos=0, options=None, properties=None):
        start_time = steady()
        first = topic if isinstance(topic, str) else topic[0]
        first = first if isinstance(first, str) else first[0]
        result, mid = super().subscribe(topic, qos, options, properties)
        if result == mqtt.MQTT_ERR_SUCCESS and mid is not None:
            self._subscribe_requests[mid] = (qos, first, start_time)
        else:
            error = None if result == mqtt.MQTT_ERR_SUCCESS else _error_of(result)
            self._record_subscribe(qos, first, start_time, error, is_asked=error is None)
        return result, mid

    # The network loop on selectors: select() knows no more than 1024 descriptors

    def _loop(self, timeout=1.0):
        if self._use_loop_selectors:
            return self._loop_selectors(timeout)
        return super()._loop(timeout)

    def _loop_selectors(self, timeout=1.0):
        if timeout < 0.0:
            raise ValueError("Invalid timeout.")
        decrypted = self._sock.pending() if hasattr(self._sock, "pending") else 0
        try:
            ready = self._await(0.0 if decrypted else timeout)
        except (TypeError, ValueError, KeyError):  # the socket is gone
            return mqtt.MQTT_ERR_CONN_LOST
        except Exception:
            return mqtt.MQTT_ERR_UNKNOWN
        if decrypted or ready.get(self._sock, 0) & _READ:
            code = self.loop_read()
            if code or self._sock is None:
                return code
        if ready.get(self._sockpairR, 0) & _READ:  # somebody has something to send
            with suppress(BlockingIOError):
                self._sockpairR.recv(10000)
            code = self.loop_write()
        elif ready.get(self._sock, 0) & _WRITE:
            code = self.loop_write()
        else:
            code = 0
        return code if code or self._sock is None else self.loop_misc()

    def _await(self, timeout):
        """{socket: what it is ready for}"""
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, _READ | (_WRITE if self._out_packet else 0))
            if self._sockpairR is not None:
                selector.register(self._sockpairR, _READ)
            return {key.fileobj: events for key, events in selector.select(timeout)}


def _error_of(code):
    return Exception(mqtt.error_string(code))


class MqttUser(User):
    """`client` connects when the user is made, and again when the connection is lost."""

    abstract = True

    host = "localhost"
    port = 1883
    transport = "tcp"  # or "websockets"
    ws_path = "/mqtt"
    tls_context = None  # an ssl.SSLContext
    client_cls = MqttClient
    client_id = None  # None: a random one
    username = None
    password = None
    protocol = mqtt.MQTTv311
    use_loop_selectors = False  # for more than some 300 users in one process

    def __init__(self, environment):
        super().__init__(environment)
        self.client = self.client_cls(
            environment=self.environment,
            transport=self.transport,
            client_id=self.client_id,
            protocol=self.protocol,
            use_loop_selectors=self.use_loop_selectors,
        )
        if self.tls_context:
            self.client.tls_set_context(self.tls_context)
        if self.transport == "websockets" and self.ws_path:
            self.client.ws_set_options(path=self.ws_path)
        if self.username and self.password:
            self.client.username_pw_set(username=self.username, password=self.password)
        self.client.connect_async(host=self.host, port=self.port)
        self.client.loop_start()

    def _release(self):
        self.client.on_disconnect = None  # the user's end is no event of the test
        gevent.spawn(_hang_up, self.client)


def _hang_up(client):
    client.disconnect()
    client.loop_stop()
