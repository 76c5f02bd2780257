"""TLS on both sides: certificates of the bottle's own authority towards the bottle, strict verification towards the world."""

import os
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from bot_bottle.gates.egress.authority import LEAF_LIFE_S, Authority
from bot_bottle.host.roots import find_roots

CONTEXT_LIMIT = 256
"""Hosts whose certificates are kept; an agent that visits more pays a new signature (0.2 ms) each time."""


RENEW_S = LEAF_LIFE_S / 2
"""A certificate is shown for half of its life at most: bottles run for weeks, machines sleep, and a clock may be set back."""


class Certificates:
    """Server contexts by host, made on demand, least recently used ones forgotten."""

    def __init__(self, authority: Authority, *, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._authority = authority
        self._folder = folder
        self._clock = clock
        self._contexts: OrderedDict[str, tuple[float, ssl.SSLContext]] = OrderedDict()

    def context_for(self, host: str) -> ssl.SSLContext:
        """A context that shows a certificate for this canonical host, whatever name the client asks for."""
        now = self._clock()
        made, context = self._contexts.get(host, (0.0, None))
        if context is None or not made <= now < made + RENEW_S:
            context = self._make(host, now)
            self._contexts[host] = now, context
            if len(self._contexts) > CONTEXT_LIMIT:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(host)
        return context

    def _make(self, host: str, now: float) -> ssl.SSLContext:
        pair = self._authority.leaf(host, now=now)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.num_tickets = 1
        context.set_alpn_protocols(["http/1.1"])
        path = self._folder / ".leaf.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(pair.certificate + pair.key)
            context.load_cert_chain(path)
        finally:
            path.unlink()
        return context


def client_context(extra: Sequence[Path]) -> ssl.SSLContext:
    """Towards the world: this host's roots and the operator's extra ones, TLS 1.2 or newer, HTTP/1.1, verification always on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_verify_locations(find_roots(os.environ))
    for path in extra:
        context.load_verify_locations(path)
    context.set_alpn_protocols(["http/1.1"])
    return context
