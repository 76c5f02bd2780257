"""OAuth 2.0 tokens that the gate gets for itself (RFC 6749): what it asks the token server, and what it takes from the answer.

Pure. The bottle sees neither the request nor the answer. The token server is not trusted further than its own tokens.
"""

import base64
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from bot_bottle.errors import Refused
from bot_bottle.guest.jsontext import NotJson, loads
from bot_bottle.manifest.spec import OAuth2
from bot_bottle.record import dataclass, field

EARLY_S = 60.0
"""A token is renewed this long before it ends: clocks differ, and a request may take a while to arrive."""

USUAL_LIFE_S = 3600.0
"""For a server that does not say how long its token lives (`expires_in` is only recommended, RFC 6749, 5.1)."""

LONGEST_LIFE_S = 30 * 86400.0
TOKEN_LIMIT = 16 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """What the server gave. `life_s` counts from now; `refresh` is empty when the old one stays."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    life_s: float


def token_request(asked: OAuth2, *, secret: str, client_secret: str) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Header fields and form of the request. `secret` is the refresh token, or the client's secret for `client_credentials`.

    A client's secret goes by Basic authentication, which every server supports (RFC 6749, 2.3.1); a public client says its id.
    """
    form: dict[str, str] = {"grant_type": asked.grant}
    if asked.grant == "refresh_token":
        form["refresh_token"] = secret
    else:
        client_secret = secret
    if asked.scope:
        form["scope"] = asked.scope
    fields = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    if client_secret:
        pair = f"{quote(asked.client_id, safe='')}:{quote(client_secret, safe='')}"
        fields.append(("authorization", "Basic " + base64.b64encode(pair.encode()).decode()))
    else:
        form["client_id"] = asked.client_id
    return tuple(fields), urlencode(form).encode()


def read_token(status: int, body: bytes) -> Token:
    """The token in an answer (RFC 6749, 5.1). Refused with the server's own error code, never with a token."""
    try:
        answer = loads(body.decode())
    except (NotJson, UnicodeDecodeError):
        answer = None
    if not isinstance(answer, dict):
        raise Refused(f"The token server answered {status}, and not with a JSON object.")
    access = answer.get("access_token")
    if status != 200 or not isinstance(access, str) or not access:
        raise Refused(f"The token server answered {status}{_reason(answer)}.")
    if str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise Refused("The token server gave a token that is no bearer token.")
    refresh = answer.get("refresh_token", "")
    if len(access) > TOKEN_LIMIT or not isinstance(refresh, str) or len(refresh) > TOKEN_LIMIT:
        raise Refused("The token server gave a token that no header can hold.")
    return Token(access=access, refresh=refresh, life_s=_life(answer.get("expires_in")))


def _reason(answer: Mapping[str, object]) -> str:
    """The error code of RFC 6749, 5.2, when it is one: letters and underscores, as all that are registered."""
    code = answer.get("error")
    known = isinstance(code, str) and len(code) <= 64 and code.isascii() and code.replace("_", "").isalnum()
    return f" ({code})" if known else ""


def _life(said: object) -> float:
    try:
        seconds = float(said)  # type: ignore[arg-type]  # whatever it is, it either converts or does not
    except (TypeError, ValueError):
        return USUAL_LIFE_S
    return min(max(seconds, 0.0), LONGEST_LIFE_S) if seconds == seconds else USUAL_LIFE_S  # noqa: PLR0124  # NaN is not itself
