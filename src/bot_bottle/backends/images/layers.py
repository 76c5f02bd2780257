"""Lays the layers of an image over each other into a folder, as the OCI image specification says (1.1, layer.md).

An image is hostile: whoever made it chose every name, link and size. What holds here: nothing outside the folder is read,
written, linked or removed, whatever links the image itself made before; no device, pipe or socket is made, nothing is setuid;
bytes, entries and depth are bounded, and so is the work for each entry. The folder must be one that nobody else writes to.

Everything belongs to who unpacks it, and its owner may read all of it: what runs in a bottle is one user's.
"""

import os
import shutil
import stat
from pathlib import Path

from bot_bottle.backends.images.tar import Entry, TarReader, refused
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
DEPTH_LIMIT = 256
"""Folders in folders. The deepest that package managers make have some 60."""

LINK_LIMIT = 40
"""Symbolic links followed on one way, as in Linux (path_resolution(7))."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The most that one image may hold. Large images have a tenth of it: 4 GiB, 200,000 entries."""

    content: int = 64 * 1024**3
    entries: int = 2_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What came of it: entries and bytes laid down, and what was left out (devices, pipes)."""

    entries: int
    content: int
    left_out: int


class Tree:
    """The folder that the layers grow in. `layer` after `layer`; then `counted`."""

    def __init__(self, root: Path, limits: Limits | None = None) -> None:
        self._root = str(root)
        self._limits = limits or Limits()
        self._folders = {""}  # paths below the root that are known to be folders, and no links on the way
        self._own: set[str] = set()  # what the current layer has laid down: its own whiteouts do not touch that,
        self._above_own: set[str] = set()  # nor the folders above it
        self._entries = self._content = self._left_out = 0

    @property
    def counted(self) -> Counted:
        """So far."""
        return Counted(entries=self._entries, content=self._content, left_out=self._left_out)

    def layer(self, reader: TarReader) -> None:
        """Lay one layer over what is there. BadArchive when it breaks a rule; OSError when the disk does not hold it."""
        self._own, self._above_own = set(), set()
        for entry in reader:
            self._entries += 1
            self._content += entry.size
            if self._entries > self._limits.entries:
                raise refused(f"it has more than {self._limits.entries} entries")
            if self._content > self._limits.content:
                raise refused(f"it holds more than {self._limits.content} bytes")
            self._lay(entry, reader)

    def _lay(self, entry: Entry, reader: TarReader) -> None:
        parts = names(entry)
        if not parts:
            if entry.kind != "folder":
                raise refused(f"its root is a {entry.kind}")
            return
        *above, name = parts
        if any(part.startswith(WHITEOUT) for part in above):
            raise refused(f"a whiteout is a folder: {entry.shown}")
        folder = self._folder(above, entry)
        if name.startswith(WHITEOUT):
            self._white_out(folder, name, entry)
            return
        path = f"{folder}/{name}" if folder else name
        self._claim(path)
        match entry.kind:
            case "folder":
                self._make_folder(path, entry.mode)
            case "file":
                self._make_file(path, entry, reader)
            case "symlink":
                self._clear(path)
                os.symlink(entry.target, self._at(path))
            case "hardlink":
                self._link(path, entry)
            case "device" | "pipe":
                self._clear(path)
                self._left_out += 1

    def _claim(self, path: str) -> None:
        self._own.add(path)
        above = path.rpartition("/")[0]
        while above and above not in self._above_own:
            self._above_own.add(above)
            above = above.rpartition("/")[0]

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _folder(self, parts: list[str], entry: Entry) -> str:
        """The folder these names lead to, links followed within the root (which is `/` to them); made where it is missing."""
        done, left, followed = "", list(reversed(parts)), 0
        while left:
            part = left.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            path = f"{done}/{part}" if done else part
            if path.count("/") > DEPTH_LIMIT:
                raise refused(f"its folders are nested more than {DEPTH_LIMIT} deep")
            if path in self._folders:
                done = path
                continue
            kind = self._kind(path)
            if kind == stat.S_IFLNK:
                followed += 1
                if followed > LINK_LIMIT:
                    raise refused(f"links lead in a circle: {entry.shown}")
                target = os.readlink(self._at(path))
                done = "" if target.startswith("/") else done
                left += reversed(target.split("/"))
            elif kind in (0, stat.S_IFDIR):
                if not kind:
                    os.mkdir(self._at(path), 0o755)
                self._folders.add(path)
                done = path
            else:
                raise refused(f"something lies below what is a file: {entry.shown}")
        return done

    def _kind(self, path: str) -> int:
        """The type of what is at this path, a link not followed; 0 for nothing."""
        try:
            return stat.S_IFMT(os.lstat(self._at(path)).st_mode)
        except FileNotFoundError:
            return 0

    def _make_folder(self, path: str, mode: int) -> None:
        if self._kind(path) != stat.S_IFDIR:
            self._clear(path)
            os.mkdir(self._at(path), 0o700)
        os.chmod(self._at(path), (mode & 0o777) | 0o700)
        self._folders.add(path)

    def _make_file(self, path: str, entry: Entry, reader: TarReader) -> None:
        self._clear(path)
        mode = (entry.mode & 0o777) | 0o400
        descriptor = os.open(self._at(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            while piece := reader.read():
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
            os.fchmod(descriptor, mode)
            os.utime(descriptor, (entry.mtime, entry.mtime))
        finally:
            os.close(descriptor)

    def _link(self, path: str, entry: Entry) -> None:
        *above, name = names(entry, of=entry.target) or [""]
        folder = self._folder(above, entry)
        target = f"{folder}/{name}" if folder else name
        if not name or self._kind(target) not in (stat.S_IFREG, stat.S_IFLNK):
            raise refused(f"it links {entry.shown} to what is no file of it: {plain(entry.target, limit=200)}")
        if target == path:
            raise refused(f"it links {entry.shown} to itself")
        self._clear(path)
        os.link(self._at(target), self._at(path), follow_symlinks=False)

    def _white_out(self, folder: str, name: str, entry: Entry) -> None:
        """Remove what lower layers have at this name, or, for the opaque mark, in this folder."""
        if name == OPAQUE:
            self._empty(folder)
            return
        hidden = name.removeprefix(WHITEOUT)
        if hidden.startswith(WHITEOUT):
            return  # marks that AUFS made for itself
        if hidden in ("", ".", ".."):
            raise refused(f"a whiteout names no file: {entry.shown}")
        path = f"{folder}/{hidden}" if folder else hidden
        if path not in self._own and path not in self._above_own:
            self._clear(path)
        elif self._kind(path) == stat.S_IFDIR:
            self._empty(path)

    def _empty(self, folder: str) -> None:
        """Remove what the current layer did not lay down."""
        for name in os.listdir(self._at(folder) if folder else self._root):
            path = f"{folder}/{name}" if folder else name
            if self._kind(path) == stat.S_IFDIR and (path in self._own or path in self._above_own):
                self._empty(path)
            elif path not in self._own:
                self._clear(path)

    def _clear(self, path: str) -> None:
        """Remove what is at this path, and all below it; a link itself, never what it points to."""
        kind = self._kind(path)
        if kind == stat.S_IFDIR:
            shutil.rmtree(self._at(path))
            self._folders = {""}
        elif kind:
            os.unlink(self._at(path))


def names(entry: Entry, *, of: str | None = None) -> list[str]:
    """The parts of an entry's name (or of its target) from the root. A leading `/` is the image's root; `..` is refused."""
    parts = [part for part in (entry.name if of is None else of).split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refused(f"a name leads upwards: {entry.shown}")
    return parts
