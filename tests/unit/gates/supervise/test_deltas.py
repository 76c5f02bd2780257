"""Requests are read strictly, shown as they are, and can only be narrowed."""

from typing import Any

import pytest

from bot_bottle.errors import Refused
from bot_bottle.gates.supervise.deltas import KINDS, described, narrow, read_delta, row_of

GOOD: list[dict[str, Any]] = [
    {"kind": "egress", "host": "api.example.com", "ports": [443], "methods": ["GET"], "paths": ["/v1/**"]},
    {"host": "API.Example.com."},
    {"host": "*.cdn.example.com"},
    {"host": "plain.example.com", "scheme": "http"},
    {"host": "2001:db8::1", "ports": [8443, 443]},
    {"kind": "credential", "name": "forge", "host": "git.example.com", "methods": ["POST"], "paths": ["/api/**"]},
    {"kind": "preset", "name": "npm"},
    {"kind": "dlp", "rule": "aws-access-key", "host": "api.example.com"},
    {"kind": "budget", "usd": 2.5},
    {"kind": "mount", "path": "/srv/data/set", "to": "/data", "writable": True},
    {"kind": "limit", "name": "memory", "value": "8GiB"},
]

BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "host"),
    ({"kind": "shell"}, "kind"),
    ({"kind": ["egress"]}, "kind"),
    ({"host": ["a.example.com"]}, "host"),
    ({"host": "**.com"}, "domain"),
    ({"host": "*"}, "wildcard"),
    ({"host": "api.*.example.com"}, "wildcard"),
    ({"host": "*.192.0.2.1"}, "wildcard"),
    ({"host": "0x7f000001"}, "address"),
    ({"host": "api.example.com\n"}, "line"),
    ({"host": "api.example.com\u202e"}, "line"),
    ({"host": "аpi.example.com"}, "ASCII"),
    ({"host": "https://api.example.com/"}, "scheme"),
    ({"host": "a" * 300 + ".example.com"}, "characters"),
    ({"host": "api.example.com", "ports": [0]}, "ports"),
    ({"host": "api.example.com", "ports": [True]}, "ports"),
    ({"host": "api.example.com", "ports": []}, "ports"),
    ({"host": "api.example.com", "ports": list(range(1, 40))}, "ports"),
    ({"host": "api.example.com", "methods": ["CONNECT"]}, "methods"),
    ({"host": "api.example.com", "methods": ["get"]}, "methods"),
    ({"host": "api.example.com", "paths": ["v1"]}, "begin"),
    ({"host": "api.example.com", "paths": ["/a/../b"]}, "dot segment"),
    ({"host": "api.example.com", "paths": ["/a\x1b[0m"]}, "ASCII"),
    ({"host": "api.example.com", "scheme": "ftp"}, "scheme"),
    ({"host": "api.example.com", "addresses": ["10.0.0.0/8"]}, "addresses"),
    ({"host": "api.example.com", "passthrough": True}, "passthrough"),
    ({"host": "api.example.com", "where": "policy.yaml:1"}, "where"),
    ({"kind": "credential", "name": "forge", "host": "*.example.com"}, "wildcard"),
    ({"kind": "dlp", "rule": "*", "host": "api.example.com"}, "wildcard"),
    ({"kind": "dlp", "rule": "[a-z]", "host": "api.example.com"}, "wildcard"),
    ({"kind": "dlp", "rule": "aws-?", "host": "api.example.com"}, "wildcard"),
    ({"kind": "budget"}, "how much"),
    ({"kind": "budget", "usd": -1}, "usd"),
    ({"kind": "budget", "usd": float("inf")}, "usd"),
    ({"kind": "budget", "usd": float("nan")}, "usd"),
    ({"kind": "mount", "path": "/srv/../etc", "to": "/data"}, "path"),
    ({"kind": "mount", "path": "srv", "to": "/data"}, "path"),
    ({"kind": "limit", "name": "root", "value": "1"}, "name"),
]


@pytest.mark.parametrize("asked", GOOD)
def test_a_request_read_and_written_again_is_the_same(asked: dict[str, Any]) -> None:
    delta = read_delta(asked)
    assert read_delta(row_of(delta)) == delta
    assert described(delta).isprintable()


@pytest.mark.parametrize(("asked", "says"), BAD)
def test_what_has_two_readings_is_refused_with_a_reason(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        read_delta(asked)


def test_there_is_a_good_request_of_every_kind() -> None:
    assert {row.get("kind", "egress") for row in GOOD} == set(KINDS)


ASKED = read_delta({"host": "**.example.com", "ports": [443, 8443], "methods": ["GET", "POST"], "paths": ["/v1/**"]})


@pytest.mark.parametrize(
    "less",
    [
        {"host": "api.example.com"},
        {"host": "*.example.com"},
        {"methods": ["GET"]},
        {"ports": [443]},
        {"paths": ["/v1/**"], "methods": ["POST"], "host": "a.b.example.com"},
        {"paths": ["/v1/users/**"]},
        {"paths": ["/v1/users"]},
    ],
)
def test_less_can_be_given(less: dict[str, Any]) -> None:
    assert row_of(narrow(ASKED, less)) == row_of(ASKED) | less


@pytest.mark.parametrize(
    "more",
    [
        {"host": "example.org"},
        {"host": "**.com"},
        {"methods": ["GET", "DELETE"]},
        {"methods": None},
        {"ports": [22]},
        {"paths": ["/**"]},
        {"paths": ["/v2/**"]},
        {"paths": ["/v1/**", "/v2"]},
        {"paths": ["/v1*/x"]},
        {"scheme": "http"},
        {"kind": "preset", "name": "npm"},
    ],
)
def test_more_cannot_be_given_as_less(more: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        narrow(ASKED, more)


def test_a_credential_is_narrowed_but_not_exchanged() -> None:
    asked = read_delta({"kind": "credential", "name": "forge", "host": "git.example.com"})
    assert row_of(narrow(asked, {"methods": ["GET"]}))["methods"] == ["GET"]
    with pytest.raises(Refused):
        narrow(asked, {"name": "other"})


def test_a_budget_is_given_whole() -> None:
    with pytest.raises(Refused, match="whole"):
        narrow(read_delta({"kind": "budget", "usd": 5}), {"usd": 1})
