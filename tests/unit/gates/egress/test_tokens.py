"""When the credentials of a running gate change, no long-lived secret is ever left where requests are dressed from."""

import asyncio

import pytest

from bot_bottle.gates.egress.dial import Dialler
from bot_bottle.gates.egress.plan import CLIENT_OF
from bot_bottle.gates.egress.tokens import Tokens
from bot_bottle.manifest.spec import Credential, FromEnv, OAuth2, Target

OAUTH = OAuth2(host="login.example.com", path="/token", client_id="me")


def credential(name: str = "forge", *, oauth2: OAuth2 | None = OAUTH) -> Credential:
    return Credential(name=name, source=FromEnv(env="X"), to=(Target(host="api.example.com"),), where="", oauth2=oauth2)


def nobody() -> Dialler:
    pytest.fail("nothing is dialled")


def tokens(values: dict[str, str], *credentials: Credential) -> Tokens:
    async def make() -> Tokens:
        return Tokens(credentials, dict(values), values, dialler=nobody, now=lambda: 0.0)

    return asyncio.run(make())


def test_a_secret_for_tokens_leaves_the_values_at_the_start_and_at_a_change() -> None:
    values = {"forge": "refresh-1", "plain": "key"}
    made = tokens(values, credential(), credential("plain", oauth2=None))
    assert values == {"plain": "key"}
    values |= {"other": "refresh-2"}
    made.take([credential(), credential("other"), credential("plain", oauth2=None)], {"other": "refresh-2"})
    assert values == {"plain": "key"}


def test_a_token_that_is_good_stays_when_nothing_of_it_changed() -> None:
    values = {"forge": "refresh-1"}
    made = tokens(values, credential())
    values["forge"] = "access-1"
    made.take([credential(), credential("other")], {"other": "x"})
    assert values["forge"] == "access-1"


def test_a_token_of_another_server_or_secret_is_dropped() -> None:
    for changed, secrets in (
        (credential(oauth2=OAuth2(host="login.example.com", path="/other", client_id="me")), {}),
        (credential(), {"forge": "refresh-2"}),
        (credential(), {CLIENT_OF + "forge": "client-2"}),
    ):
        values = {"forge": "refresh-1"}
        made = tokens(values, credential())
        values["forge"] = "access-1"
        values |= secrets
        made.take([changed], secrets)
        assert "forge" not in values


def test_a_credential_that_becomes_a_plain_one_has_its_own_value() -> None:
    values = {"forge": "refresh-1"}
    made = tokens(values, credential())
    values["forge"] = "access-1"
    made.take([credential(oauth2=None)], {})
    assert "forge" not in values
    values["forge"] = "plain-key"
    made.take([credential(oauth2=None)], {"forge": "plain-key"})
    assert values["forge"] == "plain-key"
