"""One bottle in a program's hands. Everything that a bottle prints, writes or asks for is hostile, here as everywhere."""

import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType

from bot_bottle.api.files import Files
from bot_bottle.bottles import listing
from bot_bottle.bottles.agent_log import tail
from bot_bottle.bottles.capture import OUTPUT_LIMIT, Capture, Completed
from bot_bottle.bottles.snapshot import LATEST, Decision, decisions_on_disk
from bot_bottle.bottles.status import Status, read_status
from bot_bottle.bottles.stop import stop, wait_ended
from bot_bottle.errors import BadUsage, NoSuchBottle


class Bottle:
    """A bottle, by its name. It goes on without this program; at the end of a `with` block it is stopped, and its work stays."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._files = Files(name)

    @property
    def name(self) -> str:
        """Its name, as `bot-bottle ls` shows it."""
        return self._name

    @property
    def files(self) -> Files:
        """Its workspace."""
        return self._files

    def status(self) -> Status:
        """What is known of it now: state, agent, backend, times, the agent's exit code. NoSuchBottle when it was removed."""
        return read_status(self._name)

    def exec(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout_s: float | None = None,
        output_limit: int = OUTPUT_LIMIT,
    ) -> Completed:
        """Run one more command inside, sealed as the agent is, to its end. A code other than 0 is an answer, not an error.

        `cwd` is a folder inside; the workspace when left out. TimedOut after `timeout_s` seconds, BottleError when a stream is
        longer than `output_limit` bytes or the bottle ended meanwhile: then the command was ended too.
        """
        return self.begin(command, env=env, cwd=cwd).finish(stdin, timeout_s=timeout_s, output_limit=output_limit)

    def begin(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str | None = None) -> Capture:
        """Start a command inside and return at once: `finish` feeds it and waits for its end, `kill` ends it from any thread."""
        if isinstance(command, str) or not command:
            raise BadUsage("A command is a list of words.", facts=(f"found {command!r:.80}",))
        return Capture(self._name, tuple(command), env=tuple((env or {}).items()), cwd=cwd)

    def decisions(self, *, most: int = LATEST) -> tuple[Decision, ...]:
        """The latest decisions of its egress gate, oldest first: what was asked, the verdict, and the rule or the reason."""
        return decisions_on_disk(self._name, most=most)

    def log(self) -> tuple[str, ...]:
        """The end of what the agent printed on its terminal, as plain lines."""
        return tail(self._name)

    def wait(self, *, timeout_s: float | None = None) -> int | None:
        """Wait until the agent has ended and nothing of the bottle runs; its exit code. TimedOut after `timeout_s` seconds.

        None when the bottle was ended from outside before its agent had one.
        """
        wait_ended(self._name, timeout_s=timeout_s)
        return self.status().exit_code

    def stop(self, *, grace_s: float = 5.0) -> int | None:
        """Ask the agent to end, end the bottle after `grace_s` seconds; the exit code. Harmless when it has ended."""
        with contextlib.suppress(BadUsage):  # it ended by itself, now or before
            stop(self._name, grace_s=grace_s)
        return self.wait(timeout_s=30.0)

    def remove(self, *, force: bool = False) -> None:
        """Remove an ended bottle with all it left. BadUsage while it runs, or holds changes that are nowhere else."""
        listing.remove(self._name, force=force)

    def __enter__(self) -> "Bottle":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(NoSuchBottle):  # the block removed it
            self.stop()

    def __repr__(self) -> str:
        return f"<Bottle {self._name}>"


def find(name: str) -> Bottle:
    """The bottle of this name, running or ended. NoSuchBottle when there is none."""
    return Bottle(read_status(name).slug)


def running() -> tuple[Bottle, ...]:
    """The bottles that run, newest last."""
    return tuple(Bottle(status.slug) for status in listing.list_bottles(ended_too=False))
