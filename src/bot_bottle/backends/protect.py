"""What of a shared workspace the agent must not change, because the host would run it: git's hooks and settings, the settings
of editors and agents that name commands, and the manifest. Only for mode `bind`; a copy is looked at before it comes back.

The agent owns the tree and the host works in it at the same time. So each protected thing is covered by a mount, each folder
on the way to it is one too (a mount point cannot be renamed away), what is missing is held by a placeholder, and a link on the
way is refused. What this cannot stop is said in the preflight: a new repository further down, with hooks of its own.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from bot_bottle.backends.mounts import Bind, Mounted, Placeholder
from bot_bottle.backends.placeholders import of_others
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.paths import cache_dir, config_dir, state_dir
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass, replace

Kind = Literal["missing", "file", "folder", "link", "other"]

GIT_FOLDERS = (".git/hooks", ".git/modules", ".git/worktrees")
GIT_FILES = (".git/config", ".git/config.worktree")
COMMON_DIR = ".git/commondir"
"""git(1) reads settings and hooks from the folder named here, if the file is there (gitrepository-layout(5))."""

SETTINGS_FOLDERS = (
    ".claude",
    ".codex",
    ".gemini",
    ".cursor",
    ".opencode",
    ".qwen",
    ".amp",
    ".vscode",
    ".idea",
    ".zed",
    ".devcontainer",
)
SETTINGS_FILES = (".mcp.json", "opencode.json", "opencode.jsonc", ".envrc", ".mise.toml", "mise.toml", "bottle.yaml")
"""Read by programs on the host that run what they name, often without a question once the folder is trusted."""

ONLY_IF_THERE = (
    ".husky",
    ".githooks",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    "lefthook.yaml",
    ".overcommit.yml",
    ".lefthook.yml",
    ".aider.conf.yml",
    ".github/hooks",
)
"""Run by git hooks that are already installed, or by agents that take a placeholder for broken settings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """Mounts in order, and what must stand in the workspace for them."""

    mounts: tuple[Mounted, ...]
    placeholders: tuple[Placeholder, ...]


def kind_of(path: Path) -> Kind:
    """What is there, without following a link."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def wanted(git: Kind, config: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths below the workspace to hold even if missing, and those to hold only if there. Pure."""
    always = (*SETTINGS_FOLDERS, *SETTINGS_FILES)
    if git == "folder":
        return (*GIT_FILES, *GIT_FOLDERS, COMMON_DIR, *always), (*ONLY_IF_THERE, *named_by_config(config))
    return (".git", *always), ONLY_IF_THERE


def named_by_config(config: str) -> tuple[str, ...]:
    """Paths inside the workspace that a git config names as hooks folder or as more config (git-config(1)). Pure."""
    found = []
    section = ""
    for line in config.splitlines():
        header = re.match(r"\s*\[\s*([A-Za-z0-9.-]+)", line)
        section = header[1].lower() if header else section
        value = re.match(r'\s*(?:\[[^]]*\]\s*)?(\w+)\s*=\s*"?([^"#;]+)', line)
        if value and (section, value[1].lower()) in {("core", "hookspath"), ("include", "path"), ("includeif", "path")}:
            base = "" if section == "core" else ".git"
            found += inside(base, value[2].strip())
    return tuple(found)


def inside(base: str, path: str) -> list[str]:
    """The path relative to the workspace when it stays inside and is none of git's own, which are held anyway."""
    parts: list[str] = []
    for part in PurePosixPath(base, path).parts:
        if part == "..":
            if not parts:
                return []
            parts.pop()
        else:
            parts.append(part)
    return [] if not parts or parts[0] in ("/", ".git", "~") else ["/".join(parts)]


def protect(
    kinds: Mapping[str, Kind],
    always: tuple[str, ...],
    if_there: tuple[str, ...],
    *,
    at: Path,
    guest: str,
    held_files: Mapping[str, str] | None = None,
) -> Protection:
    """The mounts and placeholders for a workspace in which these things are there. `kinds` knows every path asked for. Pure."""
    held = [path for path in (*always, *if_there) if path in always or kinds[path] != "missing"]
    pinned = sorted({str(parent) for path in held for parent in PurePosixPath(path).parents if str(parent) != "."})
    links = [path for path in (*pinned, *held) if kinds[path] in ("link", "other")]
    if links:
        raise CannotRunHere(
            "Something in this workspace cannot be protected from the agent.",
            facts=tuple(f"{path} is {'a symbolic link' if kinds[path] == 'link' else 'no ordinary file'}." for path in links),
            next="Use --mode copy, which does not share the folder, or put an ordinary file or folder there.",
        )
    placeholders = tuple(placeholder(at, path, held_files or {}) for path in held if kinds[path] == "missing")
    mounts = [Bind(host_path=at / path, guest_path=f"{guest}/{path}", writable=True) for path in pinned]
    mounts += [Bind(host_path=at / path, guest_path=f"{guest}/{path}") for path in held]
    return Protection(mounts=tuple(mounts), placeholders=placeholders)


def placeholder(at: Path, path: str, held_files: Mapping[str, str]) -> Placeholder:
    """An empty folder, which git does not see; inside `.git` what git reads there without a word; or what the agent needs."""
    content = {COMMON_DIR: ".\n", **dict.fromkeys(GIT_FILES, ""), **held_files}.get(path)
    return Placeholder(host_path=at / path, content=content)


def protect_workspace(
    at: Path,
    guest: str,
    *,
    also: tuple[Path, ...] = (),
    placed: frozenset[str] = frozenset(),
    held_files: Mapping[str, str] | None = None,
) -> Protection:
    """Look at the workspace, then decide. `also` are the files that this bottle was decided from, wherever they lie.

    What is only there because another bottle `placed` it counts as missing.
    """
    git = kind_of(at / ".git")
    config = at / ".git" / "config"
    text = config.read_text(errors="surrogateescape") if git == "folder" and kind_of(config) == "file" else ""
    always, if_there = wanted(git, text)
    own = (str(path.relative_to(at)) for path in also if path.is_relative_to(at))
    if_there = tuple(dict.fromkeys((*if_there, *(path for path in own if path not in always))))
    every = {*always, *if_there}
    every |= {str(parent) for path in every for parent in PurePosixPath(path).parents if str(parent) != "."}
    kinds: dict[str, Kind] = {path: "missing" if str(at / path) in placed else kind_of(at / path) for path in every}
    return protect(kinds, always, if_there, at=at, guest=guest, held_files=held_files)


ENGINE_SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/buildkit/buildkitd.sock",
)
"""Who can speak to one of these is root on this machine."""


def check_sources(shared: BottlePlan, *, engines: tuple[str, ...] = ()) -> None:
    """CannotRunHere when a shared folder would show the bottle our own state, or a container engine (`engines`: more sockets)."""
    own = [folder.resolve() for folder in (state_dir(), config_dir(), cache_dir())]
    binds = [mount.host_path for mount in shared.spec.mounts]
    if shared.spec.workspace.mode == "bind":
        binds.append(shared.workspace_dir)
    sockets = [Path(name).resolve() for name in (*ENGINE_SOCKETS, *engines)]
    for bind in binds:
        place = bind.resolve()
        if any(one.is_relative_to(place) for one in sockets):
            raise CannotRunHere(
                "A container engine's socket cannot be given to a bottle: who speaks to it is root on this machine.",
                facts=(f"{bind} is, or holds, such a socket",),
                next="Leave it out. For containers inside a bottle, use --backend smolmachines: it has a kernel of its own.",
            )
        shown = [folder for folder in own if folder.is_relative_to(place) or place.is_relative_to(folder)]
        if shown:
            raise CannotRunHere(
                "This folder cannot be given to a bottle: bot-bottle's own state would come with it.",
                facts=(f"{bind} holds, or lies in, {shown[0]}",),
                next="Name a folder deeper down, or use --mode copy.",
            )


def described_protection(shared: BottlePlan) -> tuple[Line, ...]:
    """What the preflight says of it: nothing where the workspace is not shared."""
    if shared.spec.workspace.mode != "bind":
        return ()
    text = "git's hooks and settings, editors' and agents' settings and the manifest cannot be changed inside"
    why = "a new repository in a folder further down can still carry hooks: run no git there, or use --mode copy"
    return (Line(label="shared", text=text, why=why),)


def workspace_mounts(shared: BottlePlan) -> Protection:
    """The workspace, and over it what of a shared one the bottle must not change."""
    bound = Bind(host_path=shared.workspace_dir, guest_path=shared.guest_workspace, writable=True)
    if shared.spec.workspace.mode != "bind":
        return Protection(mounts=(bound,), placeholders=())
    placed, also = of_others(shared.stage_dir), shared.spec.read_from
    files = dict(shared.agent_provision.held_files)
    found = protect_workspace(shared.workspace_dir, shared.guest_workspace, also=also, placed=placed, held_files=files)
    return replace(found, mounts=(bound, *found.mounts))
