"""The egress rules of a manifest, as they are written."""

from pydantic import model_validator

from bot_bottle.manifest.fields import Block, Body, Flag, Host, Line, Method, Operation, PathGlob, Port, SchemeChoice
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.section import Section, Some


class McpToolSection(Section):
    """Tools of an MCP server, by name and by arguments."""

    tool: Line
    """A glob on the tool's name, as `read_*`."""
    arguments: dict[Line, Line] | None = None
    """Argument → a glob that its value must match, as `team/*`. What is not named is free. Default: any arguments."""


class RuleSection(Section):
    """One rule of the egress gate. A request leaves when a rule allows it and no rule denies it."""

    host: Host
    """The host: a name, `*.` before a name (one more label), `**.` before a name (any number of labels), or an IP address.
    Names outside ASCII are written in their `xn--` form, so that what you read is what is compared."""
    ports: Some[Port] | None = None
    """TCP ports. Default: 443, or 80 with `scheme: http`; in a deny: every port."""
    scheme: SchemeChoice | None = None
    """`https` (default) or `http`. A deny without it denies both."""
    methods: Some[Method] | None = None
    """HTTP methods in capitals. Default: any."""
    paths: Some[PathGlob] | None = None
    """Globs on the path: `*` stays within a segment, `**` crosses segments. Default: any."""
    addresses: Some[Block] | None = None
    """Blocks of addresses (CIDR) that the host may resolve to although they are not public. Default: none, so that no name can
    lead to a private, loopback, link-local or metadata address."""
    query: Some[Line] | None = None
    """Query parameters. An allow accepts these and no others; a deny matches when one of them is there. Default: any."""
    max_body: Body | None = None
    """The largest request body that an allow accepts, as 1MiB. Default: any."""
    deny: Flag | None = None
    """True: what matches is refused, whatever other rules allow; its paths ignore case and a last slash, its GET covers HEAD.
    Default: false."""
    passthrough: Flag | None = None
    """True: the TLS connection is not opened, for clients that pin a certificate. The gate then sees the host name only: no
    methods, no paths, no credentials, no search for secrets. Default: false."""
    websocket: Flag | None = None
    """Whether a request may become a WebSocket. Default: true."""
    graphql: Some[Operation] | None = None
    """The host speaks GraphQL here, and only these operations are allowed: `query.*`, `mutation.createIssue` (globs on the kind
    and the root field, which is what the server does; the names that clients give are free). Default: not looked at."""
    mcp: Some[McpToolSection] | None = None
    """An MCP server is here, and only these of its tools may be called. Of other methods, only what a client needs to begin is
    let through. Default: not looked at."""
    git: Flag | None = None
    """True: git over https, Git LFS, and requests with which a forge's API makes commits are let through too, unseen by the git
    gate. Default: false, because the git gate is where pushes are checked."""

    @model_validator(mode="after")
    def _goes_together(self) -> "RuleSection":
        unseen = [key for key in ("methods", "paths", "query", "max_body") if getattr(self, key) is not None]
        if self.passthrough and unseen:
            raise Wrong("a passthrough rule sees only the host, because the connection is not opened", at=unseen[0])
        if self.passthrough and self.scheme == "http":
            raise Wrong("a passthrough rule is about TLS; http has nothing to pass through", at="scheme")
        if self.passthrough and self.deny:
            raise Wrong("a deny needs no passthrough", at="passthrough")
        if self.deny and self.git:
            raise Wrong("git widens what an allow lets through; a deny has no use for it", at="git")
        if self.deny and self.addresses:
            raise Wrong("addresses widen what an allow may reach; a deny has no use for them", at="addresses")
        judged = [key for key in ("graphql", "mcp") if getattr(self, key) is not None]
        if judged and (self.deny or self.passthrough):
            raise Wrong("what is in a request is said by an allow that looks into it", at=judged[0])
        if len(judged) > 1:
            raise Wrong("a place speaks one of GraphQL and MCP", at="mcp")
        if self.deny and self.max_body is not None:
            raise Wrong("max_body bounds what an allow accepts; a deny has no use for it", at="max_body")
        return self
