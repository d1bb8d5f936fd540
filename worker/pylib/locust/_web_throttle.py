# SPDX-License-Identifier: MIT
"""Slows down who tries to log in again and again.

An attempt counts as failed when it begins, so that many at once are many, and is taken back when it
succeeds. After FREE failures a peer waits before each further attempt, twice as long each time; after
FORGET_S without a failure it is forgotten. Beyond BURST failures of all peers together, who comes
waits for a turn, PER_S of which come up a second. Nobody is shut out: a wait is at most LONGEST_S, and
who comes back after it is heard. Nothing sleeps here: the answer says how long to wait.
"""

import hashlib
import hmac
import ipaddress
import math
import secrets
import time
from collections import OrderedDict

FREE = 5
LONGEST_S = 60.0
FORGET_S = 900.0
BURST = 60
PER_S = 1.0
PEERS_MAX = 10_000
KNOWN_MAX = 256


def _peer(address):
    """Whom an address belongs to: of IPv6 everybody has a whole network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


class _Peer:
    __slots__ = ("failures", "failed_at", "ready_at", "has_turn")

    def __init__(self):
        self.failures = 0
        self.failed_at = -math.inf
        self.ready_at = -math.inf
        self.has_turn = False  # it was told to wait for one


class Throttle:
    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._peers = OrderedDict()  # the one heard last comes last
        self._turns = float(BURST)  # negative: so many were promised
        self._turns_at = clock()
        self._key = secrets.token_bytes(16)
        self._known = OrderedDict()

    def begin(self, address):
        """An attempt: 0, or after how many whole seconds it may be made."""
        now = self._clock()
        name = _peer(address)
        peer = self._peers.pop(name, None)
        if peer is None or now - peer.failed_at > FORGET_S and now > peer.ready_at + LONGEST_S:
            peer = _Peer()
        self._peers[name] = peer
        while len(self._peers) > PEERS_MAX:
            self._peers.popitem(last=False)
        if now >= peer.ready_at and not peer.has_turn:
            self._await_turn(peer, now)
        if now < peer.ready_at:
            return max(1, math.ceil(peer.ready_at - now))
        peer.has_turn = False
        peer.failures += 1
        peer.failed_at = now
        if peer.failures >= FREE:
            peer.ready_at = now + min(2.0 ** min(peer.failures - FREE, 16), LONGEST_S)
        return 0

    def _await_turn(self, peer, now):
        self._turns = min(self._turns + (now - self._turns_at) * PER_S, BURST)
        self._turns_at = now
        if self._turns >= 1:
            self._turns -= 1
            return
        peer.has_turn = True
        wait = (1 - self._turns) / PER_S
        if wait <= LONGEST_S:
            self._turns -= 1
        peer.ready_at = now + min(wait, LONGEST_S)

    def succeeded(self, address):
        """The attempt begun last was none that failed. Those before it stay."""
        peer = self._peers.get(_peer(address))
        self._turns = min(self._turns + 1, BURST)
        if peer is not None and peer.failures > 0:
            peer.failures -= 1
            if peer.failures < FREE:
                peer.ready_at = -math.inf

    # Credentials that come with every request

    def _mark(self, credentials):
        return hmac.digest(self._key, credentials.encode("utf-8", "replace"), hashlib.sha256)

    def is_known(self, credentials):
        """They were right before: to send them again is no attempt."""
        return self._mark(credentials) in self._known

    def know(self, credentials):
        self._known[self._mark(credentials)] = None
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
