"""Starts the bundle (the one program that hosts a bottle's gates) and speaks to it."""

import json
import os
from pathlib import Path

from bot_bottle.backends.base import BundleLink
from bot_bottle.bottles.idle import IdleBundle, log_path
from bot_bottle.errors import BottleError
from bot_bottle.guest import frames
from bot_bottle.host.files import write_file
from bot_bottle.host.processes import end_noted, note
from bot_bottle.plans.bottle import BottlePlan

READY_TIMEOUT_S = 20.0
"""The bundle is ready in about 0.1 s; a machine under heavy load may need much more."""

NOTE = "bundle.pid"
"""Which process it is, in the stage dir: one that is stopped does not see that its keeper is gone."""

WORDS = frozenset({"asks", "secrets"})
"""There is news for the operator; the sources of secrets are to be read again."""


def end_left(stage_dir: Path) -> None:
    """End the bundle of a keeper that was killed, if it does not end by itself."""
    end_noted(stage_dir / NOTE)


class Bundle(BundleLink):
    """The started bundle of one plan. Owned by the keeper."""

    def __init__(self, idle: IdleBundle) -> None:
        self._idle = idle
        self._channel = idle.channel

    def configure(self, plan: BottlePlan, secrets: dict[str, str]) -> None:
        """Write the configuration file and send its path with the secrets' values."""
        note(self._idle.pid, plan.stage_dir / NOTE)
        path = write_file(plan.stage_dir / "bundle.json", json.dumps(bundle_config(plan)))
        self._send({"type": "start", "config": str(path), "secrets": secrets})

    def pass_sockets(self, sockets: dict[str, int], *, peer: int | None = None) -> None:
        """Give the bundle the bottle's listening sockets, one per gate, and who alone may connect to them."""
        self._send({"type": "listen", "gates": list(sockets), "peer": peer}, tuple(sockets.values()))

    def wait_ready(self) -> str:
        """The certificate (PEM) that the bottle is to trust, once every gate accepts. BottleError, in their words, if not."""
        self._channel.settimeout(READY_TIMEOUT_S)
        try:
            received = frames.receive(self._channel)
        except (TimeoutError, frames.BrokenFrame, OSError) as error:
            raise BottleError("The gates did not start.", facts=(str(error),), next="Try `bot-bottle doctor`.") from error
        finally:
            self._channel.setblocking(False)
        if received is None:
            raise BottleError("The gates ended while they started.", facts=(f"see {log_path()}",))
        message, descriptors = received
        for descriptor in descriptors:
            os.close(descriptor)
        if message.get("type") != "ready":
            facts = tuple(str(fact) for fact in message.get("facts", ()))
            raise BottleError(str(message.get("what", "The gates did not start.")), facts=facts)
        return str(message.get("authority", ""))

    def fileno(self) -> int:
        """Readable when the bundle spoke or died; for a selector."""
        return self._channel.fileno()

    def heard(self) -> frozenset[str] | None:
        """Which of the words that it may say it said since. None once its end of the link is closed.

        Nothing else of it is read: it handles what the bottle sends. Never blocks.
        """
        said: frozenset[str] = frozenset()
        try:
            while content := self._channel.recv(4096):
                said |= {word for word in WORDS if f'"{word}"'.encode() in content}
        except BlockingIOError:
            return said
        except OSError:
            return None
        return None

    def let_go(self) -> None:
        """Close the link: the bundle ends by itself, and nobody waits for it yet."""
        self._channel.close()

    def end(self) -> None:
        """Close the link, which ends the bundle, and make sure of it. Harmless when it has ended."""
        self._idle.end()

    def _send(self, message: frames.Message, descriptors: tuple[int, ...] = ()) -> None:
        try:
            frames.send(self._channel, message, descriptors)
        except OSError as error:
            raise BottleError("The gates ended while they started.", facts=(f"see {log_path()}",)) from error


def bundle_config(plan: BottlePlan) -> dict[str, object]:
    """What the bundle reads from its file: paths and the gates' configuration, no secret values."""
    return {
        "slug": plan.slug,
        "stage_dir": str(plan.stage_dir),
        "events": str(plan.stage_dir / "events.jsonl"),
        "control": str(plan.stage_dir / "bundle.sock"),
        "gates": {gate.gate: gate.config() for gate in plan.gate_plans},
    }
