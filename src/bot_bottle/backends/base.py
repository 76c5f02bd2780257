"""The contract of a backend: say whether it works here, decide, launch. A backend knows nothing of other backends."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.image import ReadyImage, WantedImage
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Usable:
    """The backend works here; `facts` say how well (which limits and filters hold)."""

    facts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Unusable:
    """The backend does not work here: why, and what to do."""

    why: str
    facts: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TtySize:
    """Rows and columns of a terminal, 1 to 10,000 each."""

    rows: int
    cols: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Streams:
    """Descriptors the child reads and writes directly; the caller keeps and closes its own copies."""

    stdin: int
    stdout: int
    stderr: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestCommand:
    """A command to run inside. `env` is its whole environment; `cwd` a guest path."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    cwd: str


class Child(ABC):
    """A command running inside a bottle."""

    @property
    @abstractmethod
    def terminal(self) -> int | None:
        """The terminal's controlling end when it was started with a TtySize, else None. The child owns it."""

    @abstractmethod
    def fileno(self) -> int:
        """Becomes readable when the child may have ended; for a selector. Call `poll` then."""

    @abstractmethod
    def poll(self) -> int | None:
        """The exit code once it has ended (128+N for signal N, 126/127 as a shell's), else None. Never blocks."""

    @abstractmethod
    def signal(self, number: int) -> None:
        """Send the signal to the child's process group inside; nothing when it has ended."""

    @abstractmethod
    def resize(self, size: TtySize) -> None:
        """Tell the child's terminal its new size; nothing without a terminal."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the descriptors, the terminal among them; the child itself is not ended. A second time does nothing."""


class RunningBottle(ABC):
    """A launched bottle: sealed, its gates' sockets handed to the bundle, no agent started yet."""

    plan: BottlePlan

    @abstractmethod
    def start(self, command: GuestCommand, io: Streams | TtySize) -> Child:
        """Start a command inside, on the caller's descriptors or on a new terminal. BottleError if the bottle is gone."""

    @abstractmethod
    def probe(self, questions: Sequence[dict[str, Any]], *, timeout_s: float) -> list[dict[str, Any]]:  # Any: JSON
        """Run `guest/probe.py` inside with these questions; its answers as it gave them, unjudged."""

    @abstractmethod
    def fileno(self) -> int:
        """Becomes readable when the bottle itself may have died; for a selector. Call `is_alive` then."""

    @abstractmethod
    def is_alive(self) -> bool:
        """Whether the bottle's first process still runs. Never blocks."""

    def stand_by(self) -> None:
        """Start what runs beside the agent, once the bottle is proved sealed. BottleError when it cannot be had."""
        return  # most bottles have nothing beside them

    def keep_changes(self) -> None:
        """It is about to be stopped and may be started again: keep what it changed outside its home and its workspace, so that
        the next `prepare` finds it. BottleError when that is not possible.
        """
        return  # most bottles can change nothing else, or lose it

    def check_limits(self) -> str | None:
        """Called each second: why the bottle must end now (it is over a limit that nothing else enforces), else None."""
        return None


class BundleLink(ABC):
    """The backend's way to hand the bottle's listening sockets to the bundle. Owned by `bottles/`."""

    @abstractmethod
    def pass_sockets(self, sockets: dict[str, int], *, peer: int | None = None) -> None:
        """Give the bundle one listening descriptor per gate name. The caller closes its own copies afterwards.

        With `peer`, the gates serve only connections of that process of this host; they must be Unix sockets then.
        """


OUTSIDE = "outside.json"
"""In a stage dir, from before the first of it is made: what a backend has elsewhere that a killed keeper would leave."""


KEPT = "kept.json"
"""In a stage dir: what `keep_changes` kept with an engine, by the `image` that has it."""


class Backend(ABC):
    """One way to run bottles."""

    name: str
    uses_images: bool = False
    """Whether a bottle's root file system can be an image here; a spec with one is refused where it cannot."""
    runs_services: bool = False
    """Whether programs can run beside the agent here, from images of their own."""

    own_kernel: bool = False
    """Whether a bottle's system calls are served by a kernel that is not this machine's."""

    @abstractmethod
    def survey(self) -> Usable | Unusable:
        """Whether this backend works on this machine; may start short-lived processes, changes nothing."""

    def ready_image(self, wanted: WantedImage, *, make: bool, say: Callable[[str], None]) -> ReadyImage | None:
        """The bottle's root file system, before `prepare`. What is missing is built, fetched or unpacked, and `say` told of it;
        with `make` false it is an ImageToMake. None: this bottle needs no image. BottleError when it cannot be had.
        """
        del wanted, make, say
        return None  # this machine's own system folders serve

    @abstractmethod
    def prepare(self, shared: BottlePlan) -> BottlePlan:
        """Decide the rest: the shared decisions plus this backend's own, as its frozen subclass of BottlePlan.

        Writes only inside `shared.stage_dir`, starts nothing, prints nothing.
        """

    def forget(self, stage_dir: Path) -> None:
        """The bottle is removed for good: remove what `keep_changes` kept elsewhere. A second time does nothing."""
        return  # most backends keep nothing

    def clean(self, stage_dir: Path) -> None:
        """Remove what a launch that was killed left outside its stage dir. The bottle is dead; a second time does nothing.

        BottleError when it cannot be removed now. The file OUTSIDE stays there then, so that it is tried again.
        """
        return  # most backends leave nothing there

    @abstractmethod
    def launch(self, plan: BottlePlan, link: BundleLink) -> AbstractContextManager[RunningBottle]:
        """Carry the plan out and decide nothing. Leaving the context undoes everything, in reverse, and bears a second run."""
