"""Names to checked addresses: asked once, every address checked, remembered for a moment. An answer of DNS is not trusted."""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from bot_bottle.errors import Refused
from bot_bottle.gates.addresses import Network, check
from bot_bottle.gates.egress.names import is_address

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a name, A and AAAA, in the order to try. OSError when it has none."""

THREADS = 4
"""getaddrinfo blocks; a bottle whose names do not answer must not hold more of the process than this."""

KEPT_S = 30.0
"""How long an answer is used again. getaddrinfo does not tell the record's own time to live."""

KEPT_LIMIT = 512
ADDRESSES_LIMIT = 32
"""Addresses of one answer; more than any honest name has."""


def refuse_localhost(host: str) -> None:
    """Refused for a name of this machine (RFC 6761, 6.3): asked of an upstream proxy, it would be the proxy's machine."""
    if host == "localhost" or host.endswith(".localhost"):
        raise Refused(f"{host} is this machine itself (RFC 6761); pin it under egress.upstream.connect if that is meant.")


class Resolver:
    """Resolves names that a rule allows. Remembers answers, never verdicts: each use checks each address again."""

    def __init__(self, *, own: Sequence[str] = (), lookup: Lookup | None = None) -> None:
        self._own = own
        self._lookup = lookup or self._ask
        self._known: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._threads: ThreadPoolExecutor | None = None

    async def checked(self, host: str, permitted: Sequence[Network]) -> list[str]:
        """Every address of the host; OSError without any. One bad address refuses the name: answers are mixed on purpose."""
        refuse_localhost(host)
        found = (host,) if is_address(host) else await self._addresses(host)
        return [str(check(address, permitted=permitted, own=self._own)) for address in found]

    async def any(self, host: str) -> Sequence[str]:
        """The addresses of a host that the operator named, unchecked."""
        if is_address(host):
            return [host]
        return ["127.0.0.1", "::1"] if host == "localhost" else await self._addresses(host)

    def forget(self) -> None:
        """Ask again next time."""
        self._known.clear()

    def close(self) -> None:
        """Let the threads end."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, host: str) -> tuple[str, ...]:
        known = self._known.get(host)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            found = tuple(dict.fromkeys(await self._lookup(host)))
        except UnicodeError as error:
            raise OSError("not a name that can be asked for") from error
        if not 0 < len(found) <= ADDRESSES_LIMIT:
            raise OSError(f"it has {len(found)} addresses")
        self._known[host] = (time.monotonic() + KEPT_S, found)
        if len(self._known) > KEPT_LIMIT:
            self._known.popitem(last=False)
        return found

    async def _ask(self, host: str) -> Sequence[str]:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")
        return await asyncio.get_running_loop().run_in_executor(self._threads, _getaddrinfo, host)


def _getaddrinfo(host: str) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
