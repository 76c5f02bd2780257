"""The section `git`: the repositories that a bottle reaches, and what may be pushed to them. Imports pydantic."""

import re
from typing import Annotated, get_args

from pydantic import PlainValidator, WithJsonSchema, model_validator

from bot_bottle.errors import Refused
from bot_bottle.manifest.fields import Body, Flag, HostFolder, Name, Value, one_line, one_of, text
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.remotes import parse_remote
from bot_bottle.manifest.section import Section, Some
from bot_bottle.manifest.spec import Lockfiles, OnProtected, PushForce, PushReview, Signatures


def git_url(value: Value) -> str:
    """The address of a repository, as git takes it. A password in it is refused: it would be in the plan and in the log."""
    word = one_line(value)
    try:
        remote = parse_remote(word)
    except Refused as refused:
        allowed = "https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH; a folder of yours goes into path"
        raise Wrong(refused.what, allowed=allowed, hide="@" in word) from None
    if remote.scheme == "git":
        raise Wrong("git:// is neither encrypted nor signed", allowed="https:// or ssh://")
    if remote.user and remote.scheme in {"https", "http"}:
        raise Wrong("a user in the address", allowed="the address without it, and a credential", hide=True)
    return word


def ref_glob(value: Value) -> str:
    """A glob on the full names of branches or tags: `*` within a part, `**` across."""
    word = text(value)
    if not word.startswith(("refs/heads/", "refs/tags/")):
        nearest_word = f"refs/heads/{word}" if re.fullmatch(r"[A-Za-z0-9._*/-]+", word) else ""
        raise Wrong("a ref is written in full", allowed="refs/heads/… or refs/tags/…", nearest=nearest_word)
    if not re.fullmatch(r"refs(/[A-Za-z0-9._*+@=-]{1,255})+", word) or ".." in word or word.endswith((".lock", ".")):
        raise Wrong("not a glob on refs", allowed="as refs/heads/bottle/**")
    return word


def address_glob(value: Value) -> str:
    """A glob on e-mail addresses."""
    word = one_line(value)
    if not re.fullmatch(r"[^\s<>@]+@[^\s<>@]+", word):
        raise Wrong("not a glob on e-mail addresses", allowed="as *@example.com")
    return word


def protected_path(value: Value) -> str:
    """A glob on paths in a repository, or the word default."""
    word = one_line(value)
    parts = word.removesuffix("/").split("/")
    if "\\" in word or {"", ".", ".."} & set(parts):
        raise Wrong("not a glob on paths in the repository", allowed="default, or as .github/** or **/Makefile")
    return word


GitUrl = Annotated[
    str, PlainValidator(git_url), WithJsonSchema({"type": "string", "examples": ["https://git.example.com/a/b.git"]})
]
RefGlob = Annotated[str, PlainValidator(ref_glob), WithJsonSchema({"type": "string", "pattern": "^refs/(heads|tags)/"})]
ProtectedPath = Annotated[str, PlainValidator(protected_path), WithJsonSchema({"type": "string", "examples": ["default"]})]
Force = Annotated[PushForce, PlainValidator(one_of(PushForce)), WithJsonSchema({"enum": list(get_args(PushForce))})]
Review = Annotated[PushReview, PlainValidator(one_of(PushReview)), WithJsonSchema({"enum": list(get_args(PushReview))})]


Protected = Annotated[OnProtected, PlainValidator(one_of(OnProtected)), WithJsonSchema({"enum": list(get_args(OnProtected))})]
Locks = Annotated[Lockfiles, PlainValidator(one_of(Lockfiles)), WithJsonSchema({"enum": list(get_args(Lockfiles))})]
Signed = Annotated[Signatures, PlainValidator(one_of(Signatures)), WithJsonSchema({"enum": list(get_args(Signatures))})]
Address = Annotated[str, PlainValidator(address_glob), WithJsonSchema({"type": "string", "examples": ["*@example.com"]})]


class GitPushSection(Section):
    """What may be pushed."""

    refs: Some[RefGlob] | None = None
    """Globs on the full names of branches and tags: `*` within a part, `**` across. Default: the bottle's own branches. What the
    agent pushes as NAME arrives as `bottle/SLUG/NAME` then; with `refs` it must push to one of these names itself."""
    force: Force | None = None
    """`own` (default): the agent may rewrite what it pushed itself. `never`: a branch only grows."""
    tags: Flag | None = None
    """Whether new tags may be pushed. Default: false."""
    review: Review | None = None
    """`auto` (default): what passes the checks goes on at once. `hold`: it waits until you approve it."""
    protected: Protected | None = None
    """What a change of a protected path does. `hold` (default): the push waits until you approve it. `reject`: it is refused."""
    lockfiles: Locks | None = None
    """`any` (default), or `with-manifest`: a lock file that changes without the file it is made from waits for your approval."""
    authors: Some[Address] | None = None
    """Globs on the e-mail addresses that authors, committers and taggers may have, as `*@example.com`. Default: any."""
    sign_off: Flag | None = None
    """Whether each commit must be signed off by its author. Default: false."""
    signatures: Signed | None = None
    """`any` (default), `none`: no commit or tag may be signed, or `required`: each commit must be. Whose signature it is, is not
    checked."""
    max_file: Body | None = None
    """The largest file that may be pushed, as 10MiB. Default: 50MiB."""
    max_pack: Body | None = None
    """The most that one push may bring, compressed, as 100MiB. Default: 512MiB."""


class GitUpstreamSection(Section):
    """One repository that the agent may clone, fetch from and push to, through the gate."""

    path: HostFolder | None = None
    """A repository of yours on this host; a relative path starts at this file. The agent's branches arrive in it as
    `bottle/SLUG/…`, and nothing else of it changes."""
    url: GitUrl | None = None
    """A repository on a server, over https or ssh. Inside, every spelling of it leads to the gate."""
    credential: Name | None = None
    """Which of `credentials` the gate authenticates with, for https. Over ssh it is your agent or your keys. Default: none."""
    push: GitPushSection | None = None
    """What may be pushed to it."""

    @model_validator(mode="after")
    def _one_place(self) -> "GitUpstreamSection":
        if (self.path is None) == (self.url is None):
            raise Wrong("an upstream is in one place", allowed="exactly one of path, url")
        if self.credential and (self.url is None or not self.url.startswith("https://")):
            raise Wrong("a credential goes to a server over https", allowed="a url that begins with https://", at="credential")
        if self.path is not None and self.push is not None and self.push.refs is not None:
            raise Wrong(
                "in a repository of yours the agent has bottle/SLUG/… and nothing else",
                allowed="push without refs",
                at="push",
            )
        return self


class GitSection(Section):
    """The git gate: the only way code gets in and out. What it lets out was checked commit by commit."""

    upstreams: list[GitUpstreamSection] | None = None
    """The repositories. Default: the one you stand in."""
    protected_paths: list[ProtectedPath] | None = None
    """Globs on paths that a push may not change. `default` is the built-in list: CI workflows, CODEOWNERS, agents' instructions,
    hooks and the like. Default: `[default]`."""
