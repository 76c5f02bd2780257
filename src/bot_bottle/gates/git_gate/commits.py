"""Commits and tags: who says to have made them, and what is in them that nobody would see. Pure: bytes in, findings out.

A bottle writes every byte. git's own check (fsck) has accepted the object before; here is what git accepts and what deceives a
reader.
"""

import codecs
import re
from collections.abc import Iterator

from bot_bottle.gates.git_gate.aliases import is_ignorable
from bot_bottle.gates.git_gate.records import MIB, Finding, PushRules
from bot_bottle.gates.git_gate.refs import ref_glob
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass, field

LARGEST = MIB
"""Bytes of a commit or tag with its message: a thousand pages."""

KNOWN = frozenset((
    b"tree", b"parent", b"author", b"committer", b"encoding", b"gpgsig", b"gpgsig-sha256", b"mergetag", b"change-id",
    b"object", b"type", b"tag", b"tagger",
))  # fmt: skip
"""Headers that git and Jujutsu write. No program shows any other, so any other is a place to hide things in."""

ENCODINGS = frozenset((
    "utf-8", "ascii", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1251", "cp1252", "koi8-r", "shift_jis", "cp932",
    "euc_jp", "euc_kr", "cp949", "gb2312", "gbk", "gb18030", "big5",
))  # fmt: skip
"""Encodings in which ASCII bytes are themselves (or nearly), so that what is searched is what is shown."""

_IDENTITY = re.compile(rb"([^<>\n]*) ?<([^<>\n]*)> (-?\d+) ([+-]\d{4})")
_SIGNED_OFF = re.compile(rb"^Signed-off-by: [^<\n]*<([^>\n]*)>[ \t]*$", re.MULTILINE | re.IGNORECASE)
_SIGNATURE = re.compile(rb"^-----BEGIN (?:PGP|SSH) (?:SIGNATURE|MESSAGE)-----", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A commit or tag, read: headers in order (continued lines joined), and the message."""

    kind: str
    headers: tuple[tuple[bytes, bytes], ...]
    message: bytes = field(repr=False)

    def first(self, name: bytes) -> bytes:
        """The first header of this name, or nothing."""
        return next((value for key, value in self.headers if key == name), b"")

    @property
    def is_signed(self) -> bool:
        """Whether it carries a signature; by whom is not looked at."""
        return bool(
            self.first(b"gpgsig") or self.first(b"gpgsig-sha256") or (self.kind == "tag" and _SIGNATURE.search(self.message))
        )


def read_object(kind: str, content: bytes) -> Written:
    """The object's headers and message (gitformat: header lines, an empty line, the message)."""
    head, _, message = content.partition(b"\n\n")
    headers: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\n"):
        if line.startswith(b" ") and headers:
            headers[-1] = (headers[-1][0], headers[-1][1] + b"\n" + line[1:])
        else:
            name, _, value = line.partition(b" ")
            headers.append((name, value))
    return Written(kind=kind, headers=tuple(headers), message=message)


def judge_object(kind: str, content: bytes, where: str, rules: PushRules) -> list[Finding]:
    """Everything that is wrong with this commit or tag."""
    if len(content) > LARGEST:
        why = f"It has {len(content)} bytes with its message; {LARGEST} are allowed."
        return [Finding(rule="commit-size", where=where, why=why, next="Write a shorter message.")]
    written = read_object(kind, content)
    found = [*_hidden(written, where), *_encoding(written, where), *_people(written, where, rules)]
    if kind == "commit":
        found += _promises(written, where, rules)
    elif rules.signatures == "none" and written.is_signed:
        found.append(_unwanted_signature(where))
    return found


def _hidden(written: Written, where: str) -> Iterator[Finding]:
    for name in dict.fromkeys(name for name, _ in written.headers):
        if name not in KNOWN:
            shown = plain(name.decode("latin-1"), limit=40)
            why = f"It has a header “{shown}”, which no program shows."
            yield Finding(rule="commit-header", where=where, why=why, next="Make the commit with git itself.")
    if any(b"\0" in value for _, value in written.headers) or b"\0" in written.message:
        why = "It has a NUL byte, behind which git shows nothing."
        yield Finding(rule="commit-hidden", where=where, why=why, next="Write the message anew without it.")
    text = written.message.decode("utf-8", "replace")
    if not text.isascii() and any(is_ignorable(letter) and letter not in "\u200d\ufe0f\ufe0e" for letter in text):
        why = "Its message has characters that nobody sees, or that turn the direction of others."
        yield Finding(rule="commit-hidden", where=where, why=why, next="Write the message anew without them.")
    if re.search(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]", written.message.replace(b"\0", b"")):
        why = "Its message has control characters, with which a terminal can be deceived."
        yield Finding(rule="commit-hidden", where=where, why=why, next="Write the message anew without them.")


def _encoding(written: Written, where: str) -> Iterator[Finding]:
    name = written.first(b"encoding").decode("latin-1")
    if name and not is_plain_encoding(name):
        why = f"Its message is said to be in {plain(name, limit=40)}, in which text can be hidden."
        yield Finding(rule="commit-encoding", where=where, why=why, next="Write messages in UTF-8 (i18n.commitEncoding).")


def is_plain_encoding(name: str) -> bool:
    """Whether text in this encoding shows what its bytes say."""
    try:
        return codecs.lookup(name).name in ENCODINGS
    except (LookupError, ValueError):
        return False


def _people(written: Written, where: str, rules: PushRules) -> Iterator[Finding]:
    for role in (b"author", b"committer", b"tagger"):
        for value in (value for name, value in written.headers if name == role):
            yield from _person(role.decode(), _text(value, written), where, rules)


def _text(value: bytes, written: Written) -> bytes:
    """In UTF-8, where the object says plainly that it is in another encoding."""
    name = written.first(b"encoding").decode("latin-1")
    return value.decode(name, "replace").encode() if name and is_plain_encoding(name) else value


def _person(role: str, value: bytes, where: str, rules: PushRules) -> Iterator[Finding]:
    match = _IDENTITY.fullmatch(value)
    if match is None:
        yield Finding(rule="identity", where=where, why=f"Its {role} is not “name <address> time zone”.", next=_IDENTIFY)
        return
    text = value.decode("utf-8", "surrogateescape")
    if any(not letter.isprintable() for letter in text):
        why = f"Its {role} has characters that nobody sees, or that are not UTF-8."
        yield Finding(rule="identity", where=where, why=why, next=_IDENTIFY)
    address = match.group(2).decode("utf-8", "replace").strip().lower()
    if rules.authors and not any(ref_glob(glob.lower()).fullmatch(address) for glob in rules.authors):
        why = f"Its {role} is {plain(address, limit=80) or 'nobody'}; allowed are {', '.join(rules.authors)}."
        yield Finding(rule="identity", where=where, why=why, next=_IDENTIFY)


_IDENTIFY = "Set user.name and user.email, and make the commit anew (git commit --amend --reset-author)."


def _promises(written: Written, where: str, rules: PushRules) -> Iterator[Finding]:
    author = _IDENTITY.fullmatch(written.first(b"author"))
    if rules.sign_off and author is not None:
        signed = {address.strip().lower() for address in _SIGNED_OFF.findall(written.message)}
        if author.group(2).strip().lower() not in signed:
            why = "It is not signed off by its author."
            yield Finding(rule="sign-off", where=where, why=why, next="git commit --amend --signoff, or git rebase --signoff.")
    if rules.signatures == "none" and written.is_signed:
        yield _unwanted_signature(where)
    if rules.signatures == "required" and not written.is_signed:
        yield Finding(
            rule="signature", where=where, why="It has no signature.", next="Sign it (git commit -S), or ask the operator."
        )


def _unwanted_signature(where: str) -> Finding:
    why = "It is signed, and signatures are not allowed: a key in a bottle proves nothing about a person."
    return Finding(rule="signature", where=where, why=why, next="Make it anew with --no-gpg-sign.")
