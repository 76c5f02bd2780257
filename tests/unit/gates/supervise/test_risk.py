"""The labels are ours: a table of requests and what must be said of each."""

from typing import Any

import pytest

from bot_bottle.gates.supervise.deltas import read_delta
from bot_bottle.gates.supervise.risk import Known, assess
from bot_bottle.manifest.spec import Credential, FromEnv, Rule, Target

KNOWN = Known(
    rules=(Rule(host="api.example.com", where="bottle.yaml:1"), Rule(host="**.cdn.example.com", where="bottle.yaml:2")),
    credentials=(Credential(name="forge", source=FromEnv(env="X"), to=(Target(host="git.example.com"),), where="bottle.yaml:3"),),
    denied_hosts=frozenset({"no.example.com"}),
)

TABLE: list[tuple[dict[str, Any], set[str]]] = [
    ({"host": "api.example.com", "methods": ["GET"]}, set()),
    ({"host": "new.example.com", "methods": ["GET"]}, {"new host"}),
    ({"host": "a.b.cdn.example.com", "methods": ["HEAD"]}, set()),
    ({"host": "new.example.com", "methods": ["POST"]}, {"new host", "write method", "account not bound"}),
    ({"host": "new.example.com"}, {"new host", "write method", "account not bound"}),
    ({"host": "*.example.com", "methods": ["GET"]}, {"new host", "wildcard", "credential reach"}),
    ({"host": "git.example.com", "methods": ["POST"]}, {"new host", "write method", "credential reach"}),
    ({"host": "10.0.0.7", "methods": ["GET"]}, {"new host", "private address"}),
    ({"host": "127.0.0.1", "methods": ["GET"]}, {"new host", "private address"}),
    ({"host": "64:ff9b::7f00:1", "methods": ["GET"]}, {"new host", "private address"}),
    ({"host": "8.8.8.8", "methods": ["GET"]}, {"new host", "bare address"}),
    ({"host": "api.example.com", "methods": ["GET"], "scheme": "http"}, {"plain http"}),
    ({"host": "no.example.com", "methods": ["GET"]}, {"new host", "denied before"}),
    ({"kind": "credential", "name": "forge", "host": "git.example.com", "methods": ["GET"]}, {"credential reach"}),
    (
        {"kind": "credential", "name": "forge", "host": "evil.example.com"},
        {"credential reach", "new host", "write method"},
    ),
    (
        {"kind": "credential", "name": "bank", "host": "git.example.com", "methods": ["GET"]},
        {"credential reach", "account not bound"},
    ),
    ({"kind": "mount", "path": "/srv/data/set", "to": "/data"}, set()),
    ({"kind": "mount", "path": "/home/me/.ssh", "to": "/data"}, {"protected path"}),
    ({"kind": "mount", "path": "/etc/ssl/private", "to": "/data", "writable": True}, {"protected path", "write method"}),
    ({"kind": "mount", "path": "/home/me", "to": "/data"}, {"protected path"}),
    ({"kind": "dlp", "rule": "aws-access-key", "host": "api.example.com"}, {"secret may leave"}),
    ({"kind": "budget", "usd": 5}, {"money"}),
    ({"kind": "limit", "name": "memory", "value": "8GiB"}, {"next start"}),
]


@pytest.mark.parametrize(("asked", "labels"), TABLE)
def test_a_request_gets_these_labels(asked: dict[str, Any], labels: set[str]) -> None:
    assert {risk.label for risk in assess(read_delta(asked), KNOWN)} == labels


def test_the_gravest_stands_first() -> None:
    found = assess(read_delta({"host": "**.example.com"}), KNOWN)
    assert [risk.level for risk in found] == sorted((risk.level for risk in found), key=["high", "medium", "low"].index)
    assert found[0].level == "high"
