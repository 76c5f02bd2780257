"""Host names, ports and addresses as a manifest writes them, made canonical. What is not plainly one meaning is refused."""

import re

from bot_bottle.errors import Refused
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.names import canonical_host, is_address

_DOTTED = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_NUMBER_LIKE = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")


def host_pattern(text: str) -> str:
    """A rule's host, canonical: a lower-case A-label name (RFC 5890), `*.` or `**.` before one, or an IP address."""
    prefix, name = _split_wildcard(text)
    if prefix:
        if "." not in name.strip("."):
            raise Wrong(
                "the wildcard covers a whole top-level domain", allowed="a name with a dot after the wildcard, as *.example.com"
            )
        base = host_name(name)
        if is_address(base):
            raise Wrong("a wildcard before an IP address", allowed="addresses one by one, or a name")
        return prefix + base
    return host_name(text)


def host_name(text: str) -> str:
    """One host in the spelling that requests are compared in (`names.canonical_host`), with hints for what people paste.

    Stricter than for requests: of IPv4 addresses, only the dotted form with four decimal numbers.
    """
    _refuse_other_shapes(text)
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    name = bare.lower().removesuffix(".")
    if not name.isascii():
        raise Wrong("a host name is written in its ASCII form", nearest=_ascii_form(name))
    if _NUMBER_LIKE.match(name.rpartition(".")[2]) and ":" not in name and not _DOTTED.fullmatch(name):
        raise Wrong("a number form of an IP address has more than one meaning", allowed="four decimal numbers, as 192.0.2.1")
    try:
        return canonical_host(bare)
    except Refused:
        pass
    if "xn--" in name:
        raise Wrong("this encoded name (xn--) does not decode to a name")
    if ":" in name:
        raise Wrong("not an IP address", allowed="as 2001:db8::1, without zone", nearest=_mapped(name))
    raise Wrong("not a host name", allowed="a name as api.example.com, *.example.com, **.example.com, or an IP address")


def port(value: int) -> int:
    """A TCP port."""
    if not 1 <= value <= 65535:
        raise Wrong("not a port", allowed="1 to 65535")
    return value


def host_and_port(text: str, *, default: int | None = None) -> tuple[str, int]:
    """HOST:PORT, with the port optional when there is a default. IPv6 addresses stand in brackets when a port follows."""
    name, colon, digits = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in name and not name.endswith("]")):
        if default is None:
            raise Wrong("the port is missing", allowed="HOST:PORT, as api.example.com:443")
        return host_pattern(text), default
    if not digits.isascii() or not digits.isdigit() or len(digits) > 5:
        raise Wrong("not a port", allowed="1 to 65535")
    return host_pattern(name), port(int(digits))


def written(host: str, port: int) -> str:
    """HOST:PORT, brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def block(text: str) -> str:
    """A CIDR block (RFC 4632), canonical; one address is a block of its own."""
    import ipaddress

    try:
        return str(ipaddress.ip_network(text, strict=True))
    except ValueError:
        pass
    try:
        meant = str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise Wrong("not a block of addresses", allowed="CIDR, as 10.1.0.0/16 or 192.0.2.7") from None
    raise Wrong("the address has bits set beyond its prefix", nearest=meant)


def _split_wildcard(text: str) -> tuple[str, str]:
    for prefix in ("**.", "*."):
        if text.startswith(prefix):
            return prefix, text[len(prefix) :]
    if "*" in text:
        raise Wrong(
            "a wildcard stands alone at the front of a host", allowed="*.example.com (one label) or **.example.com (any depth)"
        )
    return "", text


def _refuse_other_shapes(text: str) -> None:
    """Addresses of web pages and HOST:PORT are what people paste; say where the parts belong."""
    if "://" in text:
        rest = text.split("://", 1)[1]
        host = re.split(r"[/:?#]", rest, maxsplit=1)[0]
        raise Wrong("a host has no scheme and no path", nearest=host if host.isascii() and host.isprintable() else "")
    if "/" in text or "?" in text or "#" in text or "@" in text:
        raise Wrong("a host has no path", allowed="the host alone; paths go into paths: [...]")
    if re.fullmatch(r"[^:\[\]]+:[0-9]+", text):
        raise Wrong(
            "a host has no port", allowed="the host alone; ports go into ports: [...]", nearest=text.split(":", maxsplit=1)[0]
        )


def _mapped(text: str) -> str:
    """The IPv4 address inside an IPv6 address that has one."""
    import ipaddress

    try:
        mapped = ipaddress.IPv6Address(text).ipv4_mapped
    except ValueError:
        return ""
    return str(mapped or "")


def _ascii_form(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
