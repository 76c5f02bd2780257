"""How each kind of field reads its scalar: text as written, true and false, numbers, hosts, paths, amounts. Imports pydantic.

Every reader takes what the tree holds (a `Scalar`) or a plain Python value, and raises `Wrong` with what would be right.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from bot_bottle.errors import Refused
from bot_bottle.manifest import hosts, references, units
from bot_bottle.manifest.available import AVAILABLE, Available
from bot_bottle.manifest.globs import check_glob
from bot_bottle.manifest.host_paths import anything_at, file_at, folder_at, located
from bot_bottle.manifest.mistakes import Wrong, nearest
from bot_bottle.manifest.spec import (
    AgentName,
    BackendName,
    BuildNetwork,
    DlpEngine,
    HomeKind,
    ImageRuntime,
    OnFind,
    OnFormat,
    OnInjection,
    Scheme,
    TokenGrant,
    Unattended,
    WorkspaceMode,
)
from bot_bottle.manifest.tree import Scalar
from bot_bottle.record import dataclass

Value = Any  # Any: a node of the tree, or what a caller in Python writes
Read = TypeVar("Read")

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_OPERATION = re.compile(r"(query|mutation|subscription)\.[A-Za-z0-9_*?]{1,128}")
_URL_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")
_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


_TAKEN = ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "work")
TAKEN_GUEST_PATHS = tuple(f"/{name}" for name in _TAKEN)
"""Where a bottle has its system, its own files and its workspace; a mount there would replace what it stands on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What reading a file needs to know beside the file: where relative paths start, and what this version can do."""

    base: Path
    available: Available


def surroundings(info: ValidationInfo) -> Surroundings:
    """Those of this reading; for a model made without any, the root folder and this version's abilities."""
    given = info.context
    return given if isinstance(given, Surroundings) else Surroundings(base=Path("/"), available=AVAILABLE)


def text(value: Value) -> str:
    """The text as written: `8080`, `no` and `1.10` are those very characters."""
    if isinstance(value, Scalar):
        return value.text
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if value is None:
        raise Wrong("there is no value")
    raise Wrong("a text belongs here", allowed="one value, not a list or a mapping")


def flag(value: Value) -> bool:
    """True or false, and nothing that only YAML 1.1 takes for it."""
    if isinstance(value, bool):
        return value
    word = text(value)
    if word in {"true", "True", "TRUE", "false", "False", "FALSE"} and _is_plain(value):
        return word.lower() == "true"
    meant = {"yes": "true", "on": "true", "y": "true", "1": "true", "true": "true"}
    meant |= {"no": "false", "off": "false", "n": "false", "0": "false", "false": "false"}
    raise Wrong("a switch is true or false", allowed="true, false", nearest=meant.get(word.lower(), ""))


def whole(value: Value) -> int:
    """A whole number in decimal. `0644`, `0x1F`, `1_000` and `12:30` mean something else in each version of YAML: refused."""
    word = text(value)
    if _WHOLE.fullmatch(word) and _is_plain(value):
        return int(word)
    meant = re.sub(r"[_, ]", "", word)
    raise Wrong(
        "a whole number belongs here", allowed="decimal digits, no quotes", nearest=meant if _WHOLE.fullmatch(meant) else ""
    )


def version(value: Value) -> int:
    """The version of the form; there is one so far."""
    if whole(value) != 1:
        raise Wrong("this bot-bottle does not know that version of the manifest", allowed="1")
    return 1


def number(value: Value) -> float:
    """A number in decimal, as 2 or 1.5."""
    word = text(value)
    if _NUMBER.fullmatch(word) and _is_plain(value):
        return float(word)
    raise Wrong("a number belongs here", allowed="as 2 or 1.5, no quotes")


def one_of(choices: Any, *, among: str = "") -> Callable[[Value, ValidationInfo], str]:  # Any: a Literal type
    """A reader of one of the words of a Literal; `among` names the field of `Available` that says which of them work here."""
    words = get_args(choices)

    def read(value: Value, info: ValidationInfo) -> str:
        word = text(value)
        usable = getattr(surroundings(info).available, among) if among else words
        if word in usable:
            return word
        if word in words and among and word != "fake":
            raise Wrong(f"{word} is not part of this version", allowed=", ".join(usable))
        raise Wrong("this is not one of the choices", allowed=", ".join(usable), nearest=nearest(word, usable))

    return read


def preset(value: Value, info: ValidationInfo) -> str:
    """The name of a preset that this version has."""
    word, names = text(value), surroundings(info).available.presets
    if word not in names:
        raise Wrong("there is no such preset", allowed=", ".join(names), nearest=nearest(word, names))
    return word


def bounded(
    read: Callable[[Value], Read], low: float, high: float, *, unit: Callable[[Any], str] = str
) -> Callable[[Value], Read]:
    """`read`, and refuse what lies outside the bounds. Any: of what `read` gives."""

    def check(value: Value) -> Read:
        amount = read(value)
        if not low <= amount <= high:  # type: ignore[operator]  # Read is a number or a word that was let through below
            raise Wrong("this is out of bounds", allowed=f"{unit(low)} to {unit(high)}")
        return amount

    return check


def or_none(read: Callable[[Value], Read]) -> Callable[[Value], Read | Literal["none"]]:
    """`read`, or the word none: no limit."""

    def check(value: Value) -> Read | Literal["none"]:
        return "none" if isinstance(value, (Scalar, str)) and text(value) == "none" else read(value)

    return check


def method(value: Value) -> str:
    """An HTTP method (RFC 9110, section 9.1: case-sensitive, in capitals by custom)."""
    word = text(value)
    if word in {"CONNECT", "TRACE"}:
        raise Wrong(f"{word} is never let out", allowed="GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS and others in capitals")
    if not _METHOD.fullmatch(word):
        meant = word.upper()
        raise Wrong("not an HTTP method", allowed="capitals, as GET or POST", nearest=meant if _METHOD.fullmatch(meant) else "")
    return word


def path_glob(value: Value) -> str:
    """A glob on a URL's path: `*` within a segment, `**` across."""
    word = text(value)
    if not word.startswith("/"):
        raise Wrong("a path begins with /", nearest=f"/{word}" if word and "://" not in word else "")
    if re.search(r"\s", word):
        raise Wrong("a path has no spaces", nearest=re.sub(r"\s", "%20", word))
    try:
        check_glob(word)
    except Refused:
        allowed = "single slashes, * within a segment, ** across segments, %XX; no query, no dot segments"
        raise Wrong("not a path glob", allowed=allowed) from None
    return word


def header(value: Value) -> str:
    """A header's name (RFC 9110, section 5.1), in small letters."""
    word = text(value)
    if not _HEADER.fullmatch(word):
        raise Wrong(
            "not the name of a header",
            allowed="letters, digits and -, as x-api-key",
            nearest=word.split(":", maxsplit=1)[0].strip(),
        )
    name = word.lower()
    if name in {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}:
        raise Wrong(
            "this header frames the request and cannot carry a credential", allowed="authorization, x-api-key and the like"
        )
    return name


def name(value: Value) -> str:
    """A name within the manifest."""
    word = text(value)
    if not _NAME.fullmatch(word):
        raise Wrong("not a name", allowed="small letters, digits, - _ . (at most 63, beginning with a letter or digit)")
    return word


def host_label(value: Value) -> str:
    """A name that the agent's programs resolve (RFC 1123, section 2.1)."""
    word = text(value)
    if not _LABEL.fullmatch(word) or word == "localhost":
        raise Wrong("not the name of a service", allowed="small letters, digits and -, beginning with a letter; not localhost")
    return word


def variable(value: Value) -> str:
    """The name of an environment variable (POSIX.1-2017, 8.1)."""
    word = text(value)
    if not _VARIABLE.fullmatch(word):
        raise Wrong(
            "not the name of an environment variable", allowed="letters, digits and _, not beginning with a digit", hide=True
        )
    return word


def one_line(value: Value) -> str:
    """A text without line ends."""
    word = text(value)
    if "\n" in word or not word:
        raise Wrong("one line of text belongs here", hide=True)
    return word


def template(value: Value) -> str:
    """How a secret is written into its header: the text holds {value} once."""
    word = one_line(value)
    if word.count("{value}") != 1 or re.search(r"[{}]", word.replace("{value}", "")) or not word.isascii():
        raise Wrong("a format holds {value} once and no other braces", allowed='as "Bearer {value}"', hide=True)
    return word


def pinned_host(value: Value) -> str:
    """HOST:PORT of what is asked for: one host, no wildcard."""
    host, port = hosts.host_and_port(text(value))
    if "*" in host:
        raise Wrong("one host belongs here, without wildcard")
    return hosts.written(host, port)


def proxy(value: Value) -> str:
    """The address of an HTTP proxy, canonical. A user or password in it is refused: it would be in the plan and in the log."""
    word = one_line(value)
    scheme, mark, rest = word.partition("://")
    if not mark or scheme.lower() != "http" or "@" in rest:
        raise Wrong("not the address of a proxy", allowed="http://HOST:PORT, without user and password", hide="@" in word)
    host, port = hosts.host_and_port(rest.removesuffix("/"))
    if "*" in host:
        raise Wrong("one host belongs here, without wildcard")
    return f"http://{hosts.written(host, port)}"


def operation(value: Value) -> str:
    """KIND.FIELD of a GraphQL operation, with globs in the field."""
    word = one_line(value)
    if not _OPERATION.fullmatch(word):
        raise Wrong("not a GraphQL operation", allowed="query.FIELD, mutation.FIELD or subscription.FIELD; * is any")
    return word


def token_url(value: Value) -> tuple[str, int, str]:
    """Host, port and path of a token endpoint: https, without user, query or fragment (RFC 6749, 3.2)."""
    word = one_line(value)
    scheme, mark, rest = word.partition("://")
    place, slash, path = rest.partition("/")
    if not mark or scheme.lower() != "https" or "@" in rest or not _URL_PATH.fullmatch(slash + path):
        raise Wrong("not a token endpoint", allowed="https://HOST/PATH, without user, query or fragment", hide="@" in word)
    host, port = hosts.host_and_port(place) if ":" in place.rpartition("]")[2] else (hosts.host_name(place), 443)
    if "*" in host:
        raise Wrong("one host belongs here, without wildcard")
    return host, port, slash + path or "/"


def webhook(value: Value) -> str:
    """An address that is posted to. One with a user or password is refused, because it would be in the plan and in the log."""
    word = one_line(value)
    scheme, mark, rest = word.partition("://")
    if not mark or scheme not in ("http", "https") or not rest or "@" in rest.partition("/")[0] or not word.isascii():
        raise Wrong("not an address to post to", allowed="https://HOST/PATH, without user and password", hide=True)
    hosts.host_and_port(rest.partition("/")[0].partition("?")[0], default=443)
    return word


def proxy_exception(value: Value) -> str:
    """A host that is reached without the proxy: a name, `.NAME` for a domain, or a block of addresses."""
    word = one_line(value)
    if "*" in word:
        raise Wrong("a whole domain is written with a dot at its front", allowed="NAME, .NAME or CIDR", nearest=word.lstrip("*"))
    if "/" in word:
        return hosts.block(word)
    if word.startswith("."):
        return "." + hosts.host_name(word[1:])
    return hosts.host_name(word)


def guest_path(value: Value) -> str:
    """An absolute path inside the bottle that is free for a mount."""
    word = one_line(value)
    parts = word.split("/")
    if not word.startswith("/") or "" in parts[1:] or {".", ".."} & set(parts):
        raise Wrong("not an absolute path inside the bottle", allowed="as /data or /opt/tools")
    if any(word == taken or word.startswith(f"{taken}/") for taken in TAKEN_GUEST_PATHS) or word in {"/", "/home", "/home/agent"}:
        raise Wrong("the bottle itself needs this place", allowed="as /data, /opt/tools or /home/agent/.config/tool")
    return word


def host_path(find: Callable[[Path, str], Path]) -> Callable[[Value, ValidationInfo], Path]:
    """A reader of a path on the host; relative ones start at the file's folder."""

    def read(value: Value, info: ValidationInfo) -> Path:
        return find(surroundings(info).base, text(value))

    return read


def _is_plain(value: Value) -> bool:
    return value.is_plain if isinstance(value, Scalar) else not isinstance(value, str)


def _size(value: Value) -> int:
    return units.size(text(value))


def _time(value: Value) -> float:
    return units.seconds(text(value))


_MiB = 1024**2
_TiB = 1024**4

_HOST_SCHEMA = r"^((\*\*?\.)?[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?)$"

Text = Annotated[str, PlainValidator(text), WithJsonSchema({"type": "string"})]
Words = Annotated[str, PlainValidator(text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Line = Annotated[str, PlainValidator(one_line), WithJsonSchema({"type": "string", "minLength": 1})]
Flag = Annotated[bool, PlainValidator(flag), WithJsonSchema({"type": "boolean"})]
Version = Annotated[int, PlainValidator(version), WithJsonSchema({"const": 1})]
Host = Annotated[
    str,
    PlainValidator(lambda value: hosts.host_pattern(text(value))),
    WithJsonSchema({"type": "string", "pattern": _HOST_SCHEMA, "examples": ["api.example.com"]}),
]
Port = Annotated[
    int,
    PlainValidator(lambda value: hosts.port(whole(value))),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 65535}),
]
Block = Annotated[
    str, PlainValidator(lambda value: hosts.block(text(value))), WithJsonSchema({"type": "string", "examples": ["10.1.0.0/16"]})
]
Method = Annotated[str, PlainValidator(method), WithJsonSchema({"type": "string", "pattern": "^[A-Z][A-Z-]*$"})]
PathGlob = Annotated[str, PlainValidator(path_glob), WithJsonSchema({"type": "string", "pattern": "^/"})]
Header = Annotated[str, PlainValidator(header), WithJsonSchema({"type": "string"})]
Template = Annotated[str, PlainValidator(template), WithJsonSchema({"type": "string", "pattern": "\\{value\\}"})]
Name = Annotated[str, PlainValidator(name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})]
HostLabel = Annotated[str, PlainValidator(host_label), WithJsonSchema({"type": "string", "pattern": f"^{_LABEL.pattern}$"})]
Variable = Annotated[str, PlainValidator(variable), WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE.pattern}$"})]
HostFile = Annotated[Path, PlainValidator(host_path(file_at)), WithJsonSchema({"type": "string"})]
HostFolder = Annotated[Path, PlainValidator(host_path(folder_at)), WithJsonSchema({"type": "string"})]
SecretFile = Annotated[Path, PlainValidator(host_path(located)), WithJsonSchema({"type": "string"})]
HostPath = Annotated[Path, PlainValidator(host_path(anything_at)), WithJsonSchema({"type": "string"})]
ConnectFrom = Annotated[str, PlainValidator(pinned_host), WithJsonSchema({"type": "string"})]
ConnectTo = Annotated[str, PlainValidator(pinned_host), WithJsonSchema({"type": "string", "examples": ["127.0.0.1:8443"]})]
Operation = Annotated[
    str,
    PlainValidator(operation),
    WithJsonSchema({"type": "string", "pattern": "^(query|mutation|subscription)\\.", "examples": ["query.*"]}),
]
TokenUrl = Annotated[tuple[str, int, str], PlainValidator(token_url), WithJsonSchema({"type": "string", "pattern": "^https://"})]
Proxy = Annotated[str, PlainValidator(proxy), WithJsonSchema({"type": "string", "pattern": "^http://"})]
ProxyException = Annotated[str, PlainValidator(proxy_exception), WithJsonSchema({"type": "string"})]
GuestPath = Annotated[str, PlainValidator(guest_path), WithJsonSchema({"type": "string", "pattern": "^/"})]


NoLimit = Literal["none"]
_AMOUNT_SCHEMA = {
    "type": "string",
    "pattern": "^(none|[0-9]+(\\.[0-9]+)? ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB))$",
    "examples": ["4GiB"],
}
_TIME_SCHEMA = {"type": "string", "pattern": "^(none|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9.]+s)?)$", "examples": ["4h"]}
Memory = Annotated[
    int | NoLimit,
    PlainValidator(or_none(bounded(_size, 64 * _MiB, 64 * _TiB, unit=units.written_size))),
    WithJsonSchema(_AMOUNT_SCHEMA),
]
Body = Annotated[
    int,
    PlainValidator(bounded(_size, 0, _TiB, unit=units.written_size)),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?(B|kB|MB|GB|KiB|MiB|GiB)$", "examples": ["1MiB"]}),
]
Disk = Annotated[
    int | NoLimit,
    PlainValidator(or_none(bounded(_size, 16 * _MiB, 1024 * _TiB, unit=units.written_size))),
    WithJsonSchema(_AMOUNT_SCHEMA),
]
Time = Annotated[
    float | NoLimit,
    PlainValidator(or_none(bounded(_time, 1, 365 * 86400, unit=units.written_time))),
    WithJsonSchema(_TIME_SCHEMA),
]
Cpus = Annotated[
    float | NoLimit,
    PlainValidator(or_none(bounded(number, 0.1, 4096))),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0.1, "maximum": 4096}, {"const": "none"}]}),
]
Pids = Annotated[
    int | NoLimit,
    PlainValidator(or_none(bounded(whole, 16, 4_194_304))),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 16, "maximum": 4_194_304}, {"const": "none"}]}),
]
Dollars = Annotated[float, PlainValidator(bounded(number, 0, 1_000_000)), WithJsonSchema({"type": "number", "minimum": 0})]
Tokens = Annotated[int, PlainValidator(bounded(whole, 0, 10**12)), WithJsonSchema({"type": "integer", "minimum": 0})]

Agent = Annotated[AgentName, PlainValidator(one_of(AgentName, among="agents")), WithJsonSchema({"enum": list(AVAILABLE.agents)})]
BackendChoice = Annotated[
    BackendName, PlainValidator(one_of(BackendName, among="backends")), WithJsonSchema({"enum": list(AVAILABLE.backends)})
]
Mode = Annotated[
    WorkspaceMode, PlainValidator(one_of(WorkspaceMode, among="modes")), WithJsonSchema({"enum": list(AVAILABLE.modes)})
]
Home = Annotated[HomeKind, PlainValidator(one_of(HomeKind)), WithJsonSchema({"enum": list(get_args(HomeKind))})]
SchemeChoice = Annotated[Scheme, PlainValidator(one_of(Scheme)), WithJsonSchema({"enum": ["https", "http"]})]
TokenGrantName = Annotated[TokenGrant, PlainValidator(one_of(TokenGrant)), WithJsonSchema({"enum": list(get_args(TokenGrant))})]
Engine = Annotated[DlpEngine, PlainValidator(one_of(DlpEngine)), WithJsonSchema({"enum": list(get_args(DlpEngine))})]
Preset = Annotated[str, PlainValidator(preset), WithJsonSchema({"enum": list(AVAILABLE.presets)})]
ImageReference = Annotated[
    str,
    PlainValidator(lambda value: references.reference(text(value))),
    WithJsonSchema({"type": "string", "examples": ["debian:bookworm"]}),
]
Package = Annotated[str, PlainValidator(lambda value: references.package(text(value))), WithJsonSchema({"type": "string"})]
Network = Annotated[BuildNetwork, PlainValidator(one_of(BuildNetwork)), WithJsonSchema({"enum": list(get_args(BuildNetwork))})]
Runtime = Annotated[ImageRuntime, PlainValidator(one_of(ImageRuntime)), WithJsonSchema({"enum": list(get_args(ImageRuntime))})]
Webhook = Annotated[str, PlainValidator(webhook), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
WithinTime = Annotated[
    float,
    PlainValidator(bounded(_time, 1, 7 * 86400, unit=units.written_time)),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9.]+s)?$", "examples": ["30m"]}),
]
UnattendedChoice = Annotated[Unattended, PlainValidator(one_of(Unattended)), WithJsonSchema({"enum": list(get_args(Unattended))})]
FindFormat = Annotated[OnFormat, PlainValidator(one_of(OnFormat)), WithJsonSchema({"enum": list(get_args(OnFormat))})]
FindInjection = Annotated[OnInjection, PlainValidator(one_of(OnInjection)), WithJsonSchema({"enum": list(get_args(OnInjection))})]
Find = Annotated[OnFind, PlainValidator(one_of(OnFind)), WithJsonSchema({"enum": list(get_args(OnFind))})]
