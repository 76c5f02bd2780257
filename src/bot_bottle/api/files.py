"""The files of a bottle's workspace, from outside."""

from bot_bottle.bottles import files, results
from bot_bottle.bottles.land import Landing
from bot_bottle.bottles.workspace import Change


class Files:
    """The workspace as the bottle sees it: its copy or clone, or with mode bind the folder itself.

    Paths are relative to the workspace. Nothing is read or written through a link, because the agent may have put one there.
    """

    def __init__(self, slug: str) -> None:
        self._slug = slug

    def read(self, path: str) -> bytes:
        """The content of a file, 64 MiB at most. BottleError when it is none."""
        return files.read(self._slug, path)

    def write(self, path: str, content: bytes | str, *, executable: bool = False) -> None:
        """Write a file, all of it or nothing, and make the folders on its way. Text becomes UTF-8."""
        files.write(self._slug, path, content.encode() if isinstance(content, str) else content, executable=executable)

    def changed(self) -> tuple[Change, ...]:
        """The files that the bottle added, changed or removed. From a clone: those that it did not push."""
        return results.changed(self._slug)

    def diff(self) -> str:
        """A unified diff between the operator's folder and this one, without control characters."""
        return "".join(f"{line}\n" for line in results.diff(self._slug))

    def land(self, *paths: str) -> Landing:
        """Take these changes into the operator's folder, or all that is safe to take; the answer lists what was left out.

        Nothing is taken, and BottleError raised, when the operator changed one of the files since the start.
        """
        return results.land(self._slug, named=paths).files
