"""Objects of a repository, for the git gate: the same detectors and secrets as for requests."""

from collections.abc import Sequence

from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.records import Finding, View
from bot_bottle.gates.dlp.scan import BodyScan, Scanner


class BlobScanner:
    """Compiled once, asked once per object. Findings name the object by the words that the caller gives."""

    def __init__(self, secrets: Sequence[OwnSecret], *, key: bytes) -> None:
        self._scanner = Scanner(OUTGOING, key=key, secrets=secrets)

    def scan_blob(self, content: bytes, context: str) -> list[Finding]:
        """Everything found in one whole object. `context` says which, as "src/a.py of commit 1a2b3c4"."""
        return self._scanner.scan((View("git", context, content),))

    def stream(self, context: str) -> BodyScan:
        """For an object that is read in chunks; same verdict as `scan_blob`."""
        return BodyScan(self._scanner, "git", context)
