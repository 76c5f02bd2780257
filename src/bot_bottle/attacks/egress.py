"""Attacks on the egress gate's protocol: to reach another host, or another request, than the one that was allowed."""

import re
from collections.abc import Iterator

from bot_bottle.attacks.case import Case, Group, attack
from bot_bottle.attacks.egress_requests import INNER, NOT_TLS, in_tunnel, to_proxy
from bot_bottle.attacks.scene import OPEN_HOST, PLAIN_HOST

OTHER = "other.example.com"
CLOSED_PATH = "/open/closed/egress"


def slug(text: str) -> str:
    """A name in words as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def rows() -> Iterator[Case]:
    """One case for each row that has a status of its own; none of it may reach the server."""
    for name, raw, status in in_tunnel(OPEN_HOST, "/open/abuse", too_large=403):
        yield attack(
            f"egress-{slug(name)}",
            f"In a tunnel: {name}",
            "web.in_tunnel",
            (str(status),),
            host=OPEN_HOST,
            raw=raw,
            evidence=("unseen", "/abuse"),
        )
    for name, raw, status in to_proxy(OPEN_HOST, PLAIN_HOST):
        yield attack(
            f"egress-proxy-{slug(name)}",
            f"To the gate: {name}",
            "web.to_proxy",
            (str(status),),
            raw=raw,
            evidence=("unseen", "GET / "),
        )
    for name, raw in NOT_TLS:
        yield attack(
            f"egress-no-tls-{slug(name)}",
            f"In a tunnel, without TLS: {name}",
            "web.not_tls",
            ("400",),
            host=OPEN_HOST,
            raw=raw,
            evidence=("unseen", "SSH-2.0"),
        )
    for number, address in enumerate(INNER, 1):
        raw = f"GET / HTTP/1.1\r\nHost: {'[' + address + ']' if ':' in address else address}\r\n\r\n"
        yield attack(
            f"egress-inner-{number}",
            f"An address inside, spelled {address}",
            "web.in_tunnel",
            ("403", "400", "421"),
            host=address,
            raw=raw,
        )


GET = "GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"
SMUGGLED = GET.format(path="/open/closed/smuggled", host=OPEN_HOST, more="")

CASES = (
    attack("egress-control", "Control: what a rule allows does arrive", "web.get", ("200",), host=OPEN_HOST, target="/open/control-arrives", evidence=("arrived", "/open/control-arrives")),
    attack("egress-other-host", "A host that no rule allows", "web.get", ("403",), host=OTHER, target="/open/other"),
    attack("egress-other-port", "Another port of an allowed host", "web.in_tunnel", ("403",), host=OPEN_HOST, port=8443, raw=GET.format(path="/open/port", host=f"{OPEN_HOST}:8443", more=""), evidence=("unseen", "/open/port")),
    attack("egress-denied-path", "A path that a rule denies on an allowed host", "web.get", ("403",), host=OPEN_HOST, target=CLOSED_PATH, evidence=("unseen", CLOSED_PATH)),
    attack("egress-denied-path-coded", "The same, written with percent signs", "web.get", ("403", "400"), host=OPEN_HOST, target="/open/%63losed/egress", evidence=("unseen", "losed/egress")),
    attack("egress-denied-path-case", "The same, with two slashes", "web.get", ("403", "400"), host=OPEN_HOST, target="/open//closed/egress", evidence=("unseen", "closed/egress")),
    attack("egress-sni-other", "Another name to TLS than to the gate (domain fronting)", "web.in_tunnel", ("421",), host=OPEN_HOST, name=OTHER, raw=GET.format(path="/open/fronted", host=OPEN_HOST, more=""), evidence=("unseen", "/open/fronted")),
    attack("egress-sni-sub", "The name of a subdomain to TLS", "web.in_tunnel", ("421",), host=OPEN_HOST, name=f"x.{OPEN_HOST}", raw=GET.format(path="/open/fronted", host=OPEN_HOST, more=""), evidence=("unseen", "/open/fronted")),
    attack("egress-smuggled-body", "A second request in a body stays a body", "web.in_tunnel", ("200",), host=OPEN_HOST, raw=f"POST /open/carrier HTTP/1.1\r\nHost: {OPEN_HOST}\r\nConnection: close\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}", evidence=("no_request", "/open/closed/smuggled")),
    attack("egress-pipelined", "A denied request behind allowed ones", "web.many", ("403",), host=OPEN_HOST, raw=GET.format(path="/open/first", host=OPEN_HOST, more="") * 2 + GET.format(path="/open/closed/pipelined", host=OPEN_HOST, more=""), wanted=3, evidence=("unseen", "/open/closed/pipelined")),
    attack("egress-git", "A push by https, past the git gate", "web.get", ("403",), host=OPEN_HOST, target="/open/repo.git/info/refs?service=git-receive-pack", evidence=("unseen", "git-receive-pack")),
    attack("egress-slow", "Connections that never end, and one in order", "web.slow", ("goes on",), host=OPEN_HOST, path="/open/slow", connections=60),
    attack("egress-dns", "Data in a name that no rule allows is never looked up", "web.get", ("403",), host="c2VjcmV0LXRoYXQtbGVhdmVz.example.net", target="/"),
    *rows(),
)  # fmt: skip

GROUP = Group(name="egress", about="the egress gate's protocol: other hosts, other requests", cases=CASES)
