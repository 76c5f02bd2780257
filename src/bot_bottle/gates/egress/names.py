"""The authority of a request in one spelling. The text is written by the bottle."""

import re

from bot_bottle.errors import Refused
from bot_bottle.manifest.names import canonical_host, canonical_pattern, is_address, shown

__all__ = ["authority_text", "canonical_authority", "canonical_host", "canonical_pattern", "is_address", "shown"]

_PORT = re.compile(r"[1-9][0-9]{0,4}")


def canonical_authority(text: str, *, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of `host:port` (CONNECT, Host, absolute-form). User information, an empty or padded port are refused.

    Without `default_port` the port must be there, as in CONNECT (RFC 9110, 9.3.6). IPv6 must be in brackets.
    """
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, ""
        if default_port is None:
            raise Refused(f"The authority “{shown(text)}” names no port.")
    elif not _PORT.fullmatch(port) or int(port) > 65535:
        raise Refused(f"The authority “{shown(text)}” has a port that is not a number from 1 to 65535.")
    if ":" in host and not host.startswith("["):
        raise Refused(f"The authority “{shown(text)}” has an IPv6 address without brackets.")
    number = int(port) if port else default_port
    assert number is not None
    return canonical_host(host), number


def authority_text(host: str, port: int, *, default_port: int | None = None) -> str:
    """How a canonical host and port are written: brackets around IPv6, the port unless it is the default one."""
    name = f"[{host}]" if ":" in host else host
    return name if port == default_port else f"{name}:{port}"
