"""The manifest and the operator's policy as pydantic models: the edge. Unknown keys are errors; every field may be left out.

The text under each field is its documentation: `docs/reference/manifest.md` and the JSON Schema are made from it.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from bot_bottle.manifest.fields import (
    Agent,
    BackendChoice,
    Block,
    ConnectFrom,
    ConnectTo,
    Cpus,
    Disk,
    Dollars,
    Engine,
    Find,
    FindFormat,
    FindInjection,
    Flag,
    GuestPath,
    Header,
    Home,
    Host,
    HostFile,
    HostFolder,
    HostLabel,
    HostPath,
    Line,
    Memory,
    Method,
    Mode,
    Name,
    PathGlob,
    Pids,
    Port,
    Preset,
    Proxy,
    ProxyException,
    SecretFile,
    Template,
    Text,
    Time,
    TokenGrantName,
    Tokens,
    TokenUrl,
    UnattendedChoice,
    Variable,
    Version,
    Webhook,
    WithinTime,
    Words,
)
from bot_bottle.manifest.git import GitSection
from bot_bottle.manifest.image import ImageSection, ServiceSection
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.rule import RuleSection
from bot_bottle.manifest.section import Section, Some


class WorkspaceSection(Section):
    """The folder the agent works in."""

    path: HostFolder | None = None
    """The folder on the host; a relative path starts at this file. Default: the folder you stand in, so that a manifest at the
    top of a repository serves its sub-folders too."""
    mode: Mode | None = None
    """How the folder gets in. `clone` (default for agents in a git repository): the agent works on a fresh clone with your
    uncommitted changes, without what is ignored, and its branches arrive in your repository through the git gate. `copy` (default
    otherwise): on a copy of the whole folder, and nothing of yours changes until you take the result.
    `bind`: the agent writes into the folder itself, except for git's hooks and configuration, the folders that
    configure agents, and the manifest."""


class SecretSection(Section):
    """Where a secret is read, at launch, on the host. One of four; the value itself never stands in a manifest."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 2})

    env: Variable | None = None
    """An environment variable of yours."""
    file: SecretFile | None = None
    """A file; its content without the last line end. Relative paths start at this file, `~` is your home."""
    key: Line | None = None
    """With `file`, where that is JSON: the names that lead to the secret, joined by dots, as `tokens.access_token`."""
    command: list[Line] | None = None
    """A program and its arguments; what it prints. It runs on the host as you, without a shell. Named alone it is looked up in
    your PATH; otherwise its path is absolute."""
    keyring: Line | None = None
    """SERVICE/USER in your desktop's keyring."""

    @model_validator(mode="after")
    def _one_source(self) -> "SecretSection":
        said = [key for key in ("env", "file", "command", "keyring") if getattr(self, key)]
        if len(said) != 1:
            raise Wrong("a secret comes from one place", allowed="exactly one of env, file, command, keyring")
        if self.key and not self.file:
            raise Wrong("key says where in a file the secret is", allowed="with file", at="key")
        if self.command and "/" in self.command[0] and not self.command[0].startswith(("/", "~/")):
            raise Wrong(
                "a command with a relative path would depend on where you stand",
                allowed="a name in your PATH, or an absolute path",
                at="command",
            )
        if self.keyring and not all(self.keyring.partition("/")[::2]):
            raise Wrong("not a place in a keyring", allowed="SERVICE/USER", at="keyring")
        return self


class UpstreamSection(Section):
    """How the egress gate itself reaches the world."""

    ca: list[HostFile] | None = None
    """Files with certificates (PEM) of authorities to trust besides the system's, for corporate networks. Relative paths start at
    this file."""
    proxy: Proxy | None = None
    """The proxy that the gate goes through, as `http://proxy.example.com:3128`. Default: none; the variables of your shell are
    not looked at, because they would make a bottle's reach depend on where it was started."""
    proxy_login: SecretSection | None = None
    """What opens the proxy, as USER:PASSWORD (HTTP Basic). Read at launch, known to the gate alone."""
    no_proxy: list[ProxyException] | None = None
    """Hosts that the gate reaches without the proxy: names, `.example.com` for a whole domain, or CIDR blocks."""
    connect: dict[ConnectFrom, ConnectTo] | None = None
    """Where to dial for a host: `"api.example.com:443": "127.0.0.1:8443"`. Names, TLS and rules stay those of the host on the
    left; the address on the right may be private, because you wrote it."""

    @model_validator(mode="after")
    def _a_login_is_for_a_proxy(self) -> "UpstreamSection":
        if self.proxy_login is not None and self.proxy is None:
            raise Wrong("a login needs the proxy that it opens beside it", allowed="proxy and proxy_login", at="proxy_login")
        return self


class EgressSection(Section):
    """What may leave the bottle over HTTP. Nothing may, by default."""

    rules: list[RuleSection] | None = None
    """The rules. Order does not matter: a deny that matches beats every allow."""
    presets: list[Preset] | None = None
    """Named sets of rules, such as `pip` and `npm`. Their hosts come from the settings of those tools on this host, so that a
    mirror is honoured."""
    upstream: UpstreamSection | None = None
    """How the gate itself reaches the world."""


class BasicSection(Section):
    """HTTP Basic authentication (RFC 7617)."""

    user: Line | None = None
    """The user name; the secret is the password. Default: the secret itself is USER:PASSWORD."""


class SignatureSection(Section):
    """AWS Signature Version 4. The secret is an access key: ID:SECRET, ID:SECRET:TOKEN, or what `aws configure
    export-credentials` prints. The bottle's client signs with any key; the gate signs anew."""

    service: Name
    """The service as signatures name it, such as `s3` or `sts`. A request signed for another one is refused."""
    region: Name
    """The region, such as `eu-central-1`. A request signed for another one is refused."""


class TargetSection(Section):
    """The requests that get a credential, and the place in them. Without a place it is a bearer token."""

    host: Host
    """The host, as in a rule."""
    ports: Some[Port] | None = None
    """TCP ports. Default: 443."""
    methods: Some[Method] | None = None
    """HTTP methods. Default: any."""
    paths: Some[PathGlob] | None = None
    """Globs on the path. Default: any."""
    header: Header | None = None
    """The header that carries the secret. Whatever the agent sent there is replaced."""
    format: Template | None = None
    """How the secret is written into the header. Default: `{value}`, and `Bearer {value}` for `authorization`."""
    bearer: Flag | None = None
    """True: `authorization: Bearer …` (RFC 6750)."""
    basic: BasicSection | None = None
    """`authorization: Basic …`."""
    query: Line | None = None
    """The query parameter that carries the secret, for services that know nothing better."""
    sigv4: SignatureSection | None = None
    """The request is signed for AWS. Bodies for services other than S3 need the header `x-amz-content-sha256`; signatures in the
    query, server-side copies and chunks that are signed one by one are refused."""

    @model_validator(mode="after")
    def _one_slot(self) -> "TargetSection":
        said = [key for key in ("header", "bearer", "basic", "query", "sigv4") if getattr(self, key) not in (None, False)]
        if len(said) > 1:
            allowed = "at most one of header, bearer, basic, query, sigv4"
            raise Wrong("a credential goes to one place of a request", allowed=allowed, at=said[1])
        if self.format is not None and said and said != ["header"]:
            raise Wrong("a format belongs to a header", allowed="header and format, or neither", at="format")
        return self


def _as_list(value: Any) -> Any:  # Any: a node before it is read
    return [value] if isinstance(value, dict) else value


class OAuth2Section(Section):
    """The gate gets access tokens itself (RFC 6749) and sets those. The credential's secret is the refresh token, or with
    `client_credentials` the client's secret. A bottle sees neither these nor the server's answers."""

    token_url: TokenUrl
    """The token endpoint: https, without a query. The bottle needs no rule for it."""
    client_id: Line
    """The client's identifier."""
    grant: TokenGrantName | None = None
    """`refresh_token` (default) or `client_credentials`."""
    scope: Line | None = None
    """Scopes to ask for, with spaces between them. Default: what the server gives."""
    client_secret: SecretSection | None = None
    """With `refresh_token`: the client's secret, where it has one."""
    addresses: Some[Block] | None = None
    """Private addresses (CIDR) that the token server may have. Default: public ones only."""

    @model_validator(mode="after")
    def _one_secret(self) -> "OAuth2Section":
        if self.client_secret is not None and self.grant == "client_credentials":
            raise Wrong("the client's secret is the credential's own `from`", allowed="no client_secret here", at="client_secret")
        return self


class CredentialSection(Section):
    """A secret that the gate sets on matching requests. The bottle never holds it."""

    name: Name
    """What the preflight, the log and other sections call it."""
    source: Annotated[SecretSection, Field(alias="from")]
    """Where the secret is read, at launch, on the host."""
    to: Annotated[list[TargetSection], BeforeValidator(_as_list), Field(min_length=1)]
    """The requests that get it: one mapping, or a list of them."""
    oauth2: OAuth2Section | None = None
    """Tokens instead of the secret itself."""

    @model_validator(mode="after")
    def _a_token_is_no_key(self) -> "CredentialSection":
        if self.oauth2 is not None and any(target.sigv4 for target in self.to):
            raise Wrong("an OAuth token cannot sign for AWS", allowed="oauth2 or sigv4", at="oauth2")
        return self


class MountSection(Section):
    """One more file or folder of the host, put into the bottle."""

    path: HostPath
    """The file or folder on the host; a relative path starts at this file, `~` is your home."""
    to: GuestPath
    """Its absolute path inside."""
    writable: Flag | None = None
    """Whether the bottle may change it. Default: false."""


class LimitsSection(Section):
    """What a bottle may use. `none` lifts a limit."""

    cpus: Cpus | None = None
    """Processor cores, as 2 or 1.5. Default: no limit, because a busy bottle shares the processor fairly."""
    memory: Memory | None = None
    """Main memory, as 4GiB (the default: an agent and a build fit, and a runaway is stopped before the host swaps)."""
    pids: Pids | None = None
    """Processes and threads. Default: 2048, ten times what builds need and far from what a fork bomb wants."""
    disk: Disk | None = None
    """Disk space for what the bottle writes, as 10GiB. Default: no limit."""
    time: Time | None = None
    """How long the bottle may run, as 4h. Default: no limit."""


class BudgetSection(Section):
    """What the agent's model may cost; the gate counts, and stops at the bound."""

    usd: Dollars | None = None
    """US dollars. Default: no bound."""
    tokens: Tokens | None = None
    """Tokens read and written, in all. Default: no bound."""


class DlpActionSection(Section):
    """What finds of one rule do on one host."""

    rule: Line | None = None
    """The rule, or a glob: `aws-*`. `bot-bottle dlp explain` lists the rules. Default: any rule."""
    host: Line | None = None
    """The host, or a glob. Default: any host."""
    action: FindFormat
    """`block`, `redact` (overwritten where it stands in a body, else blocked), `warn` or `off`."""


class DlpSection(Section):
    """How requests are searched for secrets before they leave."""

    engine: Engine | None = None
    """`builtin` (default), or `pipelock`: the program of that name, which must be installed."""
    secrets: list[SecretSection] | None = None
    """Your own secrets, which must not leave in any encoding. A file is read line by line when it has the form of a .env file."""
    canaries: list[SecretSection] | None = None
    """Bait: values that you planted where an agent might find them. Searched for as your secrets are, and named so in the log."""
    patterns: list[HostFile] | None = None
    """Files with your own patterns: TOML in the form that gitleaks reads, expressions in RE2's syntax. Relative paths start at
    this file."""
    formats: FindFormat | None = None
    """What a string in the form of a known token does: `block` (default), `redact` (overwritten in the body), `warn` or `off`.
    On routes to the agent's model it is only noted. Your own secrets are stopped everywhere, whatever stands here."""
    injection: FindInjection | None = None
    """What a response that looks like a prompt injection does: `block`, `strip` (the order is written over, the rest passes),
    `warn` (default) or `off`."""
    unscannable: Find | None = None
    """What a request does that cannot be read, such as an encrypted archive: `block` (default), `warn` or `off`."""
    actions: list[DlpActionSection] | None = None
    """Exceptions, by rule and host. The last one that matches counts."""


class NotifySection(Section):
    """How you are told that an agent asks. What is sent holds the request as `bot-bottle asks` shows it, and nothing that could
    answer it."""

    desktop: Flag | None = None
    """A notification on your desktop, by `notify-send`. Default: false."""
    command: list[Line] | None = None
    """A program and its arguments; it gets the request as JSON on standard input, and its signature in the variable
    `BOT_BOTTLE_SIGNATURE`. It runs on the host as you, without a shell."""
    webhook: Webhook | None = None
    """An address that the request is posted to as JSON, signed in the header `x-bot-bottle-signature`."""
    key: SecretSection | None = None
    """The key of the signature, `t=SECONDS,v1=HEX`: HMAC-SHA-256 over the seconds, a dot and the body. Default: not signed."""


class SuperviseSection(Section):
    """The gate through which an agent asks for what it may not do."""

    enabled: Flag | None = None
    """Whether the bottle has it. Default: true for agents, which find its tools by themselves; false for `shell` and `custom`."""
    unattended: UnattendedChoice | None = None
    """What happens to requests: `wait` (default) for your answer, or `deny` at once, for runs that nobody watches. Either way
    they are listed, logged and told."""
    within: list[RuleSection] | None = None
    """Rules for answering without you: a request within one of them is given at once, logged and told. Default: none."""
    within_for: WithinTime | None = None
    """How long such a grant holds. Default: 30m."""
    notify: NotifySection | None = None
    """How you are told that an agent asks, besides `bot-bottle asks --watch`."""

    @model_validator(mode="after")
    def _allows_only(self) -> "SuperviseSection":
        for row in self.within or ():
            if row.deny or row.passthrough:
                raise Wrong("what is given without you is an allow that the gate can look into", at="within")
        return self


class Common(Section):
    """The fields that a manifest and the operator's policy share."""

    version: Version | None = None
    """The version of this form: 1."""
    agent: Agent | None = None
    """The coding agent. Default: `claude`. `shell` runs a command or a shell; `custom` runs `command`."""
    backend: BackendChoice | None = None
    """What runs the bottle. `auto` (default) takes the first one that works on this machine."""
    home: Home | None = None
    """The agent's home. `fresh` (default): made for the bottle, removed with it. `kept`: one for each agent on this machine, for
    every bottle that says so, one at a time. Sessions, settings and caches stay, and what a bottle leaves for the next one."""
    prompt: Text | None = None
    """A standing instruction, added to the agent's own system prompt. Default: none."""
    prompt_file: HostFile | None = None
    """A file that holds the standing instruction; a relative path starts at this file."""
    egress: EgressSection | None = None
    """What may leave the bottle over HTTP."""
    credentials: list[CredentialSection] | None = None
    """Secrets that the gate sets on matching requests."""
    limits: LimitsSection | None = None
    """What a bottle may use."""
    env: dict[Variable, Words] | None = None
    """Environment variables inside, values as written. A secret here is an error: the agent would hold it; use `credentials`."""
    mounts: list[MountSection] | None = None
    """More files and folders of the host inside the bottle."""
    budget: BudgetSection | None = None
    """What the agent's model may cost."""
    dlp: DlpSection | None = None
    """How requests are searched for secrets before they leave."""
    image: ImageSection | None = None
    """The bottle's root file system, for the backends that have one of their own. Default: the agent's own image."""
    services: dict[HostLabel, ServiceSection] | None = None
    """Programs that run beside the agent, on docker: `db: {image: "postgres:16", env: {POSTGRES_PASSWORD: local}}`."""
    supervise: SuperviseSection | None = None
    """The gate through which an agent asks for what it may not do."""
    git: GitSection | None = None
    """The repositories that the agent may clone, fetch from and push to."""

    @model_validator(mode="after")
    def _one_prompt(self) -> "Common":
        if self.prompt is not None and self.prompt_file is not None:
            raise Wrong("prompt and prompt_file do not go together", allowed="one of them", at="prompt_file")
        return self


class PolicyWorkspace(Section):
    """How workspaces get in."""

    mode: Mode | None = None
    """`copy`, `clone` or `bind`, for manifests that do not say. Default: see `workspace.mode` of a manifest."""


class Policy(Common):
    """The operator's policy: `policy.yaml` in the configuration folder. It holds for every bottle; manifests add to it."""

    workspace: PolicyWorkspace | None = None
    """How workspaces get in."""


class Manifest(Common):
    """The manifest of one project: `bottle.yaml`. Every field may be left out; an empty file is a manifest."""

    workspace: WorkspaceSection | None = None
    """The folder the agent works in."""
    args: list[Words] | None = None
    """Arguments for the agent's own command line; for `shell`, the command to run. Default: none."""
    command: list[Line] | None = None
    """The program that the agent `custom` runs, and its first arguments."""
