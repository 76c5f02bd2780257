"""The bundle: the one program that runs a bottle's gates, in one asyncio process.

Trusts its config file (0600, the operator's) and the link it inherits; a bottle controls every byte on the listening sockets.
It fails closed: a gate that ends or raises ends the process, and with it the bottle's only ways out. It lives no longer than
the other end of its link. Secrets come over the link and stay in memory.
"""

import asyncio
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError
from bot_bottle.gates.base import Adjustable, Deciding, Gate, GateFactory, Inspector, Supervisor
from bot_bottle.gates.control import ControlServer
from bot_bottle.gates.events import EventLog
from bot_bottle.gates.harden import harden
from bot_bottle.gates.later import Later
from bot_bottle.gates.peers import OnlyFrom
from bot_bottle.guest.frames import BrokenFrame, Message, receive, send
from bot_bottle.record import dataclass

FACTORIES: Mapping[str, str] = {
    "egress": "bot_bottle.gates.egress.serve:make_gate",
    "dlp": "bot_bottle.gates.dlp.serve:make_gate",
    "supervise": "bot_bottle.gates.supervise.serve:make_gate",
    "git-gate": "bot_bottle.gates.git_gate.serve:make_gate",
}
"""Gate → "module:function" that makes it; a gate's module loads when a bottle has that gate."""


SLOW_PARTS = ("cryptography.hazmat.primitives.asymmetric.ec", "cryptography.hazmat.primitives.hashes")
"""What the egress gate imports when it is made: 16 ms that pass while the plan is made instead."""


class LinkGone(Exception):
    """The keeper is gone, so nobody owns the bottle any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What the first frame and the config file that it names say. `secrets` are values by name: kept out of `repr`."""

    config: Mapping[str, Any]  # Any: JSON
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Start(slug={self.config.get('slug')!r})"


def main(argv: Sequence[str] | None = None) -> None:
    """Run until the link closes (exit 0) or a gate fails (exit 1)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 2 or words[0] != "--link-fd" or not words[1].isdecimal():
        sys.stderr.write("usage: bot-bottle-bundle --link-fd N\n")
        sys.exit(2)
    harden()
    with socket.socket(fileno=int(words[1])) as link:
        sys.exit(run(link))


def run(link: socket.socket) -> int:
    """Serve one bottle over this link; the exit code. Says on the link why it cannot, if it still can."""
    link.setblocking(True)
    _load_early()
    try:
        start = _read_start(link)
        gates, log = _make_gates(start)
        listeners = _read_listeners(link, gates)
        asyncio.run(_serve(link, start, gates, listeners, log))
    except LinkGone:
        return 0
    except BottleError as error:
        _say(link, {"type": "failed", "what": error.what, "facts": list(error.facts)})
        sys.stderr.write("\n".join((f"bot-bottle-bundle: {error.what}", *error.facts, error.next)).rstrip() + "\n")
        return 1
    return 0


def _load_early() -> None:
    """Import what nearly every bottle needs while the plan is still being made."""
    for module in (FACTORIES["egress"].partition(":")[0], *SLOW_PARTS):
        importlib.import_module(module)


def _read_start(link: socket.socket) -> Start:
    message, _ = _next(link)
    if message.get("type") != "start":
        raise BottleError("The bundle's first frame must be a start.")
    try:
        config = json.loads(Path(message["config"]).read_bytes())
        secrets = message["secrets"]
        if not (isinstance(config, dict) and isinstance(secrets, dict)):
            raise ValueError("config and secrets must be objects")
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BottleError("The bundle's config cannot be read.", facts=(f"{type(error).__name__}: {error}",)) from None
    return Start(config=config, secrets={str(name): str(value) for name, value in secrets.items()})


def _make_gates(start: Start) -> tuple[dict[str, Gate], EventLog]:
    config = start.config
    log = EventLog(Path(config["events"]), secrets=start.secrets.values())
    bottle = {key: config.get(key) for key in ("slug", "stage_dir")}
    gates: dict[str, Gate] = {}
    for name, settings in config["gates"].items():
        place = FACTORIES.get(name)
        if place is None:
            raise BottleError(f"There is no gate named {name!r}.")
        make = _maker(place, {**settings, "bottle": bottle}, start.secrets, log)
        gates[name] = Later(name, make, adjusts=frozenset({"dlp"})) if name == "dlp" and not settings.get("must_load") else make()
    _join(gates)
    return gates, log


def _maker(place: str, settings: Mapping[str, Any], secrets: Mapping[str, str], log: EventLog) -> Callable[[], Gate]:  # Any: JSON
    def make() -> Gate:
        module, function = place.split(":")
        factory: GateFactory = getattr(importlib.import_module(module), function)
        return factory(settings, secrets, log.record)

    return make


def _join(gates: Mapping[str, Gate]) -> None:
    """Gates do not know each other: here the one that inspects is given to those that let out, and those that carry out grants
    or hold something for the operator to the one that asks."""
    inspector = next((gate for gate in gates.values() if isinstance(gate, Inspector)), None)
    can_ask = any(isinstance(gate, Supervisor) for gate in gates.values())
    for gate in gates.values():
        gate.can_ask = can_ask
        if gate is not inspector:
            gate.inspector = inspector
        if isinstance(gate, Supervisor):
            gate.adjustable = tuple(other for other in gates.values() if isinstance(other, Adjustable))
            gate.deciding = tuple(other for other in gates.values() if isinstance(other, Deciding))


def _read_listeners(link: socket.socket, gates: Mapping[str, Gate]) -> dict[str, socket.socket]:
    message, descriptors = _next(link)
    names, peer = message.get("gates"), message.get("peer")
    listeners = [OnlyFrom(one, peer) if isinstance(peer, int) else socket.socket(fileno=one) for one in descriptors]
    if message.get("type") != "listen" or not isinstance(names, list) or len(names) != len(listeners):
        raise BottleError("The bundle's second frame must name one gate for each listening socket.")
    if unknown := [name for name in names if name not in gates]:
        raise BottleError(f"There is a socket for {unknown[0]!r}, but no such gate.")
    for listener in listeners:
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise BottleError("A socket given to the bundle does not listen.")
        if isinstance(peer, int) and listener.family != socket.AF_UNIX:
            raise BottleError("Only of a Unix socket is it known who connects.")
        listener.setblocking(False)
    return dict(zip(names, listeners, strict=True))


def _next(link: socket.socket) -> tuple[Message, list[int]]:
    try:
        received = receive(link)
    except (BrokenFrame, OSError) as error:
        raise LinkGone from error
    if received is None:
        raise LinkGone
    return received


async def _serve(
    link: socket.socket, start: Start, gates: Mapping[str, Gate], listeners: Mapping[str, socket.socket], log: EventLog
) -> None:
    """Serve until the link closes. A gate's exception comes out of here, after every other gate was stopped."""
    control = ControlServer(Path(start.config["control"]), gates, keep_out=log.keep_out)
    control.listen()
    tasks = {asyncio.create_task(gates[name].serve(listener), name=name) for name, listener in listeners.items()}
    tasks.add(asyncio.create_task(control.serve(), name="control"))
    ended = asyncio.create_task(_watch(link), name="link")
    crash = _first_crash()
    for gate in gates.values():
        gate.wants_secrets = lambda: _say(link, {"type": "secrets"})
        if isinstance(gate, Supervisor):
            gate.told = lambda: _say(link, {"type": "asks"})
        if isinstance(gate, Later):
            gate.preload()
    authority = "".join(gate.authority for gate in gates.values())
    _say(link, {"type": "ready", "gates": list(listeners), "authority": authority})
    gc.enable()  # off while it imported, by the command that started it
    gc.freeze()  # what was made until now lives as long as the process: the collector need not look at it again
    try:
        done, _ = await asyncio.wait({*tasks, ended, crash}, return_when=asyncio.FIRST_COMPLETED)
        if ended in done:  # nobody owns the bottle any more: end at once, the kernel closes every connection
            log.close()
            os._exit(0)
        if crash in done:
            crash.result()
        for task in tasks:
            if not task.done():
                continue
            task.result()
            raise BottleError(f"The gate {task.get_name()} stopped by itself.")
    finally:
        for task in (*tasks, ended):
            task.cancel()
        for gate in gates.values():
            await gate.close()
        await asyncio.gather(*tasks, ended, return_exceptions=True)
        crash.cancel()
        log.close()


def _first_crash() -> "asyncio.Future[None]":
    """Fails with the first exception that nobody awaits: a gate that does not know what it does must not go on."""
    loop = asyncio.get_running_loop()
    crash: asyncio.Future[None] = loop.create_future()

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # Any: what asyncio tells of a failed callback
        if not crash.done():
            crash.set_exception(context.get("exception") or RuntimeError(context["message"]))

    loop.set_exception_handler(note)
    return crash


async def _watch(link: socket.socket) -> None:
    """Return when the other end of the link is gone. Nothing more is expected on it, so anything readable ends the bundle."""
    link.setblocking(False)
    await asyncio.get_running_loop().sock_recv(link, 1)


def _say(link: socket.socket, message: Message) -> None:
    """Tell the keeper; when it is gone, the watch on the link ends us."""
    try:
        send(link, message)
    except OSError:
        sys.stderr.write("bot-bottle-bundle: the link is closed\n")


if __name__ == "__main__":
    main()
