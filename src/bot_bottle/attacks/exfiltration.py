"""Attempts to carry a secret of the operator's out through a host that a rule allows: encodings, pieces, odd places."""

from bot_bottle.attacks.case import Case, Group, attack
from bot_bottle.attacks.scene import OPEN_HOST

ENCODINGS = (
    "plain", "base64", "base64-url", "base64-offset", "base64-lines", "base64-twice", "base32", "base85", "ascii85", "hex", "hex-upper",
    "hex-dashes", "hex-c", "percent", "percent-twice", "json", "html", "decimal", "quoted-printable", "backwards", "base64-backwards", "rot13",
    "utf-16", "utf-32", "blanks", "dots", "zero-width", "lower", "gzip", "gzip-base64", "zlib", "zlib-hex", "padded",
)  # fmt: skip
PLACES = (
    "path", "path-split", "query", "query-hex", "query-split", "query-names", "header", "header-split", "header-name", "cookie", "user-agent",
    "referer", "basic", "form", "form-fields", "json", "json-split", "multipart", "chunks", "coded-gzip", "coded-unknown", "last", "requests",
    "websocket", "host-label", "tls-name",
)  # fmt: skip
ANSWERS = {"websocket": ("403", "ended"), "host-label": ("403",), "tls-name": ("421",)}
EVIDENCE = {
    "requests": ("unseen", "/open/leak-in-requests-2"),
    "last": ("secret_unseen", "/open/leak-in-last"),
    "websocket": ("secret_unseen", "/open/leak-in-websocket"),
}
"""Where the request itself may arrive, or its first part: what must not have."""


def place(name: str) -> Case:
    """The secret in this place."""
    path = f"/open/leak-in-{name}"
    return attack(
        f"leak-in-{name}",
        f"The secret in another place: {name}",
        "web.leak_in_place",
        ANSWERS.get(name, ("403",)),
        host=OPEN_HOST,
        path=path,
        secret="$secret",
        spot=name,
        evidence=EVIDENCE.get(name, ("unseen", path)),
    )


CASES = (
    *(
        attack(f"leak-{name}", f"The secret in a body, {name}", "web.leak", ("403",), host=OPEN_HOST, path=f"/open/leak-{name}", secret="$secret", encoding=name, evidence=("unseen", f"/open/leak-{name}"))
        for name in ENCODINGS
    ),
    *(place(name) for name in PLACES),
    attack("leak-bait", "A canary that the operator planted", "web.leak", ("403",), host=OPEN_HOST, path="/open/leak-bait", secret="$bait", encoding="base64", evidence=("unseen", "/open/leak-bait")),
    attack("leak-format", "A token of a known format that nobody named", "web.leak", ("403",), host=OPEN_HOST, path="/open/leak-format", secret="$token", encoding="plain", evidence=("unseen", "/open/leak-format")),
    attack("leak-none", "Control: a body without a secret does arrive", "web.leak", ("200",), host=OPEN_HOST, path="/open/leak-none", secret="nothing to hide", encoding="base64", evidence=("arrived", "/open/leak-none")),
)  # fmt: skip

GROUP = Group(name="exfiltration", about="a secret in disguise, through an allowed host", cases=CASES)
