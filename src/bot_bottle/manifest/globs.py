"""Path globs of rules and credentials: `*` within a segment, `**` across. Compiled once, matched on canonical paths."""

import re
from urllib.parse import quote

from bot_bottle.errors import Refused
from bot_bottle.manifest.names import shown

GLOB_LIMIT = 1024
_SPELLED = "!$&'()+,=:@"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_FOLDED = _UNRESERVED | frozenset(_SPELLED.encode())


def compile_glob(text: str, *, deny: bool = False) -> re.Pattern[str]:
    """The pattern for `fullmatch` on a folded path (`gates.egress.paths.readings`).

    A deny ignores case and a last slash, and `/a/**` in a deny covers `/a` too: servers that read both alike must not open a
    way round.
    """
    check_glob(text)
    if not deny:
        return re.compile(_pattern(text), re.DOTALL)
    bare = text.rstrip("/")
    folders = [bare, bare.removesuffix("/**")] if bare else [text]
    return re.compile("|".join(f"(?:{_pattern(one)}/?)" for one in dict.fromkeys(folders) if one), re.DOTALL | re.IGNORECASE)


def check_glob(text: str) -> None:
    """Refused unless it is an absolute path glob whose literal parts could be in a canonical path."""
    if not text.startswith("/"):
        raise Refused(f"The path “{shown(text)}” does not begin with “/”.")
    if len(text) > GLOB_LIMIT or text.count("*") > 16:
        raise Refused(f"The path “{shown(text)}” is too long or has too many stars.")
    if re.search(r"[?#;\\\x00-\x1f\x7f]", text):
        raise Refused(f"The path “{shown(text)}” has a character that no canonical path has; queries are matched by “query”.")
    if "***" in text or "//" in text or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise Refused(f"The path “{shown(text)}” is not understood: “*”, “**”, single slashes and %XX are.")
    if any(segment in {".", ".."} for segment in text.split("/")):
        raise Refused(f"The path “{shown(text)}” has a dot segment; no canonical path has one.")


def _pattern(text: str) -> str:
    """Atomic groups (Python 3.11) take the first place where a part fits and never return: a hostile path costs O(n²) at
    most, however many stars. The first place is enough, because what follows a star fits behind it whenever it fits later.
    """
    first, *rest = text.split("**")
    if not rest:
        return _block(first, last=True)
    middle = "".join(f"(?>.*?{_block(block, last=False)})" for block in rest[:-1])
    return _block(first, last=False) + middle + ".*" + _block(rest[-1], last=True)


def _block(text: str, *, last: bool) -> str:
    """What stands between two `**`; the last one is bound to the path's end, so only its last star may give back."""
    first, *rest = [_literal(part) for part in text.split("*")]
    inner = rest[:-1] if last else rest
    end = f"[^/]*{rest[-1]}" if last and rest else ""
    return first + "".join(f"(?>[^/]*?{part})" for part in inner) + end


def _literal(text: str) -> str:
    return "".join(_spelled(token) for token in re.findall(r"%[0-9A-Fa-f]{2}|[^%]+", text))


def _spelled(token: str) -> str:
    """The folded spelling: reserved characters plain, everything that a path cannot hold as %XX."""
    if token.startswith("%"):
        octet = int(token[1:], 16)
        return re.escape(chr(octet)) if octet in _FOLDED else f"%{octet:02X}"
    return re.escape(quote(token, safe="/-._~" + _SPELLED))
