"""What the dashboard asks of `bottles/`: a few functions in one place, so that a test can put others there."""

import os
from abc import ABC, abstractmethod
from typing import Any

from bot_bottle.bottles import pushes
from bot_bottle.bottles.agent_log import tail
from bot_bottle.bottles.always import Edit, give_always, plan_always
from bot_bottle.bottles.asks import AskView, approve, deny, revoke
from bot_bottle.bottles.attach import Attachment, connect
from bot_bottle.bottles.listing import remove
from bot_bottle.bottles.snapshot import Decision, Snapshot, decisions_on_disk, preflight_of, take
from bot_bottle.bottles.starting import Starting, Wanted, begin
from bot_bottle.bottles.status import read_status
from bot_bottle.bottles.stop import stop
from bot_bottle.host import paths

Rows = tuple[tuple[str, str, str], ...]


class Door(ABC):
    """Every method may take a while and may raise BottleError; none changes the screen."""

    @abstractmethod
    def look(self) -> Snapshot:
        """Everything there is to draw."""

    @abstractmethod
    def log(self, slug: str) -> tuple[str, ...]:
        """The end of what the agent printed."""

    @abstractmethod
    def plan(self, slug: str) -> Rows:
        """What the preflight said."""

    @abstractmethod
    def past(self, slug: str) -> tuple[Decision, ...]:
        """The decisions of a bottle that has ended."""

    @abstractmethod
    def approve(self, ask: AskView, said: dict[str, Any]) -> None:  # Any: JSON
        """Give what is shown, or less."""

    @abstractmethod
    def deny(self, ask: AskView, reason: str) -> None:
        """Refuse it."""

    @abstractmethod
    def plan_always(self, ask: AskView) -> Edit:
        """What giving it for always would write into the operator's policy."""

    @abstractmethod
    def approve_always(self, ask: AskView, planned: Edit) -> None:
        """Give it, and write that."""

    @abstractmethod
    def push(self, push_id: str) -> tuple[str, ...]:
        """Everything that the id of a held push stands for, with its diff."""

    @abstractmethod
    def revoke(self, slug: str, name: str) -> None:
        """Take a grant back."""

    @abstractmethod
    def stop(self, slug: str) -> None:
        """End a bottle."""

    @abstractmethod
    def remove(self, slug: str) -> None:
        """Remove an ended bottle's records; refused while it holds work that is nowhere else."""

    @abstractmethod
    def begin(self, wanted: Wanted) -> Starting:
        """Begin a start."""

    @abstractmethod
    def attach(self, slug: str) -> None:
        """Give the terminal to the agent until the operator detaches or it ends."""


class Bottles(Door):
    """The real ones."""

    def look(self) -> Snapshot:
        return take()

    def log(self, slug: str) -> tuple[str, ...]:
        return tail(slug)

    def plan(self, slug: str) -> Rows:
        return preflight_of(slug)

    def past(self, slug: str) -> tuple[Decision, ...]:
        return decisions_on_disk(slug)

    def approve(self, ask: AskView, said: dict[str, Any]) -> None:  # Any: JSON
        approve(ask, said, host=os.environ)

    def deny(self, ask: AskView, reason: str) -> None:
        deny(ask, reason=reason)

    def plan_always(self, ask: AskView) -> Edit:
        return plan_always(ask)

    def approve_always(self, ask: AskView, planned: Edit) -> None:
        give_always(ask, {"scope": "always", "narrow": {}}, planned, host=os.environ)

    def push(self, push_id: str) -> tuple[str, ...]:
        return tuple(pushes.shown(pushes.find(push_id)))

    def revoke(self, slug: str, name: str) -> None:
        revoke(slug, name)

    def stop(self, slug: str) -> None:
        stop(slug, grace_s=5.0)

    def remove(self, slug: str) -> None:
        remove(slug, force=False)

    def begin(self, wanted: Wanted) -> Starting:
        return begin(wanted, host=os.environ)

    def attach(self, slug: str) -> None:
        Attachment(connect(read_status(slug), paths.bottle_dir(slug)), {"op": "attach"}).run()
