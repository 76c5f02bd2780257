"""Who may use the page: pure decisions over the head of a request.

What an attacker controls: any web page that the operator has open may send requests here, from another site or from another port
of this machine; a name of the attacker's may resolve to 127.0.0.1 (DNS rebinding); other users of this machine may connect. What
they lack is the key. It is given once, for the link that was printed, and lives in the page alone: browsers send a cookie to
every port of a host, so the cookie by itself proves little, and both are asked for.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Literal

from bot_bottle.record import dataclass

BODY_LIMIT = 64 * 1024
KEY_HEADER = "x-bot-bottle-key"
OPEN_PATHS = ("/", "/page.css", "/page.js", "/icon.svg")
"""What anybody may read: the page without anything in it."""
HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The head of a request; names of headers in lower case, those that came twice joined by a comma."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The origins under which the page is served: scheme, host and port as a browser writes them."""

    origins: tuple[str, ...]

    @property
    def hosts(self) -> frozenset[str]:
        """What the Host header may say."""
        return frozenset(origin.partition("://")[2] for origin in self.origins)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One browser that came by a link."""

    cookie: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """The status and one sentence."""

    status: int
    why: str


Verdict = Refusal | Literal["open", "login", "session"]


def decide(head: Head, site: Site, sessions: tuple[Session, ...], *, cookie_name: str) -> Verdict:
    """Whether the request is let through, and as what."""
    if head.headers.get("host", "") not in site.hosts:
        return Refusal(status=421, why="This page is served under another name.")
    if head.method not in ("GET", "POST"):
        return Refusal(status=405, why="The page asks with GET and POST alone.")
    if "transfer-encoding" in head.headers or (head.method == "GET" and head.headers.get("content-length", "0") != "0"):
        return Refusal(status=400, why="A GET has no body, and a POST says its length.")
    if head.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return Refusal(status=403, why="Another site asks.")
    if head.headers.get("origin", site.origins[0]) not in site.origins:
        return Refusal(status=403, why="Another origin asks.")
    if head.method == "GET" and head.path in OPEN_PATHS:
        return "open"
    if head.method == "POST" and (why := bad_post(head)):
        return why
    if head.method == "POST" and head.path == "/login":
        return "login"
    if not any(belongs(head, session, cookie_name) for session in sessions):
        return Refusal(status=401, why="Open the link that `bot-bottle web` printed.")
    return "session"


def bad_post(head: Head) -> Refusal | None:
    """A form of another site can send neither JSON nor, since it is a browser, a POST without its origin."""
    if "origin" not in head.headers:
        return Refusal(status=403, why="A POST names its origin.")
    if head.headers.get("content-type", "") != "application/json":
        return Refusal(status=415, why="A POST is JSON.")
    length = head.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 8 and int(length) <= BODY_LIMIT):
        return Refusal(status=413, why="A POST says its length, which is at most 64 KiB.")
    return None


def belongs(head: Head, session: Session, cookie_name: str) -> bool:
    """Whether cookie and key are this session's. Compared in constant time."""
    cookie = cookies(head.headers.get("cookie", "")).get(cookie_name, "")
    key = head.headers.get(KEY_HEADER, "")
    same_cookie = hmac.compare_digest(cookie.encode(), session.cookie.encode())
    return hmac.compare_digest(key.encode(), session.key.encode()) and same_cookie


def cookies(text: str) -> dict[str, str]:
    """The Cookie header (RFC 6265, 4.2.1); of two with one name the first."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def origins(port: int, public: str = "") -> tuple[str, ...]:
    """Our own, and one under which a tunnel or proxy of the operator's serves us."""
    own = tuple(f"http://{host}" + ("" if port == 80 else f":{port}") for host in ("127.0.0.1", "localhost"))
    return (*own, public) if public else own
