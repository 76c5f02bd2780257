"""The vendors' model APIs: where each is, which requests make up its use, and how it takes a key. Agents pick from these."""

from collections.abc import Mapping, Sequence

from bot_bottle.agents.base import AgentDefaults
from bot_bottle.agents.endpoint import Endpoint, credentials_for, parse_endpoint
from bot_bottle.manifest.spec import Credential, FromEnv, Rule
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A variable of the operator that may hold a key, and the header that the gate sets from it."""

    variable: str
    header: str = "authorization"
    format: str = "Bearer {value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelApi:
    """One API as one agent uses it. `name` is its credential's name, which a manifest may take to bring a key from elsewhere.

    `keys` are in the order in which the agent itself prefers them. Below the base, `calls` are POSTed and `look_ups` got.
    """

    name: str
    public: str
    base_variable: str
    keys: tuple[Key, ...]
    calls: tuple[str, ...]
    look_ups: tuple[str, ...] = ()

    def endpoint(self, host: Mapping[str, str]) -> Endpoint:
        """The operator's base URL, else the public API."""
        return parse_endpoint(host.get(self.base_variable) or self.public, variable=self.base_variable)

    def key(self, host: Mapping[str, str]) -> Key | None:
        """The key that the agent would use on the host."""
        return next((key for key in self.keys if host.get(key.variable)), None)

    def rules(self, host: Mapping[str, str], where: str) -> tuple[Rule, ...]:
        """The model calls, and what the agent looks up beside them."""
        api = self.endpoint(host)
        calls = api.rule(methods=("POST",), paths=self.calls, where=where)
        return (calls, api.rule(methods=("GET",), paths=self.look_ups, where=where)) if self.look_ups else (calls,)

    def defaults(self, host: Mapping[str, str], where: str) -> AgentDefaults:
        """Rules for this API, and its credential when the operator's environment has a key."""
        api, rules = self.endpoint(host), self.rules(host, where)
        key = self.key(host)
        if key is None:
            return AgentDefaults(rules=rules, connect=api.connect)
        target = api.target(key.header, key.format)
        credential = Credential(name=self.name, source=FromEnv(env=key.variable), to=(target,), where=where)
        return AgentDefaults(rules=rules, credentials=(credential,), connect=api.connect)

    def has_credential(self, host: Mapping[str, str], credentials: tuple[Credential, ...]) -> bool:
        """Whether the gate will set a key on requests to this API."""
        return bool(credentials_for(self.endpoint(host), credentials))


ANTHROPIC = ModelApi(
    name="anthropic",
    public="https://api.anthropic.com",
    base_variable="ANTHROPIC_BASE_URL",
    keys=(Key(variable="ANTHROPIC_API_KEY", header="x-api-key", format="{value}"),),
    calls=("/v1/messages", "/v1/messages/count_tokens"),
    look_ups=("/v1/models", "/v1/models/*"),
)
OPENAI = ModelApi(
    name="openai",
    public="https://api.openai.com/v1",
    base_variable="OPENAI_BASE_URL",
    keys=(Key(variable="OPENAI_API_KEY"),),
    calls=("/chat/completions", "/responses"),
    look_ups=("/models", "/models/*"),
)
GEMINI = ModelApi(
    name="gemini",
    public="https://generativelanguage.googleapis.com",
    base_variable="GOOGLE_GEMINI_BASE_URL",
    keys=(Key(variable="GEMINI_API_KEY", header="x-goog-api-key", format="{value}"),),
    calls=(
        "/v1beta/models/*:generateContent",
        "/v1beta/models/*:streamGenerateContent",
        "/v1beta/models/*:countTokens",
    ),
    look_ups=("/v1beta/models", "/v1beta/models/*"),
)


def defaults_of(apis: Sequence[ModelApi], host: Mapping[str, str], where: str) -> AgentDefaults:
    """For an agent that speaks to several APIs: those that the operator has a key for, else the first of them."""
    chosen = [api for api in apis if api.key(host)] or apis[:1]
    found = [api.defaults(host, where) for api in chosen]
    return AgentDefaults(
        rules=tuple(rule for each in found for rule in each.rules),
        credentials=tuple(credential for each in found for credential in each.credentials),
        connect=tuple(dict.fromkeys(connect for each in found for connect in each.connect)),
    )


def key_note(api: ModelApi, host: Mapping[str, str], credentials: tuple[Credential, ...], *, inside: str, title: str) -> Line:
    """What the preflight says of the key; `inside` is where its placeholder stands, `title` the agent."""
    where = api.endpoint(host).host
    if api.has_credential(host, credentials):
        return Line(label="agent key", text=f"the gate sets the key on requests to {where}; inside, {inside} is a placeholder")
    names = " or ".join(key.variable for key in api.keys)
    without = f"{title}'s requests will be refused"
    return Line(label="agent key", text=f"none for {where}: set {names} on the host, or add one under `credentials`", why=without)


def key_notes(
    apis: Sequence[ModelApi], host: Mapping[str, str], credentials: tuple[Credential, ...], *, title: str
) -> tuple[Line, ...]:
    """`key_note` for an agent that speaks to several APIs: those with a key, else what to set."""
    known = [api for api in apis if api.has_credential(host, credentials)]
    if known:
        return tuple(key_note(api, host, credentials, inside=api.keys[0].variable, title=title) for api in known)
    names = ", ".join(api.keys[-1].variable for api in apis)
    return (
        Line(label="agent key", text=f"none: set one of {names}, or add one under `credentials`", why=f"{title} has no model"),
    )
