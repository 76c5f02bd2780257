"""From the values that the bundle was given to the secrets that are searched for: .env files become one per line. Pure."""

import re
from collections.abc import Iterable, Mapping

from bot_bottle.gates.dlp.checks import is_random
from bot_bottle.gates.dlp.own import SHORTEST, OwnSecret

_ENTRY = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$")
_SECRET_NAME = re.compile(r"(?i)secret|token|passw|pwd|key|credential|auth|dsn|private|salt|cert|webhook")
_USERINFO = re.compile(r"^[a-z][a-z0-9+.-]*://[^\s/:@]*:([^\s/@]+)@", re.IGNORECASE)
PLAIN = frozenset(("development", "production", "localhost", "postgres", "changeme", "password", "disabled", "undefined"))
"""Values of settings, never secrets: a value that stands in half of all requests would stop the bottle's work."""


def own_secrets(
    values: Mapping[str, str], *, files: Iterable[str] = (), canaries: Iterable[str] = ()
) -> tuple[list[OwnSecret], list[str]]:
    """The secrets, and the names of values too short or too plain to search for. `files` are names whose value is a file."""
    found: list[OwnSecret] = []
    left: list[str] = []
    baits, from_files = set(canaries), set(files)
    for name, value in values.items():
        entries = _entries(value) if name in from_files else None
        if entries is None:
            _add(found, left, name, value, is_canary=name in baits)
            continue
        for key, text in entries:
            if _is_secret(key, text):
                _add(found, left, f"{name} {key}", text, is_canary=False)
    return found, left


def _add(found: list[OwnSecret], left: list[str], name: str, value: str, *, is_canary: bool) -> None:
    text = value.strip()
    if len(text) < SHORTEST or text.lower() in PLAIN:
        left.append(name)
        return
    found.append(OwnSecret(name, text.encode(), "canary" if is_canary else "own"))
    inner = _USERINFO.match(text)
    if inner and len(inner.group(1)) >= SHORTEST and inner.group(1).lower() not in PLAIN:
        found.append(OwnSecret(f"{name} (password)", inner.group(1).encode()))


def _entries(text: str) -> list[tuple[str, str]] | None:
    """The entries of a .env file, or None when the text is something else."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    matches = [_ENTRY.match(line) for line in lines]
    if not lines or any(match is None for match in matches):
        return None
    return [(match.group(1), match.group(2).strip("'\"")) for match in matches if match is not None]


def _is_secret(name: str, value: str) -> bool:
    if value.lower() in PLAIN or len(value) < SHORTEST:
        return False
    return _SECRET_NAME.search(name) is not None or _USERINFO.match(value) is not None or (len(value) >= 16 and is_random(value))
