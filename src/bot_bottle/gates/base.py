"""What hosts a gate inside the bundle: the contract between `bundle.py` and each gate's `serve.py`."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bot_bottle.manifest.spec import Credential, Rule
from bot_bottle.record import dataclass, field

Event = dict[str, Any]  # Any: JSON
HIDE = "hide"
"""An event's field with texts that must not be written, in it or in any later one. It is not written itself."""

Record = Callable[[Event], None]
"""Writes one event to the bottle's log. Adds `ts` (seconds since the epoch) and `seq`. Never blocks for long."""


class Gate(ABC):
    """One running gate. It fails closed: whatever it cannot decide, it denies."""

    name: str
    inspector: "Inspector | None" = None
    """What looks at everything that this gate lets out; the bundle sets it before `serve`."""

    can_ask: bool = False
    """Whether the agent can ask for what this gate refuses: there is a supervise gate. The bundle says so before `serve`."""

    authority: str = ""
    """The certificate (PEM) that the bottle must trust to speak TLS with this gate; empty where it never does."""

    wants_secrets: Callable[[], None] = staticmethod(lambda: None)
    """Called when a secret opens nothing any more. The bundle sets it; what the secrets' sources say anew comes by `control`, as
    the operation `secrets`."""

    @abstractmethod
    async def serve(self, listener: socket.socket) -> None:
        """Serve the bottle on this listening socket until `close`. An exception ends the bundle, and so the bottle."""

    @abstractmethod
    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """Answer the operator's control socket, e.g. {"op": "reload", "config": {...}}."""

    @abstractmethod
    async def close(self) -> None:
        """End every open connection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Granted:
    """What the operator gave besides the plan, under a name that decisions by it carry (`grant g3`).

    `row` is the delta in the gate's own terms (for egress: a rule). One that `is_spent` allows nothing more, but what went
    through by it and is under way may end.
    """

    name: str
    kind: str
    row: Mapping[str, Any]  # Any: JSON
    is_spent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What holds by the plan, without grants. Values of credentials are not in it."""

    rules: tuple[Rule, ...] = ()
    credentials: tuple[Credential, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    """Whatever else an agent may know, such as its budget."""


class Adjustable(ABC):
    """A gate that carries out grants while it runs."""

    adjusts: frozenset[str] = frozenset()
    """The kinds of grants it carries out."""
    used: Callable[[str], None] = staticmethod(lambda name: None)
    """Told the grant's name each time something goes through by it. Set by the bundle."""

    @abstractmethod
    def adjust(self, granted: Sequence[Granted]) -> None:
        """From now on these hold besides the plan, and no other. Open connections live by them too: what is no longer allowed
        ends. Refused when one cannot be carried out; then the ones before hold.
        """

    @abstractmethod
    def standing(self) -> Standing:
        """What holds by the plan."""

    def denials(self) -> list[Event]:
        """The latest refusals, oldest first: events with `argument`, a ready one for `request_permission`, where there is one."""
        return []


class Deciding(ABC):
    """A gate that has something before the operator by a way of its own, such as a held push, which the agent may wait for."""

    awaits: str = ""
    """What the ids of such things begin with."""
    decided: Callable[[], None] = staticmethod(lambda: None)
    """Called when one of them was decided. Set by whoever waits."""

    @abstractmethod
    def awaited(self, id: str) -> dict[str, Any]:  # Any: JSON
        """Its `status`: pending, approved, denied or unavailable, and what the agent should know. Refused when there is none."""


class Supervisor(Gate):
    """A gate through which the agent asks; what is given is carried out by the others."""

    adjustable: Sequence[Adjustable] = ()
    """The bottle's gates that carry out grants. Set by the bundle before `serve`."""
    deciding: Sequence[Deciding] = ()
    """The bottle's gates of which something waits for the operator. Set by the bundle before `serve`."""
    told: Callable[[], None] = staticmethod(lambda: None)
    """Called when there is something new for the operator. Set by the bundle."""


GateFactory = Callable[[Mapping[str, Any], Mapping[str, str], Record], Gate]
"""Makes a gate from `GatePlan.config()`, the values of `GatePlan.secrets()` by name, and the event log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outbound:
    """A request that the rules allow, as the bottle wrote it: no credential is set yet. `target` is path and query."""

    scheme: str
    host: str
    port: int
    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    is_websocket: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """Something that an inspector saw in a thing that is not a request: the rule, and words that never hold what it saw.

    `stops`: it must not leave; with `asks` it may once the operator has said so. `mark` is equal where the very same was seen,
    and empty where that cannot be told.
    """

    rule: str
    what: str
    stops: bool
    asks: bool = False
    mark: str = ""


class Stopped(Exception):
    """The inspection refuses. `why` is for the agent to read: it names the rule and never what was found.

    `argument` is a ready one for `request_permission`, where the operator could permit it.
    """

    def __init__(self, why: str, *, rule: str, hint: str = "", argument: Mapping[str, Any] | None = None) -> None:  # Any: JSON
        super().__init__(why)
        self.why = why
        self.rule = rule
        self.hint = hint
        self.argument = argument


class Inspection(ABC):
    """One request and its answer, looked at while they pass. Each method gives what may go on now and may raise Stopped.

    Everything given to `send` comes out of `send` and `finish` in order, byte for byte in number: what is hidden is
    overwritten, so that a Content-Length stays true. The same holds for `receive` and `finish_receiving`.
    """

    needs_identity = False
    """Whether the server is to be asked for an answer that is not compressed."""

    @abstractmethod
    def send(self, part: bytes) -> bytes:
        """A part of the request's body (after a switch: of the stream to the server)."""

    @abstractmethod
    def finish(self) -> bytes:
        """The body has ended: the rest of it."""

    @abstractmethod
    def answered(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The server's answer begins; 101 switches both ways to WebSocket frames."""

    @property
    @abstractmethod
    def holds_answer(self) -> bool:
        """Whether `receive` may give nothing until the end, so that the answer's head must wait as well."""

    @abstractmethod
    def receive(self, part: bytes) -> bytes:
        """A part of the answer's body."""

    @abstractmethod
    def finish_receiving(self) -> bytes:
        """The answer has ended: the rest of it."""

    @abstractmethod
    def close(self) -> None:
        """The exchange is over, whichever way. Harmless when repeated."""


class BlobScan(ABC):
    """Looks at objects that leave together (those of one push), and sees what is spread over several of them too."""

    @abstractmethod
    def __call__(self, parts: Iterable[bytes], where: str) -> Sequence[Sighting]:
        """What is in one object, given in parts; `where` names it for people. By one thread at a time."""

    @abstractmethod
    def apart(self) -> "BlobScan":
        """The same for another thread, which may look at other objects of the same push meanwhile."""


class Inspector(Gate):
    """A gate without a socket of its own, which looks at what another gate is about to let out."""

    @abstractmethod
    def inspect(self, request: Outbound) -> Inspection:
        """Look at the head. Stopped when it must not leave."""

    @abstractmethod
    def object_scan(self) -> BlobScan:
        """For the objects of one push; another thread than the inspector's may use it."""
