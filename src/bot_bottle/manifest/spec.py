"""The validated manifest as frozen records: what every later layer reads. Holds no secret values, only where they come from.

This module imports nothing heavy, so that a start without a manifest never loads the parser.
"""

from pathlib import Path
from typing import Literal

from bot_bottle.record import dataclass, field

AgentName = Literal["claude", "codex", "gemini", "opencode", "qwen", "copilot", "amp", "aider", "shell", "custom"]
BackendName = Literal["namespaces", "gvisor", "docker", "smolmachines", "auto", "fake"]
WorkspaceMode = Literal["bind", "copy", "clone"]
HomeKind = Literal["fresh", "kept"]
Scheme = Literal["https", "http"]
CredentialSlot = Literal["header", "basic", "query", "sigv4"]
ImageRuntime = Literal["runc", "runsc", "kata"]
BuildNetwork = Literal["default", "host", "none"]
DlpEngine = Literal["builtin", "pipelock"]
Unattended = Literal["wait", "deny"]
TokenGrant = Literal["refresh_token", "client_credentials"]
OnFind = Literal["block", "warn", "off"]
OnInjection = Literal["block", "strip", "warn", "off"]
OnFormat = Literal["block", "redact", "warn", "off"]
PushForce = Literal["never", "own"]
PushReview = Literal["auto", "hold"]
OnProtected = Literal["hold", "reject"]
Lockfiles = Literal["any", "with-manifest"]
Signatures = Literal["any", "none", "required"]


@dataclass(frozen=True, kw_only=True, slots=True)
class McpTool:
    """Tools of an MCP server that may be called: a glob on their name, and globs that named arguments must match."""

    tool: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One egress rule. Empty `ports`, `methods`, `paths` or `query` mean any; a matching deny beats every allow.

    `host` is canonical: a lower-case A-label name, `*.` (one label) or `**.` (any depth) before one, or an IP literal.
    `paths` are globs on the canonical path: `*` stays within a segment, `**` crosses them.
    `addresses` are the CIDR blocks that the host may resolve to although they are not public.
    `query` names the only query keys an allow accepts; a deny matches when one of them is present.
    `max_body` is the largest request body that an allow accepts, in bytes.
    `graphql` are the only operations that an allow accepts, globs on KIND.FIELD; `mcp` the only tools of an MCP server.
    `git` lets through what goes round the git gate: git itself, large files, and commits through a forge's API.
    `where` says who wrote the rule ("bottle.yaml:14", "preset pip", "agent claude", "--allow").
    """

    host: str
    where: str
    ports: tuple[int, ...] = (443,)
    scheme: Scheme = "https"
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    deny: bool = False
    passthrough: bool = False
    websocket: bool = True
    query: tuple[str, ...] = ()
    max_body: int | None = None
    graphql: tuple[str, ...] = ()
    mcp: tuple[McpTool, ...] = ()
    git: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectTo:
    """Dial `address:to_port` for requests to `host:port`; names, SNI and certificate checks stay those of `host`."""

    host: str
    port: int
    address: str
    to_port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FromEnv:
    """The secret is in this environment variable of the operator."""

    env: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FromFile:
    """The secret is the content of this file on the host, stripped of the last newline; with `key` a text in the JSON it holds.

    `key` joins the names on the way to it by dots.
    """

    file: Path
    key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FromCommand:
    """The secret is what this command prints on the host."""

    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FromKeyring:
    """The secret is in the operator's keyring under SERVICE/USER."""

    keyring: str


SecretSource = FromEnv | FromFile | FromCommand | FromKeyring


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """How the gate itself reaches the world: extra CA files, a proxy and what opens it, no-proxy names, pins."""

    ca: tuple[Path, ...] = ()
    proxy: str | None = None
    proxy_login: SecretSource | None = None
    no_proxy: tuple[str, ...] = ()
    connect: tuple[ConnectTo, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Which requests get the credential, and in which slot. `format` holds `{value}` once.

    `name` is the header's or query parameter's name; for the slot "basic" it is the user name (RFC 7617); for "sigv4" it is the
    AWS service, and `format` the region.
    """

    host: str
    ports: tuple[int, ...] = (443,)
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    slot: CredentialSlot = "header"
    name: str = "authorization"
    format: str = "{value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class OAuth2:
    """Where the gate gets access tokens (RFC 6749): https://HOST:PORT/PATH. `addresses` may be private ones that the host has.

    The credential's own secret is the refresh token, or with `client_credentials` the client's secret.
    """

    host: str
    path: str
    client_id: str
    grant: TokenGrant = "refresh_token"
    port: int = 443
    scope: str = ""
    client_secret: SecretSource | None = None
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """One secret and where the gate sets it, or with `oauth2` the tokens got with it. The value never appears in a plan."""

    name: str
    source: SecretSource
    to: tuple[Target, ...]
    where: str
    oauth2: OAuth2 | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Egress:
    """The egress section: rules in the order written, preset names, upstream settings."""

    rules: tuple[Rule, ...] = ()
    presets: tuple[str, ...] = ()
    upstream: Upstream = field(default_factory=Upstream)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """The folder the agent works in: absolute host path and how it gets in."""

    path: Path
    mode: WorkspaceMode = "copy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """One more host folder or file that the operator puts into the bottle."""

    host_path: Path
    guest_path: str
    writable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a bottle may use: cores, bytes, processes, bytes of disk, seconds. `None` is no limit."""

    cpus: float | None = None
    memory: int | None = 4 * 1024**3
    pids: int | None = 2048
    disk: int | None = None
    time_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What the agent's model may cost: US dollars and tokens in all. `None` is no bound."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DlpAction:
    """What finds of some rules do on some hosts, instead of what they do elsewhere; globs, `*` is any."""

    rule: str = "*"
    host: str = "*"
    action: OnFormat = "warn"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dlp:
    """How requests are searched for secrets: the engine, the operator's own secrets, and what a find does."""

    engine: DlpEngine = "builtin"
    secrets: tuple[SecretSource, ...] = ()
    canaries: tuple[SecretSource, ...] = ()
    patterns: tuple[Path, ...] = ()
    formats: OnFormat = "block"
    injection: OnInjection = "warn"
    unscannable: OnFind = "block"
    actions: tuple[DlpAction, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FromAgent:
    """The agent's own Dockerfile, on this base; empty: the base that the Dockerfile names."""

    base: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FromDockerfile:
    """The operator's Dockerfile. `context` is the folder it may copy from, `target` the stage to stop at (empty: the last).

    `sha256` is that of the content which was read with the manifest (empty: not read then); no other is built.
    """

    dockerfile: Path
    context: Path
    target: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FromReference:
    """An image by its reference, as an engine or a registry knows it: NAME, NAME:TAG, NAME@sha256:… or sha256:…"""

    reference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FromArchive:
    """A tar file that `docker save` or an OCI tool wrote."""

    archive: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class FromRootfs:
    """A folder that holds a whole root file system."""

    rootfs: Path


ImageSource = FromAgent | FromDockerfile | FromReference | FromArchive | FromRootfs


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """What a bottle's root file system is, for the backends that have one of their own.

    `packages` are installed on top by the image's own package manager. `build_args` reach every build: mirrors, proxies;
    `build_network` is the network that builds have.
    `runtime` is the one that docker is asked for (None: the daemon's choice). `read_only`: nothing outside the home, the
    workspace and the temporary folders can be written.
    """

    source: ImageSource = field(default_factory=FromAgent)
    packages: tuple[str, ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    build_network: BuildNetwork = "default"
    runtime: ImageRuntime | None = None
    read_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Notify:
    """How the operator is told that an agent asks: on the desktop, by a command, by a webhook; hooks are signed with `key`."""

    desktop: bool = False
    command: tuple[str, ...] = ()
    webhook: str | None = None
    key: SecretSource | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Supervise:
    """Whether the agent can ask for permissions (`None`: when it is one that calls tools), and what happens to its requests.

    What lies within one of the rules `within` is given for `within_s` seconds without asking.
    """

    enabled: bool | None = None
    unattended: Unattended = "wait"
    within: tuple[Rule, ...] = ()
    within_s: float = 1800.0
    notify: Notify = field(default_factory=Notify)


@dataclass(frozen=True, kw_only=True, slots=True)
class GitPush:
    """What may be pushed to one upstream. `refs` are globs on full names; none means the bottle's own branches.

    `force` "own" allows a branch to be rewritten; `tags` allows new tags; `review` "hold" waits for the operator. `authors` are
    globs on e-mail addresses, none means any; `max_file` and `max_pack` are bytes, None means what the gate takes at most.
    """

    refs: tuple[str, ...] = ()
    force: PushForce = "own"
    tags: bool = False
    review: PushReview = "auto"
    protected: OnProtected = "hold"
    lockfiles: Lockfiles = "any"
    authors: tuple[str, ...] = ()
    sign_off: bool = False
    signatures: Signatures = "any"
    max_file: int | None = None
    max_pack: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GitUpstream:
    """One repository that a bottle may have: a folder of the operator (`path`) or a remote (`url`), never both.

    `credential` names the entry of `credentials` that the gate, never the bottle, authenticates with.
    """

    where: str
    path: Path | None = None
    url: str = ""
    credential: str | None = None
    push: GitPush = field(default_factory=GitPush)


@dataclass(frozen=True, kw_only=True, slots=True)
class Git:
    """Which repositories a bottle reaches through the git gate. `protected_paths` are globs; "default" is the built-in list."""

    upstreams: tuple[GitUpstream, ...] = ()
    protected_paths: tuple[str, ...] = ("default",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A program that runs beside the agent for as long as the bottle does, on the bottle's own loopback: a database, a cache.

    The agent reaches it as `name`. `port`: the start waits until it answers there (None: the one that the image exposes, if it
    is one). An empty `command` is the image's own.
    """

    name: str
    image: str
    env: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    port: int | None = None
    cpus: float | None = None
    memory: int | None = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class BottleSpec:
    """Everything the operator asked for, checked and complete. `origin` names the files it came from.

    `read_from` are those files and the ones they name (prompt, certificates), where they lie: a bottle must not change them.
    `decided_by` pairs a field ("agent", "workspace.mode", "limits.memory") with who set it; what is not listed is the default.
    """

    agent: AgentName
    backend: BackendName
    workspace: Workspace
    home: HomeKind = "fresh"
    prompt: str = ""
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    egress: Egress = field(default_factory=Egress)
    credentials: tuple[Credential, ...] = ()
    limits: Limits = field(default_factory=Limits)
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    budget: Budget | None = None
    dlp: Dlp | None = None
    image: Image | None = None
    services: tuple[Service, ...] = ()
    supervise: Supervise | None = None
    git: Git | None = None
    origin: tuple[str, ...] = ()
    read_from: tuple[Path, ...] = ()
    decided_by: tuple[tuple[str, str], ...] = ()
