"""Keeps the access tokens of OAuth credentials: gets one at first need, renews it before it ends and when a server refuses it.

The token server is reached as any other: through the operator's proxy, its address checked, its certificate verified. What it
answers is bounded. Refresh tokens that it replaces live in memory; the operator's own store is not written.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_network

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.covers import Request
from bot_bottle.gates.egress.credentials import Binding
from bot_bottle.gates.egress.dial import CannotReach, Dialler, Origin
from bot_bottle.gates.egress.framing import Malformed, parse_response, response_body
from bot_bottle.gates.egress.names import authority_text
from bot_bottle.gates.egress.oauth import EARLY_S, read_token, token_request
from bot_bottle.gates.egress.paths import readings
from bot_bottle.gates.egress.plan import CLIENT_OF
from bot_bottle.manifest.spec import Credential, OAuth2

ANSWER_LIMIT = 64 * 1024
ANSWER_S = 30.0
AGAIN_S = 5.0
"""After a refusal the server is left alone this long: an agent that retries must not lock the operator's account."""


class Tokens:
    """The tokens of one bottle. They are put into `values`, from which requests are dressed; the long-lived secrets leave it."""

    def __init__(
        self,
        credentials: Sequence[Credential],
        secrets: Mapping[str, str],
        values: dict[str, str],
        *,
        dialler: Callable[[], Dialler],
        now: Callable[[], float],
    ) -> None:
        self._asked: dict[str, OAuth2] = {}
        self._secrets: dict[str, str] = {}
        self._client_secrets: dict[str, str] = {}
        self._values = values
        self._dialler = dialler
        self._now = now
        self._good_until: dict[str, float] = {}
        self._refused: dict[str, tuple[float, str]] = {}
        self._under_way: dict[str, asyncio.Future[str]] = {}
        self._waits: set[asyncio.Future[str]] = set()
        self.refused: Callable[[], None] = lambda: None
        self.take(credentials, secrets)

    def take(self, credentials: Sequence[Credential], secrets: Mapping[str, str]) -> None:
        """These are the credentials from now on. A secret that is not among `secrets` stays the one that is known.

        What is asked for in another way, or with another secret, is got anew; a token that is good stays.
        """
        asked = {one.name: one.oauth2 for one in credentials if one.oauth2 is not None}
        for name in {*asked, *self._asked}:
            is_same = asked.get(name) == self._asked.get(name) and not {name, CLIENT_OF + name} & set(secrets)
            if not is_same:
                self._good_until.pop(name, None)
                self._refused.pop(name, None)
                if name in asked or name not in secrets:
                    self._values.pop(name, None)  # the long-lived secret is set on no request, and an old token neither
        self._secrets = {name: secrets.get(name, self._secrets.get(name, "")) for name in asked}
        self._client_secrets = {name: secrets.get(CLIENT_OF + name, self._client_secrets.get(name, "")) for name in asked}
        self._asked = asked

    def wanted(self, request: Request, bindings: Sequence[Binding]) -> tuple[str, ...]:
        """The credentials of this request whose token must be got first."""
        if not self._asked:
            return ()
        spellings = readings(request.path)
        names = dict.fromkeys(one.credential for one in bindings if one.credential in self._asked)
        bound = {one.credential for one in bindings if one.credential in names and one.covers(request, spellings)}
        return tuple(name for name in names if name in bound and self._good_until.get(name, 0.0) <= self._now())

    def rejected(self, names: Iterable[str]) -> None:
        """A server answered 401 to these: the next request gets a new token."""
        for name in names:
            self._good_until.pop(name, None)

    def renew(self, names: Sequence[str], then: Callable[[str], None]) -> None:
        """Get them, each once however many requests wait; then say why it failed, or nothing when all are there."""
        task = asyncio.ensure_future(self._get(names))
        self._waits.add(task)
        task.add_done_callback(self._waits.discard)
        task.add_done_callback(lambda done: then("" if done.cancelled() else done.result()))

    def close(self) -> None:
        """Give up what is under way."""
        for task in (*self._waits, *self._under_way.values()):
            task.cancel()

    async def _get(self, names: Sequence[str]) -> str:
        for name in names:
            if name not in self._under_way:
                self._under_way[name] = asyncio.ensure_future(self._renew(name))
            try:
                if why := await asyncio.shield(self._under_way[name]):
                    return why
            finally:
                self._under_way.pop(name, None)
        return ""

    async def _renew(self, name: str) -> str:
        """Why there is no new token; nothing when there is one."""
        until, why = self._refused.get(name, (0.0, ""))
        if until > self._now():
            return why
        asked = self._asked[name]
        fields, form = token_request(asked, secret=self._secrets[name], client_secret=self._client_secrets[name])
        try:
            token = read_token(*await self._post(asked, fields, form))
        except (Refused, CannotReach) as error:
            why = f"The gate got no token for the credential “{name}”. {error.args[0]}"
            self._refused[name] = (self._now() + AGAIN_S, why)
            if isinstance(error, Refused):
                self.refused()  # the operator's own store may hold a newer one
            return why
        self._values[name] = token.access
        self._good_until[name] = self._now() + max(token.life_s - EARLY_S, token.life_s / 2)
        if asked.grant == "refresh_token" and token.refresh:
            self._secrets[name] = token.refresh
        return ""

    async def _post(self, asked: OAuth2, fields: Sequence[tuple[str, str]], form: bytes) -> tuple[int, bytes]:
        answer = Answer()
        origin = Origin(scheme="https", host=asked.host, port=asked.port, permitted=tuple(map(ip_network, asked.addresses)))
        stream = await self._dialler().open(origin, answer)
        lines = [f"POST {asked.path} HTTP/1.1", f"Host: {authority_text(asked.host, asked.port, default_port=443)}"]
        lines += [f"{name}: {value}" for name, value in fields]
        lines += [f"Content-Length: {len(form)}", "Connection: close", "", ""]
        try:
            stream.write("\r\n".join(lines).encode("ascii") + form)
            async with asyncio.timeout(ANSWER_S):
                return await answer.whole
        except TimeoutError:
            raise CannotReach(f"{asked.host} did not answer within {ANSWER_S:g} s.", status=504) from None
        finally:
            stream.close()


class Answer:
    """Owns the connection to a token server until its one answer is complete."""

    def __init__(self) -> None:
        self.whole: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._buffer = bytearray()

    def received(self, content: bytes) -> None:
        """A part of the answer."""
        self._buffer += content
        self._look(ended=False)

    def ended(self, *, clean: bool) -> None:
        """The server closed the connection."""
        self._look(ended=clean)
        self._fail("closed the connection before its answer was complete")

    def drained(self) -> None:
        """The request has left."""

    def _look(self, *, ended: bool) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if len(self._buffer) > ANSWER_LIMIT:
            self._fail(f"answered with more than {ANSWER_LIMIT} bytes")
        elif end >= 0 and not self.whole.done():
            try:
                head = parse_response(bytes(self._buffer[: end + 4]))
                body = response_body(head, "POST")
                content = body.feed(bytes(self._buffer[end + 4 :]))
            except Malformed as malformed:
                self._fail(f"answered with something that is not HTTP/1.1: {malformed.why}")
                return
            if body.done or (ended and head.length is None and not head.chunked):
                self.whole.set_result((head.status, content))

    def _fail(self, why: str) -> None:
        if not self.whole.done():
            self.whole.set_exception(CannotReach(f"The token server {why}."))
