"""`policy check`: the verdict of the gate, with where each rule is written."""

import json
import os
from pathlib import Path

import pytest

from bot_bottle.__main__ import run_verb
from bot_bottle.bottles.explain import explain_with, parse_url
from bot_bottle.errors import BadUsage, Refused
from bot_bottle.gates.egress.rules import Allowed, Denied
from bot_bottle.manifest.spec import BottleSpec, Credential, Egress, FromEnv, Rule, Target, Workspace

MANIFEST = """
agent: shell
egress:
  rules:
    - host: api.example.com
      methods: [GET]
      paths: [/v1/**]
      websocket: false
    - host: api.example.com
      deny: true
      paths: [/v1/admin/**]
    - host: pin.example.com
      passthrough: true
credentials:
  - name: key
    from: {env: KEY}
    to:
      - host: api.example.com
        paths: [/v1/messages]
"""


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Runs the verb in a folder with the manifest; gives the exit code and what it printed."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project/bottle.yaml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["bot-bottle", "policy", "check", *args, "-f", "bottle.yaml"])
        return run_verb(), capsys.readouterr().out

    return run


def row(text: str, label: str) -> str:
    """The first line with this label."""
    return next(line for line in text.splitlines() if line.startswith(label))


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (
            ("GET", "https://api.example.com/v1/messages"),
            0,
            "allowed     GET https://api.example.com/v1/messages  (bottle.yaml:5)",
        ),
        (("get", "https://API.example.com./v1/%7e?a=1#x"), 0, "allowed     GET https://api.example.com/v1/~  (bottle.yaml:5)"),
        (("POST", "https://api.example.com/v1/x"), 1, "denied      POST https://api.example.com/v1/x  (no rule)"),
        (("GET", "https://api.example.com/v1/admin/x"), 1, "denied      GET https://api.example.com/v1/admin/x  (bottle.yaml:9)"),
        (("GET", "https://api.example.com/v1/../x"), 1, "denied      GET https://api.example.com/v1/../x  (before any rule)"),
        (("GET", "https://me@api.example.com/v1/x"), 1, "denied      GET https://me@api.example.com/v1/x  (before any rule)"),
        (("GET", "wss://api.example.com/v1/x"), 1, "denied      GET https://api.example.com/v1/x as a WebSocket  (no rule)"),
        (("PUT", "https://pin.example.com/any"), 0, "allowed     PUT https://pin.example.com/any  (bottle.yaml:12)"),
        (("GET", "http://api.example.com/v1/x"), 1, "denied      GET http://api.example.com/v1/x  (no rule)"),
        (("GET", "https://api.example.com:8443/v1/x"), 1, "denied      GET https://api.example.com:8443/v1/x  (no rule)"),
        (("GET", "https://[2001:db8::1]/"), 1, "denied      GET https://[2001:db8::1]/  (no rule)"),
    ],
)
def test_a_verdict_names_the_line_of_its_rule(check, args: tuple[str, str], code: int, line: str) -> None:  # type: ignore[no-untyped-def]  # the fixture's function
    found, text = check(*args)
    assert (found, row(text, line[:7])) == (code, line)


def test_every_rule_of_the_host_says_why_it_does_not_cover(check) -> None:  # type: ignore[no-untyped-def]  # as above
    text = check("POST", "https://api.example.com/v1/x")[1]
    assert "rule        allow api.example.com GET /v1/** (no WebSocket): is about GET  (bottle.yaml:5)" in text
    assert "any method /v1/admin/** at any port: is about other paths  (bottle.yaml:9)" in text


def test_a_bound_credential_is_named(check) -> None:  # type: ignore[no-untyped-def]  # as above
    assert "credential  key is set by the gate" in check("GET", "https://api.example.com/v1/messages")[1]
    assert "credential" not in check("GET", "https://api.example.com/v1/other")[1]


def test_the_explanation_can_be_read_by_a_script(check) -> None:  # type: ignore[no-untyped-def]  # as above
    code, text = check("GET", "https://api.example.com/v2", "--json")
    said = json.loads(text)
    assert (code, said["verdict"], said["rule"]) == (1, "deny", None)
    assert [one["where"] for one in said["rules"]] == ["bottle.yaml:5", "bottle.yaml:9"]


def test_a_connection_that_a_deny_opens_is_not_said_to_pass_through(tmp_path: Path) -> None:
    rules = (
        Rule(host="pin.example.com", where="a", passthrough=True),
        Rule(host="pin.example.com", where="b", deny=True, ports=(), paths=("/secret/**",)),
    )
    key = Credential(name="key", source=FromEnv(env="KEY"), to=(Target(host="pin.example.com"),), where="c")
    spec = BottleSpec(
        agent="shell",
        backend="namespaces",
        workspace=Workspace(path=tmp_path),
        egress=Egress(rules=rules),
        credentials=(key,),
    )
    said = explain_with(spec, parse_url("GET", "https://pin.example.com/x"))
    assert isinstance(said.verdict, Allowed)
    assert (said.verdict.rule.passthrough, said.credentials) == (False, ("key",))
    assert isinstance(explain_with(spec, parse_url("GET", "https://pin.example.com/secret/x")).verdict, Denied)


@pytest.mark.parametrize("url", ["api.example.com", "ftp://example.com/", "https://", "https:///x", "https://[::1/"])
def test_what_is_no_url_is_a_mistake_of_the_operator(url: str) -> None:
    with pytest.raises(BadUsage):
        parse_url("GET", url)


@pytest.mark.parametrize(
    "url", ["https://exa mple.com/", "https://example.com/%2e%2e/", "https://example.com:0/", "https://bücher.example/"]
)
def test_what_the_gate_cannot_read_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        parse_url("GET", url)


def test_the_agents_own_variables_are_not_needed(check) -> None:  # type: ignore[no-untyped-def]  # as above
    assert "KEY" not in os.environ
    assert check("GET", "https://api.example.com/v1/messages")[0] == 0
