"""A git child as the event loop sees it: streams, an end that can be awaited, and a kill that reaches all it started."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

from bot_bottle.errors import BottleError
from bot_bottle.gates.git_gate.runner import PACK_LIMIT, Git
from bot_bottle.host.plain import plain
from bot_bottle.host.run import Process
from bot_bottle.record import dataclass

STREAM_LIMIT = 1 << 18
WORDS_LIMIT = 64 * 1024
"""Bytes of a child's last words that are kept."""


class Child:
    """One running git. Its owner awaits `ended`; leaving `running` kills whatever is left of it."""

    def __init__(
        self, process: Process, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader, words: "asyncio.Task[bytes]"
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self._process = process
        self._words = words

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        while (code := self._process.poll()) is None:
            await _readable(self._process.pid)
        return code

    async def last_words(self) -> str:
        """What it wrote to its standard error, made plain."""
        return plain((await self._words).decode("utf-8", "replace"), keep_newlines=True).strip()

    def kill(self) -> None:
        """End it and all that it started."""
        self._process.kill_group()


@asynccontextmanager
async def running(git: Git, *words: str, at: Path | None = None, largest_file: int = PACK_LIMIT) -> AsyncIterator[Child]:
    """Start git with pipes on all three streams; nothing of it is left afterwards."""
    ours_in, ours_out, ours_err = os.pipe(), os.pipe(), os.pipe()
    try:
        process = git.start(*words, at=at, stdin=ours_in[0], stdout=ours_out[1], stderr=ours_err[1], largest_file=largest_file)
    except BottleError:
        for end in (ours_in[1], ours_out[0], ours_err[0]):
            os.close(end)
        raise
    finally:
        for end in (ours_in[0], ours_out[1], ours_err[1]):
            os.close(end)
    stdin = await _writer(ours_in[1])
    stdout, close_out = await _reader(ours_out[0])
    stderr, close_err = await _reader(ours_err[0])
    words_task = asyncio.create_task(_read_bounded(stderr))
    child = Child(process, stdin, stdout, words_task)
    try:
        yield child
    finally:
        child.kill()
        stdin.close()
        words_task.cancel()
        close_out.close()
        close_err.close()
        await child.ended()


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """How a git command ended."""

    code: int
    stdout: bytes
    words: str


async def complete(
    git: Git, *words: str, at: Path | None = None, stdin: bytes = b"", timeout_s: float, largest_file: int = PACK_LIMIT
) -> Done:
    """Run git to its end without holding up anything else. BottleError when it takes too long or prints too much."""
    async with running(git, *words, at=at, largest_file=largest_file) as child:
        try:
            async with asyncio.timeout(timeout_s):
                feeding = asyncio.create_task(feed(child, stdin))
                stdout = await _read_bounded(child.stdout, limit=64 * 1024 * 1024)
                await feeding
                return Done(code=await child.ended(), stdout=stdout, words=await child.last_words())
        except TimeoutError:
            raise BottleError(f"git {words[0]} took longer than {timeout_s:g} s and was ended.") from None


async def feed(child: Child, content: bytes) -> None:
    """Write all of it and close; a child that has enough is no error: its exit code tells."""
    try:
        if content:
            child.stdin.write(content)
            await child.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        child.stdin.close()


async def _read_bounded(stream: asyncio.StreamReader, *, limit: int = WORDS_LIMIT) -> bytes:
    """Everything until the end, the first `limit` bytes of it kept, so that nobody waits for us."""
    kept = bytearray()
    while part := await stream.read(1 << 16):
        kept += part[: limit - len(kept)]
    return bytes(kept)


async def _reader(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader(limit=STREAM_LIMIT)
    file = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), file)
    return stream, transport


async def _writer(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    file = os.fdopen(descriptor, "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, file)
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _readable(process: int) -> Awaitable[None]:
    """A future that is done once the process may have ended."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    watch = os.pidfd_open(process)

    def note() -> None:
        if not future.done():
            future.set_result(None)

    def close(_: object) -> None:
        loop.remove_reader(watch)
        os.close(watch)

    loop.add_reader(watch, note)
    future.add_done_callback(close)
    return future
