"""An exception that the operator gives holds for one rule on one host, and never for their own secrets."""

from pathlib import Path

from bot_bottle.gates.base import Granted
from bot_bottle.gates.dlp.plan import plan_dlp
from bot_bottle.gates.dlp.policy import action_for
from bot_bottle.gates.dlp.records import Finding
from bot_bottle.gates.dlp.serve import DlpGate
from bot_bottle.manifest.layer import start_from


def made() -> DlpGate:
    return DlpGate(plan_dlp(start_from(Path("/w")), {}).config(), {}, lambda event: None)


def found(kind: str, rule: str) -> Finding:
    return Finding(kind=kind, rule=rule, title="", where="", surface="body", via=(), preview="", fingerprint="", start=0, end=0)  # type: ignore[arg-type]  # a kind


def test_an_exception_holds_where_it_was_given_and_ends() -> None:
    gate = made()
    gate.adjust([Granted(name="g1", kind="dlp", row={"rule": "aws-access-key", "host": "a.example.com"})])
    secret = found("format", "aws-access-key")
    assert action_for(secret, "a.example.com", gate.settings) == "warn"
    assert action_for(secret, "b.example.com", gate.settings) == "block"
    assert action_for(found("format", "aws-secret"), "a.example.com", gate.settings) == "block"
    assert action_for(found("own", "aws-access-key"), "a.example.com", gate.settings) == "block"
    gate.adjust([])
    assert action_for(secret, "a.example.com", gate.settings) == "block"
