"""Objects of a repository, for the git gate: the same detectors and secrets as for requests.

Everything in an object is the bottle's. What cannot be looked at as a whole is itself a finding.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from bot_bottle.gates.base import BlobScan, Sighting
from bot_bottle.gates.dlp import unpack
from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.pieces import Fragments
from bot_bottle.gates.dlp.policy import Settings, action_for
from bot_bottle.gates.dlp.records import Finding, Match, View, finding
from bot_bottle.gates.dlp.scan import MOST, BodyScan, Scanner

WHOLE = 4 * 1024 * 1024
"""Objects up to this size are looked at in one piece; of larger ones only archives are."""

HOST = "git"
"""What stands for the host where the operator's settings speak of rules and hosts."""


class BlobScanner:
    """Compiled once, asked once per object. Findings name the object by the words that the caller gives."""

    def __init__(self, secrets: Sequence[OwnSecret], *, key: bytes, scanner: Scanner | None = None) -> None:
        self._scanner = scanner or Scanner(OUTGOING, key=key, secrets=secrets)
        self._key = key

    def scan_blob(self, content: bytes, context: str) -> list[Finding]:
        """Everything found in one whole object. `context` says which, as "src/a.py of commit 1a2b3c4"."""
        view = View("git", context, content)
        found: dict[tuple[str, str, tuple[str, ...]], Finding] = {}
        for one in islice(self._scanner.judge(view, self._scanner.engine.find(content)), MOST):
            found.setdefault((one.rule, one.fingerprint, one.via), one)
        return list(found.values())

    def apart(self) -> "BlobScanner":
        """The same for another thread."""
        other = copy.copy(self)
        other._scanner = self._scanner.apart()
        return other

    def stream(self, context: str) -> BodyScan:
        """For an object that is read in chunks: every token that lies in one of its steps, but no archive as a whole."""
        return BodyScan(self._scanner, "git", context)

    def scan_archive(self, packed: bytes, context: str) -> list[Finding]:
        """What is in a large compressed object, besides what `stream` finds in its bytes."""
        found: list[Finding] = []
        for text in unpack.opened(packed)[1:]:
            if len(text) >= unpack.LIMIT:
                found.append(self.own_finding("too-large", "An archive that opens to more than can be looked at", context))
            view = View("git", context, text, ("compression",))
            found += islice(self._scanner.judge(view, self._scanner.engine.find(text)), MOST)
        return found

    def own_finding(self, rule: str, title: str, context: str) -> Finding:
        """Something about the object as a whole that keeps it from being looked at."""
        return finding(Match("unscannable", rule, title, 0, 0), View("git", context, b""), self._key)


class ObjectScan(BlobScan):
    """The objects of one push, one after the other; a secret cut into pieces is seen when enough of them have gone by."""

    def __init__(self, scanner: BlobScanner, secrets: Sequence[OwnSecret], settings: Settings) -> None:
        self._scanner = scanner
        self._settings = settings
        self._secrets = secrets
        self._fragments = Fragments(secrets)

    def __call__(self, parts: Iterable[bytes], where: str) -> list[Sighting]:
        """What is in this object, each thing once."""
        rest = iter(parts)
        first = next(rest, b"")
        second = next(rest, None)
        if second is None and len(first) <= WHOLE:
            found = self._whole(first, where)
            pieces = self._in_pieces(first)
        else:
            found, pieces = self._streamed(chain((first,), () if second is None else (second,), rest), where)
        told: dict[tuple[str, str], Sighting] = {}
        for one in found:
            sighting = self._told(one)
            if sighting is not None:
                told.setdefault((one.rule, one.fingerprint), sighting)
        seen = {rule for rule, _ in told}
        many = (
            [Sighting(rule="too-many", what="More than can be told apart", stops=True, asks=True)] if len(found) >= MOST else []
        )
        return [*told.values(), *(one for one in pieces if one.rule not in seen), *many]

    def apart(self) -> "ObjectScan":
        """With room of its own to search in; the pieces that went by are counted together."""
        other = copy.copy(self)
        other._scanner, other._fragments = self._scanner.apart(), self._fragments.apart()
        return other

    def _whole(self, content: bytes, where: str) -> list[Finding]:
        found = self._scanner.scan_blob(content, where)
        return found + self._uncounted(content, where)

    def _uncounted(self, content: bytes, where: str) -> list[Finding]:
        """A zip archive with more files than are read."""
        if content[:2] == b"PK" and content.count(b"PK\x01\x02") > unpack.MEMBERS:
            return [self._scanner.own_finding("many-members", "An archive of more files than can be looked at", where)]
        return []

    def _streamed(self, parts: Iterator[bytes], where: str) -> tuple[list[Finding], list[Sighting]]:
        body = self._scanner.stream(where)
        found: list[Finding] = []
        pieces: list[Sighting] = []
        packed = bytearray()
        is_packed = None
        for part in parts:
            found += body.feed(part)
            del found[2 * MOST :]
            pieces += self._in_pieces(part, is_part=True)
            if is_packed is None:
                is_packed = part[:2] in unpack.MARKS
            if is_packed and len(packed) <= unpack.PACKED:
                packed += part
        found += body.finish()
        if len(packed) > unpack.PACKED:
            found.append(self._scanner.own_finding("too-large", "An archive too large to be looked at", where))
        elif packed:
            found += self._scanner.scan_archive(bytes(packed), where) + self._uncounted(bytes(packed), where)
        return found, pieces

    def _in_pieces(self, content: bytes, *, is_part: bool = False) -> list[Sighting]:
        """Pieces in one object are a secret cut up; over several objects they may also be chance, so the operator is asked."""
        told = []
        for match in self._fragments.look(content):
            is_here = not is_part and any(one.rule == match.rule for one in Fragments(self._secrets).look(content))
            told.append(Sighting(rule=match.rule, what=match.title, stops=True, asks=not is_here))
        return told

    def _told(self, one: Finding) -> Sighting | None:
        action = action_for(one, HOST, self._settings)
        if action == "off":
            return None
        undone = f", through {' and '.join(one.via)}" if one.via else ""
        shown = f" ({one.preview})" if len(one.preview) > 1 else ""
        return Sighting(
            rule=one.rule,
            what=f"{one.title}{shown}{undone}",
            stops=action in {"block", "redact", "ask"},
            asks=action == "ask",
            mark=one.fingerprint if one.kind in {"own", "canary", "format"} else "",
        )
