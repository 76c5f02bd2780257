"""pkt-lines (gitprotocol-common(5)) and what a push says in them (gitprotocol-pack(5)). Pure; every byte is the bottle's.

A ref's name is checked for its form here and for what it may be elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from bot_bottle.errors import Refused
from bot_bottle.record import dataclass

FLUSH = b"0000"
LINE_LIMIT = 65520
"""Bytes of a pkt-line, its length included (gitprotocol-common(5))."""

BAND_LIMIT = 65515
"""Bytes of payload in one packet of side-band-64k: the line without its length and the band's number."""

DATA, PROGRESS = 1, 2

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHALLOW = re.compile(rb"shallow (?:[0-9a-f]{40}|[0-9a-f]{64})\n?")
_FORBIDDEN = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]")
REF_LIMIT = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One line of a push: what the client takes the ref to be at, and what it is to be; zeros for none."""

    ref: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """The head of a push: its commands and what the client can do."""

    commands: tuple[Command, ...]
    capabilities: frozenset[str]


def line(payload: bytes | str) -> bytes:
    """One pkt-line."""
    content = payload.encode() if isinstance(payload, str) else payload
    if len(content) > LINE_LIMIT - 4:
        raise ValueError("a pkt-line is too long")
    return b"%04x" % (len(content) + 4) + content


def band(number: int, content: bytes) -> Iterator[bytes]:
    """Side-band packets that carry the content."""
    for start in range(0, len(content), BAND_LIMIT):
        yield line(bytes((number,)) + content[start : start + BAND_LIMIT])


def length(head: bytes) -> int:
    """The length that the four bytes before a line say; 0 is a flush. Refused for anything that is no line of data."""
    if not re.fullmatch(rb"[0-9a-fA-F]{4}", head):
        raise Refused("a pkt-line does not begin with its length")
    size = int(head, 16)
    if size != 0 and (size <= 4 or size > LINE_LIMIT):
        raise Refused("a pkt-line has an impossible length")
    return size


def read_push(lines: Sequence[bytes]) -> Push:
    """The commands of a push. Refused for what is none: no ids, no ref, certificates, one ref twice.

    A shallow clone says in lines before them where its history ends (gitprotocol-pack). They are not believed: the pack is taken
    only if all that it leads to is in the mirror.
    """
    commands: list[Command] = []
    capabilities: frozenset[str] = frozenset()
    for content in lines:
        text, mark, rest = content.partition(b"\0")
        if not commands and _SHALLOW.fullmatch(text):
            continue
        if mark:
            if commands:
                raise Refused("capabilities come with the first command only")
            capabilities = frozenset(_text(rest).split())
        commands.append(_command(_text(text).removesuffix("\n")))
    if len({command.ref for command in commands}) != len(commands):
        raise Refused("one push names the same ref twice")
    return Push(commands=tuple(commands), capabilities=capabilities)


def _command(text: str) -> Command:
    if text.startswith("push-cert"):
        raise Refused("signed pushes are not taken")
    old, _, rest = text.partition(" ")
    new, _, ref = rest.partition(" ")
    if not (_ID.fullmatch(old) and _ID.fullmatch(new) and len(old) == len(new)):
        raise Refused("a command of this push has no object ids")
    if not is_ref(ref):
        raise Refused("a command of this push names no ref")
    return Command(ref=ref, old=old, new=new)


def is_ref(name: str) -> bool:
    """Whether git would take this as a full ref name (git-check-ref-format(1)). It goes to other servers."""
    parts = name.split("/")
    return (
        len(name) <= REF_LIMIT
        and len(parts) >= 3
        and parts[0] == "refs"
        and not _FORBIDDEN.search(name)
        and ".." not in name
        and "@{" not in name
        and not any(not part or part.startswith((".", "-")) or part.endswith((".lock", ".")) for part in parts)
    )


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Refused("a command of this push is not UTF-8") from None


def advertisement(service: str, refs: Iterable[tuple[str, str]], *, capabilities: str, known: Iterable[str], zero: str) -> bytes:
    """What a push begins with: our refs, then tips that we have under no name (`.have`), so that packs stay small."""
    rows = [*refs, *((tip, ".have") for tip in known)]
    first, *rest = rows or [(zero, "capabilities^{}")]
    lines = [line(f"# service={service}\n"), FLUSH, line(f"{first[0]} {first[1]}\0{capabilities}\n")]
    return b"".join([*lines, *(line(f"{value} {name}\n") for value, name in rest), FLUSH])


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of one command; `why` is empty where it was done, `renamed` is where it went if that is another ref."""

    ref: str
    why: str = ""
    renamed: str = ""
    old: str = ""
    new: str = ""


def report(results: Sequence[Result], *, unpack: str, second: bool) -> bytes:
    """The report of a push: report-status, or with `second` report-status-v2, which can say that a ref went elsewhere."""
    lines = [line(f"unpack {unpack}\n")]
    for one in results:
        if one.why:
            lines.append(line(f"ng {one.ref} {one.why}\n"))
            continue
        lines.append(line(f"ok {one.ref}\n"))
        if second and one.renamed:
            lines.append(line(f"option refname {one.renamed}\n"))
            lines += [line(f"option old-oid {one.old}\n"), line(f"option new-oid {one.new}\n")]
    return b"".join([*lines, FLUSH])
