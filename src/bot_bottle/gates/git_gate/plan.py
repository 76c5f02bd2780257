"""The git gate, decided: which repositories a bottle reaches, where its branches arrive, and what authenticates the gate."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.git_gate.inside import gitconfig
from bot_bottle.gates.git_gate.records import PushRules, rules_row
from bot_bottle.manifest.names import canonical_host
from bot_bottle.manifest.remotes import parse_remote
from bot_bottle.manifest.spec import BottleSpec, Credential, Git, GitPush, GitUpstream, Target, Upstream
from bot_bottle.plans.bottle import GuestFile
from bot_bottle.plans.gate import GatePlan, Line, Secret
from bot_bottle.plans.sources import described_source
from bot_bottle.record import dataclass, field

HOST_VARIABLES = ("HOME", "USER", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND")
"""What the gate's git needs of the operator's environment, to reach servers over ssh as the operator does."""


DEFAULTS = PushRules(prefixes=())
"""The bounds where the manifest says none."""


PROXY_LOGIN = "the login of the upstream proxy"
"""As the egress gate calls it, so that it is read once for both: USER:PASSWORD."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """One upstream, decided. `name` is its folder in the stage dir and, for a local one, its path at the gate.

    `own` is where the bottle's branches arrive; `refs` are the globs that a push must match, after that.
    `header` says how the credential is written into a request: a name and a format, or basic with a user.
    """

    name: str
    path: Path | None
    url: str
    own: str
    maps: bool
    push: GitPush
    credential: Secret | None = None
    header: tuple[str, str, str] = ("", "", "")

    @property
    def shown(self) -> str:
        """The place in a user's words."""
        return str(self.path) if self.path is not None else self.url


@dataclass(frozen=True, kw_only=True, slots=True)
class GitGatePlan(GatePlan):
    """Everything the gate needs but the credentials' values."""

    git: str
    folder: Path
    repositories: tuple[Repository, ...]
    protected_paths: tuple[str, ...] = ("default",)
    upstream: Upstream = field(default_factory=Upstream)
    roots: Path | None = None
    host: tuple[tuple[str, str], ...] = ()
    bwrap: str = ""
    gate: str = "git-gate"

    def describe(self) -> tuple[Line, ...]:
        """Each repository, where pushes go, and who reviews them."""
        lines = []
        for one in self.repositories:
            lines.append(Line(label="git", text=f"reads {one.shown}; {_pushes(one)}"))
            if one.credential is not None:
                source = described_source(one.credential.source)
                lines.append(Line(label="git", text=f"authenticates with {one.credential.name} ({source}), on the host only"))
            elif one.url and not one.url.startswith("http"):
                lines.append(Line(label="git", text="authenticates with your ssh agent or keys, on the host only"))
        return tuple(lines)

    def config(self) -> dict[str, Any]:  # Any: JSON
        """For the bundle."""
        return {
            "git": self.git,
            "folder": str(self.folder),
            "repositories": [_row(one, self.protected_paths) for one in self.repositories],
            "protected_paths": list(self.protected_paths),
            "proxy": self.upstream.proxy,
            "no_proxy": list(self.upstream.no_proxy),
            "pins": [f"{one.host}:{one.port}:{one.address}" for one in self.upstream.connect if one.port == one.to_port],
            "roots": None if self.roots is None else str(self.roots),
            "host": dict(self.host),
            "bwrap": self.bwrap,
        }

    def files(self) -> tuple[GuestFile, ...]:
        """What the bottle's own git is told."""
        urls = [one.url for one in self.repositories if one.url]
        return (GuestFile(path=".config/git/config", content=gitconfig(urls), mode=0o644),)

    def secrets(self) -> tuple[Secret, ...]:
        """The credentials of the upstreams, and what opens the proxy."""
        found = {one.credential.name: one.credential for one in self.repositories if one.credential is not None}
        login = self.upstream.proxy_login
        return (*found.values(), *([Secret(name=PROXY_LOGIN, source=login)] if login is not None else []))


def _pushes(one: Repository) -> str:
    where = " ".join(one.push.refs) if one.push.refs else f"{one.own.removeprefix('refs/heads/')}…"
    also = " and new tags" if one.push.tags else ""
    review = "after you approve" if one.push.review == "hold" else "after its checks"
    return f"pushes arrive as {where}{also} {review}"


def _row(one: Repository, protected: tuple[str, ...]) -> dict[str, Any]:  # Any: JSON
    rules = PushRules(
        prefixes=one.push.refs or (f"{one.own}**",),
        own=(f"{one.own}**",),
        force=one.push.force,
        tags=one.push.tags,
        review=one.push.review,
        protected=protected,
        on_protected=one.push.protected,
        lockfiles=one.push.lockfiles,
        authors=one.push.authors,
        sign_off=one.push.sign_off,
        signatures=one.push.signatures,
        max_blob=DEFAULTS.max_blob if one.push.max_file is None else one.push.max_file,
        max_pack=DEFAULTS.max_pack if one.push.max_pack is None else one.push.max_pack,
    )
    return {
        "name": one.name,
        "path": None if one.path is None else str(one.path),
        "url": one.url,
        "own": one.own,
        "maps": one.maps,
        "rules": rules_row(rules),
        "credential": None if one.credential is None else one.credential.name,
        "header": list(one.header),
    }


def is_repository(folder: Path) -> bool:
    """Whether the folder is the top of a git repository, by a look at its files; no program runs."""
    mark = folder / ".git"
    return (mark / "HEAD").is_file() or (mark.is_file() and not mark.is_symlink())


def can_clone(spec: BottleSpec) -> bool:
    """Whether the workspace is a repository with a commit that the gate may serve, and git is here; a look at files only."""
    folder = spec.workspace.path / ".git"
    if not is_repository(spec.workspace.path) or shutil.which("git") is None:
        return False
    shared = [mount.host_path for mount in spec.mounts if mount.writable]
    if any(spec.workspace.path.is_relative_to(one) or one.is_relative_to(spec.workspace.path) for one in shared):
        return False
    heads = folder / "refs/heads"
    return folder.is_file() or (folder / "packed-refs").is_file() or (heads.is_dir() and any(heads.iterdir()))


def wanted(spec: BottleSpec) -> Git | None:
    """The git section, with the repository that the operator stands in where none is named."""
    asked = spec.git
    here = GitUpstream(where="the workspace", path=spec.workspace.path)
    if asked is None:
        return Git(upstreams=(here,)) if spec.workspace.mode == "clone" else None
    local = any(one.path == spec.workspace.path for one in asked.upstreams)
    if not local and (not asked.upstreams or spec.workspace.mode == "clone") and is_repository(spec.workspace.path):
        return Git(upstreams=(here, *asked.upstreams), protected_paths=asked.protected_paths)
    return asked


def plan_git(
    spec: BottleSpec, host: Mapping[str, str], *, slug: str, stage_dir: Path, roots: Path | None = None
) -> GitGatePlan | None:
    """The gate's plan from a complete spec, or None where nobody asks for it. CannotRunHere when it cannot be safe."""
    asked = wanted(spec)
    if asked is None or not asked.upstreams:
        return None
    git = shutil.which("git", path=host.get("PATH"))
    if git is None:
        raise CannotRunHere("The git gate needs git.", next="Install git, or leave the section git out of the manifest.")
    for one in asked.upstreams:
        check_place(one, spec)
    credentials = {credential.name: credential for credential in spec.credentials}
    taken: set[str] = set()
    return GitGatePlan(
        git=git,
        folder=stage_dir / "git",
        repositories=tuple(_repository(one, slug, credentials, taken) for one in asked.upstreams),
        protected_paths=asked.protected_paths,
        upstream=spec.egress.upstream,
        roots=roots,
        host=tuple((name, host[name]) for name in HOST_VARIABLES if host.get(name)),
        bwrap=shutil.which("bwrap", path=host.get("PATH")) or "",
    )


def check_place(one: GitUpstream, spec: BottleSpec) -> None:
    """No git command of ours may run in a tree that the bottle can write."""
    if one.path is None:
        return
    if not (is_repository(one.path) or (one.path / "objects").is_dir()):
        raise CannotRunHere(
            "The upstream is not a git repository.", facts=(str(one.path),), next="Name a repository, or run `git init` there."
        )
    shared = [spec.workspace.path] if spec.workspace.mode == "bind" else []
    shared += [mount.host_path for mount in spec.mounts if mount.writable]
    for folder in shared:
        if one.path.is_relative_to(folder) or folder.is_relative_to(one.path):
            raise CannotRunHere(
                "The bottle could change this repository beside the gate, so the gate must not run git in it.",
                facts=(f"{one.path} is an upstream, and the bottle may write to {folder}.",),
                next="Use --mode clone or copy, or leave the upstream out.",
            )


def _repository(one: GitUpstream, slug: str, credentials: Mapping[str, Credential], taken: set[str]) -> Repository:
    base = one.path.name if one.path is not None else parse_remote(one.url).path.rpartition("/")[2]
    stem = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in base)
    stem = stem.removesuffix(".git").strip(".-") or "repository"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    credential = credentials.get(one.credential) if one.credential else None
    return Repository(
        name=name,
        path=one.path,
        url=one.url,
        own=f"refs/heads/bottle/{slug}/",
        maps=not one.push.refs,
        push=one.push,
        credential=Secret(name=credential.name, source=credential.source) if credential else None,
        header=_header(credential, one.url) if credential else ("", "", ""),
    )


def _header(credential: Credential, url: str) -> tuple[str, str, str]:
    """How the credential authenticates: as its target for this host says, else basic, which every git server takes (RFC 7617)."""
    host = parse_remote(url).host
    for target in credential.to:
        if _is_host(target, host) and target.slot in {"header", "basic"}:
            return (target.slot, target.name, target.format)
    return ("basic", "x-access-token", "{value}")


def _is_host(target: Target, host: str) -> bool:
    return "*" not in target.host and canonical_host(target.host) == host
