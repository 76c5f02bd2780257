"""The same for asyncio: each call runs in a thread, and a call that is cancelled leaves nothing running.

Threads, not an event loop of our own: what is waited for is a process or a local socket, for milliseconds.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from bot_bottle.api.bottle import Bottle
from bot_bottle.api.manifest import Manifest
from bot_bottle.api.start import Confirm, Tell, follow, wanted_from
from bot_bottle.bottles.capture import OUTPUT_LIMIT, Completed
from bot_bottle.bottles.land import Landing
from bot_bottle.bottles.snapshot import LATEST, Decision
from bot_bottle.bottles.starting import begin
from bot_bottle.bottles.status import Status, is_kept
from bot_bottle.bottles.workspace import Change
from bot_bottle.errors import TimedOut

POLL_S = 0.05


class AsyncFiles:
    """`Files`, to be awaited."""

    def __init__(self, bottle: Bottle) -> None:
        self._files = bottle.files

    async def read(self, path: str) -> bytes:
        """As `Files.read`."""
        return await asyncio.to_thread(self._files.read, path)

    async def write(self, path: str, content: bytes | str, *, executable: bool = False) -> None:
        """As `Files.write`."""
        await asyncio.to_thread(self._files.write, path, content, executable=executable)

    async def changed(self) -> tuple[Change, ...]:
        """As `Files.changed`."""
        return await asyncio.to_thread(self._files.changed)

    async def diff(self) -> str:
        """As `Files.diff`."""
        return await asyncio.to_thread(self._files.diff)

    async def land(self, *paths: str) -> Landing:
        """As `Files.land`."""
        return await asyncio.to_thread(self._files.land, *paths)


class AsyncBottle:
    """`Bottle`, to be awaited; `async with` stops it at the end of the block."""

    def __init__(self, bottle: Bottle) -> None:
        self._bottle = bottle
        self._files = AsyncFiles(bottle)

    @property
    def name(self) -> str:
        """Its name."""
        return self._bottle.name

    @property
    def files(self) -> AsyncFiles:
        """Its workspace."""
        return self._files

    async def status(self) -> Status:
        """As `Bottle.status`."""
        return await asyncio.to_thread(self._bottle.status)

    async def exec(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout_s: float | None = None,
        output_limit: int = OUTPUT_LIMIT,
    ) -> Completed:
        """As `Bottle.exec`. A call that is cancelled ends the command."""
        capture = self._bottle.begin(command, env=env, cwd=cwd)
        running = asyncio.ensure_future(asyncio.to_thread(capture.finish, stdin, timeout_s=timeout_s, output_limit=output_limit))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            capture.kill()
            await asyncio.wait({running})
            raise

    async def decisions(self, *, most: int = LATEST) -> tuple[Decision, ...]:
        """As `Bottle.decisions`."""
        return await asyncio.to_thread(self._bottle.decisions, most=most)

    async def log(self) -> tuple[str, ...]:
        """As `Bottle.log`."""
        return await asyncio.to_thread(self._bottle.log)

    async def wait(self, *, timeout_s: float | None = None) -> int | None:
        """As `Bottle.wait`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while is_kept(self.name):  # no thread waits, so none is left behind when this is cancelled
            if deadline is not None and time.monotonic() > deadline:
                raise TimedOut(f"The bottle {self.name} did not end within {timeout_s:g} s.")
            await asyncio.sleep(POLL_S)
        return (await self.status()).exit_code

    async def stop(self, *, grace_s: float = 5.0) -> int | None:
        """As `Bottle.stop`."""
        return await asyncio.to_thread(self._bottle.stop, grace_s=grace_s)

    async def remove(self, *, force: bool = False) -> None:
        """As `Bottle.remove`."""
        await asyncio.to_thread(self._bottle.remove, force=force)

    async def __aenter__(self) -> "AsyncBottle":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await asyncio.to_thread(self._bottle.__exit__, kind, error, trace)

    def __repr__(self) -> str:
        return f"<AsyncBottle {self.name}>"


async def start_async(
    manifest: Manifest | None = None,
    *,
    agent: str | None = None,
    args: Sequence[str] = (),
    workspace: str | Path | None = None,
    name: str | None = None,
    confirm: Confirm | None = None,
    tell: Tell | None = None,
) -> AsyncBottle:
    """As `start`. `confirm` and `tell` are called in another thread. A call that is cancelled leaves no bottle running."""
    starting = begin(wanted_from(manifest, agent, args, workspace, name), host=os.environ)
    running = asyncio.ensure_future(asyncio.to_thread(follow, starting, confirm=confirm, tell=tell))
    try:
        return AsyncBottle(await asyncio.shield(running))
    except asyncio.CancelledError:
        starting.give_up()
        await asyncio.wait({running})
        if running.exception() is None:
            await asyncio.to_thread(running.result().stop)
        raise
