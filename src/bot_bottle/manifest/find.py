"""Finds the operator's policy and a repository's manifest, and reads each once, bounded, as bytes.

A repository's content is hostile: nothing in it is followed, opened twice, or waited for.
"""

import errno
import os
import stat
from pathlib import Path

from bot_bottle.errors import BadManifest
from bot_bottle.host.paths import config_dir
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

MANIFEST_NAME = "bottle.yaml"
POLICY_NAME = "policy.yaml"
SIZE_LIMIT = 1024 * 1024
"""Bytes of a manifest. Hand-written ones have a few thousand."""

_NEAR_NAMES = ("bottle.yml", "Bottle.yaml", "bottle.yaml.yaml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One file's content, read once. `label` is how errors name it; `remarks` say what is odd about the file itself."""

    path: Path
    label: str
    content: bytes
    remarks: tuple[str, ...] = ()


def find_policy() -> Source | None:
    """The operator's policy, or None when there is none. BadManifest when somebody else could have written it."""
    path = config_dir() / POLICY_NAME
    try:
        content, status = read_once(path, follow=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        raise BadManifest(
            "The operator's policy can be written by others, so it cannot be relied on.",
            facts=(f"{path} has mode {stat.S_IMODE(status.st_mode):04o} and belongs to user {status.st_uid}.",),
            next=f"Make it yours alone: chmod 600 {path}",
        )
    return Source(path=path, label=POLICY_NAME, content=content)


def find_manifest(workspace: Path, *, home: Path) -> Path | None:
    """The manifest of this folder or of a folder above it, up to the top of its git repository and never at or above `home`.

    A folder of that name is none: a running bottle that shares the workspace may hold the place with one.
    """
    for folder in _folders(workspace, home=home):
        path = folder / MANIFEST_NAME
        if os.path.lexists(path) and not _is_folder(path):
            return path
        for name in _NEAR_NAMES:
            if os.path.lexists(folder / name):
                raise BadManifest(
                    f"{name} is not the name of a manifest.",
                    facts=(plain(str(folder / name)),),
                    next=f"Rename it to {MANIFEST_NAME}.",
                )
    return None


def repository_top(folder: Path, *, home: Path) -> Path:
    """The top of the git repository that this folder lies in, or the folder itself."""
    return _folders(folder, home=home)[-1]


def read_found(path: Path) -> Source:
    """A manifest that lies in a repository. Links, devices and pipes are refused."""
    try:
        content, status = read_once(path, follow=False)
    except OSError as error:
        raise _unreadable(path, error) from error
    return Source(path=path, label=_label(path), content=content, remarks=_remarks(status))


def read_named(path: Path) -> Source:
    """A manifest that the operator named."""
    try:
        content, _ = read_once(path, follow=True)
    except OSError as error:
        raise _unreadable(path, error) from error
    return Source(path=path, label=_label(path), content=content)


def read_once(path: Path, *, follow: bool) -> tuple[bytes, os.stat_result]:
    """Content and status of one regular file, through one descriptor, so that what is checked is what is read."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise OSError(errno.EFBIG, f"it is larger than {SIZE_LIMIT // 1024} KiB")
    return content, status


def _folders(workspace: Path, *, home: Path) -> list[Path]:
    """The workspace, and the folders above it when it lies in a git repository: up to that repository's top."""
    climbed: list[Path] = []
    for folder in (workspace, *workspace.parents):
        if climbed and folder in (home, Path(folder.anchor)):
            break
        climbed.append(folder)
        if os.path.lexists(folder / ".git"):
            return climbed
        if folder == home:
            break
    return climbed[:1]


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _label(path: Path) -> str:
    """Short when it lies below the current folder, whole otherwise; fit to be shown."""
    try:
        return plain(str(path.relative_to(Path.cwd())))
    except (ValueError, OSError):
        return plain(str(path))


def _remarks(status: os.stat_result) -> tuple[str, ...]:
    remarks = []
    if status.st_uid != os.geteuid():
        remarks.append(f"it belongs to user {status.st_uid}, not to you")
    if status.st_mode & stat.S_IWOTH:
        remarks.append("every user of this machine can change it")
    return tuple(remarks)


def _unreadable(path: Path, error: OSError) -> BadManifest:
    import shlex

    shown = plain(str(path))
    if error.errno == errno.ELOOP:
        return BadManifest(
            "A manifest found in a repository must be a file, not a symbolic link.",
            facts=(shown,),
            next=f"If you mean what it points to, name it: bot-bottle run -f {shlex.quote(shown)}",
        )
    return BadManifest(f"{shown} cannot be read.", facts=(error.strerror or str(error),))
