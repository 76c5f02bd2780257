"""What hooks get is signed, plain, and of no use to whoever would answer in the operator's place."""

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot_bottle.bottles import notify
from bot_bottle.bottles.asks import AskView
from bot_bottle.errors import BottleError
from bot_bottle.host.run import Command, Finished
from bot_bottle.manifest.spec import FromCommand, FromEnv, FromFile, FromKeyring, Notify, Supervise
from bot_bottle.plans.show import to_json

ASK = AskView(
    id="b1/3-abcdefghij",
    slug="b1",
    number=3,
    kind="egress",
    state="pending",
    title="send GET / to <b>api</b>.example.com",
    reason="because & so",
    at=5.0,
    risks=(("wildcard", "high", "covers names that nobody listed"),),
)


def test_a_payload_holds_no_token() -> None:
    body = notify.payload(ASK, at=9.0)
    assert b"abcdefghij" not in body
    assert json.loads(body)["risks"][0]["level"] == "high"
    assert body.isascii()


def test_a_receiver_can_check_the_signature() -> None:
    body = notify.payload(ASK, at=9.0)
    moment, _, mac = notify.signature(body, "key", at=9).partition(",v1=")
    assert moment == "t=9"
    assert mac == hmac.new(b"key", b"9." + body, hashlib.sha256).hexdigest()


class Ran:
    """Keeps what would have been run."""

    def __init__(self, code: int = 0) -> None:
        self.commands: list[Command] = []
        self.code = code

    def __call__(self, command: Command) -> Finished:
        self.commands.append(command)
        return Finished(code=self.code, stdout=b"", stderr=b"bad \x1b[31m\n")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    made = Ran()
    monkeypatch.setattr(notify, "run", made)
    return made


def test_a_command_gets_the_request_and_its_signature_and_nothing_of_the_operators_environment(ran: Ran) -> None:
    wanted = Notify(command=("tell-me",), key=FromEnv(env="KEY"))
    assert notify.tell(ASK, wanted, host={"KEY": "secret-key", "TOKEN": "other-secret", "PATH": "/bin"}) == []
    (command,) = ran.commands
    assert command.argv == ("tell-me",)
    assert json.loads(command.stdin)["number"] == 3
    assert command.env["BOT_BOTTLE_SIGNATURE"].startswith("t=")
    assert "secret" not in str(command.env)


def test_the_desktop_is_given_text_and_no_markup(ran: Ran) -> None:
    assert notify.tell(ASK, Notify(desktop=True), host={"PATH": "/bin"}) == []
    (command,) = ran.commands
    assert command.argv[0] == "notify-send"
    assert "--urgency=critical" in command.argv
    assert "<b>" not in command.argv[-1]
    assert "&lt;b>api" in command.argv[-1]
    assert command.argv[-3] == "--"


def test_a_hook_that_fails_is_told_of_and_keeps_no_other_from_being_told(ran: Ran) -> None:
    ran.code = 3
    failures = notify.tell(ASK, Notify(desktop=True, command=("tell-me",)), host={})
    assert [failure.partition(":")[0] for failure in failures] == ["desktop", "command"]
    assert all(failure.isprintable() for failure in failures)


def test_a_key_that_is_missing_sends_nothing(ran: Ran) -> None:
    (failure,) = notify.tell(ASK, Notify(command=("tell-me",), key=FromEnv(env="KEY")), host={})
    assert "KEY" in failure
    assert ran.commands == []


def test_each_ask_is_told_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    assert notify.untold([ASK], told) == [ASK]
    assert notify.untold([ASK], told) == []
    changed = replace(ASK, id="b1/3-zzzzzzzzzz")
    assert notify.untold([changed], told) == [changed]
    assert notify.untold([replace(changed, state="withdrawn", id="b1/4-yyyyyyyyyy")], told) == []


@pytest.mark.parametrize(
    "key", [None, FromEnv(env="KEY"), FromFile(file=Path("/k")), FromCommand(command=("a", "b")), FromKeyring(keyring="s/u")]
)
def test_the_settings_are_read_from_the_plan(key: FromEnv | None) -> None:
    asked = Notify(desktop=True, command=("a",), webhook="https://hooks.example.com/x", key=key)
    assert notify.notify_of({"supervise": to_json(Supervise(notify=asked))}) == asked
    assert notify.notify_of({"supervise": None}) == Notify()


def test_a_webhook_that_cannot_be_reached_is_a_failure_in_words() -> None:
    (failure,) = notify.tell(ASK, Notify(webhook="http://127.0.0.1:1/x"), host={})
    assert failure.startswith("webhook:")
    with pytest.raises((BottleError, OSError)):
        notify._webhook(ASK, Notify(webhook="http://127.0.0.1:1/x"), {})
