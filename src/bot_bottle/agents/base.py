"""The contract of an agent provider: how one coding agent is installed, told its prompt and started."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.manifest.spec import BottleSpec, ConnectTo, Credential, Rule
from bot_bottle.plans.bottle import AgentProvision
from bot_bottle.record import dataclass

DOCKERFILES = Path(__file__).parent / "dockerfiles"

CA_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "npm_config_cafile",
    "CODEX_CA_CERTIFICATE",
)
"""Where TLS clients look for roots. Each replaces the built-in roots, so the file named must be the merged bundle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """An agent in the cache: its folder (mounted read-only), version, and the package's integrity (a W3C SRI hash)."""

    folder: Path
    version: str
    integrity: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Provisioning:
    """What a provider may look at: the spec (defaults already merged in), guest paths, the operator's variable *names*.

    `host_values` are the values of those variables that the provider lists as plain: never a secret. `is_supervised`: the agent
    can ask the operator through the MCP server of `agents.supervised`.
    """

    spec: BottleSpec
    guest_home: str
    guest_workspace: str
    guest_prompt_file: str
    host_variables: frozenset[str]
    interactive: bool
    host_values: tuple[tuple[str, str], ...] = ()
    is_supervised: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentDefaults:
    """What the agent needs when the manifest says nothing: rules for its model API, and the credential if one is found.

    `connect` says where a gateway on the operator's own loopback is dialled.
    """

    rules: tuple[Rule, ...] = ()
    credentials: tuple[Credential, ...] = ()
    connect: tuple[ConnectTo, ...] = ()


class AgentProvider(ABC):
    """One coding agent."""

    name: str
    summary: str
    installer: str = ""
    """The program that brings it: npm or pip."""
    resume: tuple[str, ...] = ()
    """The arguments that take up the last conversation in the same folder; empty when the agent keeps none."""
    plain_variables: tuple[str, ...] = ()
    """Variables of the operator that hold no secret and whose values the provider reads."""

    def plain_values(self, host: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """For `Provisioning.host_values`."""
        return tuple((name, host[name]) for name in self.plain_variables if host.get(name))

    def dockerfile(self) -> Path:
        """The Dockerfile of the image that this agent is at home in; the agent itself is brought in by the backend."""
        own = DOCKERFILES / f"{self.name}.Dockerfile"
        return own if own.is_file() else DOCKERFILES / "default.Dockerfile"

    def describe_pin(self) -> str:
        """The version that `install` brings, or empty when there is nothing to install."""
        return ""

    @abstractmethod
    def installed(self, cache: Path) -> Installed | None:
        """The pinned version in the cache, complete and checked, or None. Reads only."""

    @abstractmethod
    def install(self, cache: Path) -> Installed:
        """Bring the pinned version into the cache; atomic, safe to run twice at once. CannotRunHere if it cannot."""

    @abstractmethod
    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """Rules and credentials by the operator's environment (`host` is read for presence of names, not kept)."""

    @abstractmethod
    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The command, files, environment and mounts for one bottle. Pure."""
