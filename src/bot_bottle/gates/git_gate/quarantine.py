"""The objects of one push, apart from the mirror until the upstream has taken them.

The pack comes from the bottle: `index-pack --strict` checks every object (fsck) before anybody reads one.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot_bottle.gates.git_gate.children import running
from bot_bottle.gates.git_gate.http import Body
from bot_bottle.gates.git_gate.mirror import Mirror
from bot_bottle.gates.git_gate.records import MIB, GitRunner, Sees
from bot_bottle.gates.git_gate.runner import Git
from bot_bottle.host.run import Finished, Process

INDEX_TIMEOUT_S = 1800.0


class Quarantine(GitRunner):
    """One push's objects, and git with them in view."""

    def __init__(self, mirror: Mirror) -> None:
        folder = mirror.path / "incoming"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.quarantine: Path = Path(tempfile.mkdtemp(dir=folder))
        (self.quarantine / "pack").mkdir()
        self._mirror = mirror
        self._alone = mirror.git.with_env(GIT_OBJECT_DIRECTORY=str(self.quarantine), GIT_QUARANTINE_PATH=str(self.quarantine))
        self.git = self._alone.with_env(GIT_ALTERNATE_OBJECT_DIRECTORIES=str(mirror.path / "objects"))

    def seen_by(self, git: Git) -> Git:
        """Another git with these objects in view, which may update refs elsewhere."""
        return git.with_env(
            GIT_OBJECT_DIRECTORY=str(self.quarantine), GIT_ALTERNATE_OBJECT_DIRECTORIES=str(self._mirror.path / "objects")
        )

    async def take(self, body: Body, *, largest: int) -> str:
        """Read a pack from the request into it. Empty when all is well, else why the pack is not taken, whole lines."""
        words = ("index-pack", "--stdin", "--fix-thin", "--strict", f"--max-input-size={largest}")
        git = self.git.sealed(read=(self._mirror.path,), write=(self.quarantine,))
        async with running(git, *words, at=self._mirror.path) as child:
            try:
                while part := await body.some():
                    child.stdin.write(part)
                    await child.stdin.drain()
            except (BrokenPipeError, ConnectionResetError):
                await body.drain()
            child.stdin.close()
            while await child.stdout.read(1 << 16):
                pass
            if await child.ended() == 0:
                return ""
            return await child.last_words() or "the pack was not taken"

    def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes = b"",
        output_limit: int = 64 * MIB,
        timeout_s: float = 60.0,
        sees: Sees = "both",
    ) -> Finished:
        """As the contract says."""
        git = self._seeing(sees)
        return git.run(*words, at=self._mirror.path, stdin=stdin, timeout_s=timeout_s, output_limit=output_limit)

    def open(self, words: Sequence[str], *, stdin: int, stdout: int, sees: Sees = "both") -> Process:
        """As the contract says."""
        git = self._seeing(sees)
        return git.start(*words, at=self._mirror.path, stdin=stdin, stdout=stdout, largest_file=MIB)  # it only reads

    def _seeing(self, sees: Sees) -> Git:
        git = {"both": self.git, "quarantine": self._alone, "mirror": self._mirror.git}[sees]
        return git.sealed(read=(self._mirror.path,))

    def migrate(self) -> None:
        """Move the objects into the mirror: packs before their indexes, which make git see them."""
        order = {".pack": 0, ".rev": 1, ".idx": 2}
        files = [path for path in (self.quarantine / "pack").iterdir() if path.suffix in order]
        target = self._mirror.path / "objects" / "pack"
        target.mkdir(exist_ok=True)
        for path in sorted(files, key=lambda one: order[one.suffix]):
            os.replace(path, target / path.name)

    def drop(self) -> None:
        """Forget what is left of it."""
        shutil.rmtree(self.quarantine, ignore_errors=True)
