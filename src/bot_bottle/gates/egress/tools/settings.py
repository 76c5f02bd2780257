"""What a package tool's settings come to: the registries it uses, and what opens them. `read` functions are pure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bot_bottle.errors import BottleError
from bot_bottle.host.run import Command, CouldNotRun, Run, plain_env
from bot_bottle.manifest.names import canonical_host
from bot_bottle.manifest.spec import Rule, Scheme
from bot_bottle.plans.bottle import GuestFile
from bot_bottle.record import dataclass, field

DEFAULT_PORT: dict[str, int] = {"https": 443, "http": 80}
ASK_TIMEOUT_S = 30.0
FETCH = ("GET", "HEAD")


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """One place that packages come from. `secret` is what opens it, `format` how a header carries that ("" for basic)."""

    scheme: Scheme
    host: str
    port: int
    path: str
    says: str
    secret: str = field(default="", repr=False)
    format: str = ""

    @property
    def url(self) -> str:
        """Its address without a secret."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{name}{port}{self.path}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The registries, and the variables and files of the home that make the tool inside use them."""

    registries: tuple[Registry, ...]
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[GuestFile, ...] = ()

    @property
    def has_secret(self) -> bool:
        """Whether the answer it was read from must not be stored."""
        return any(registry.secret for registry in self.registries)


class Tool(ABC):
    """How one package tool is asked. `variables` are beginnings of the names, in capitals, that its answer depends on."""

    name: str
    variables: tuple[str, ...]

    @abstractmethod
    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """The settings files and folders whose change makes an old answer worthless."""

    @abstractmethod
    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """The tool's own words. CannotRunHere when it is not there."""

    @abstractmethod
    def read(self, answer: str) -> Settings:
        """What they come to."""

    def rules(self, one: Registry, where: str) -> tuple[Rule, ...]:
        """What is let through to one place: packages come in. Publishing one needs a rule of its own."""
        return (Rule(host=one.host, ports=(one.port,), scheme=one.scheme, methods=FETCH, websocket=False, where=where),)

    @property
    def credential_methods(self) -> tuple[str, ...]:
        """The methods of requests that carry the secret; none means every one."""
        return FETCH


def registry_at(url: str, *, says: str) -> Registry | None:
    """The registry at a URL; None for what is not https or http (a folder, a repository, a disc), or not understood."""
    try:
        parts = urlsplit(url.strip())
        scheme: Scheme = "https" if parts.scheme == "https" else "http"
        if parts.scheme not in DEFAULT_PORT or not parts.hostname:
            return None
        host, port = canonical_host(parts.hostname), parts.port or DEFAULT_PORT[scheme]
    except (ValueError, BottleError):
        return None
    secret = ""
    if parts.username or parts.password:
        secret = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return Registry(scheme=scheme, host=host, port=port, path=parts.path, says=says, secret=secret)


def home(host: Mapping[str, str], *parts: str) -> Path:
    """A path below the operator's home."""
    return Path(host.get("HOME") or "/nonexistent", *parts)


def ask(argv: tuple[str, ...], *, host: Mapping[str, str], run: Run, variables: tuple[str, ...]) -> str | None:
    """What the program prints, started outside any project so that no repository's settings count; None when it fails."""
    own = {name: value for name, value in host.items() if name.upper().startswith((*variables, "XDG_"))}
    try:
        done = run(Command(argv=argv, env=plain_env(host) | own, timeout_s=ASK_TIMEOUT_S, cwd=Path("/")))
    except CouldNotRun:
        return None
    return done.stdout.decode("utf-8", "replace") if done.code == 0 else None
