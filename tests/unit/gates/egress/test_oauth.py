"""What the gate asks a token server, and what it takes from its answers."""

import base64
import json
import math
from urllib.parse import parse_qs

import pytest

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.oauth import LONGEST_LIFE_S, TOKEN_LIMIT, USUAL_LIFE_S, Token, read_token, token_request
from bot_bottle.manifest.spec import OAuth2

ASKED = OAuth2(host="login.example.com", path="/token", client_id="my client", scope="read write")


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_refresh_of_a_public_client_says_its_id_and_no_password() -> None:
    fields, form = token_request(ASKED, secret="long-lived", client_secret="")
    assert parse_qs(form.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["long-lived"],
        "scope": ["read write"],
        "client_id": ["my client"],
    }
    assert "authorization" not in dict(fields)


def test_secret_of_a_client_goes_by_basic_encoded_as_the_rfc_says() -> None:
    fields, form = token_request(ASKED, secret="long-lived", client_secret="p:w ä")
    assert base64.b64decode(dict(fields)["authorization"].removeprefix("Basic ")).decode() == "my%20client:p%3Aw%20%C3%A4"
    assert b"client_id" not in form


def test_client_credentials_send_the_secret_and_no_refresh_token() -> None:
    asked = OAuth2(host="login.example.com", path="/token", client_id="id", grant="client_credentials")
    fields, form = token_request(asked, secret="the-secret", client_secret="")
    assert form == b"grant_type=client_credentials"
    assert base64.b64decode(dict(fields)["authorization"].removeprefix("Basic ")) == b"id:the-secret"


def test_answer_gives_token_life_and_the_next_refresh_token() -> None:
    said = body(access_token="a", token_type="Bearer", expires_in=300, refresh_token="r2")
    assert read_token(200, said) == Token(access="a", refresh="r2", life_s=300.0)


@pytest.mark.parametrize(
    ("said", "life_s"),
    [(None, USUAL_LIFE_S), ("300", 300.0), (-5, 0.0), (1e12, LONGEST_LIFE_S), ("soon", USUAL_LIFE_S), ([], USUAL_LIFE_S)],
)
def test_life_is_bounded_whatever_the_server_says(said: object, life_s: float) -> None:
    found = read_token(200, body(access_token="a", expires_in=said)).life_s
    assert math.isclose(found, life_s)


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (400, body(error="invalid_grant", error_description="token long-lived is unknown"), "400 (invalid_grant)"),
        (401, body(error="x" * 65), "401."),
        (400, body(error="see\r\nX: 1"), "400."),
        (200, body(error="invalid_scope"), "200 (invalid_scope)"),
        (201, body(access_token="a"), "201"),
        (200, body(access_token=""), "200"),
        (200, body(access_token=["a"]), "200"),
        (200, body(access_token="a", token_type="mac"), "no bearer token"),
        (200, body(access_token="a" * (TOKEN_LIMIT + 1)), "no header can hold"),
        (200, body(access_token="a", refresh_token={}), "no header can hold"),
        (200, b"access_token=a", "not with a JSON object"),
        (200, b"[]", "not with a JSON object"),
        (200, b"\xff", "not with a JSON object"),
        (200, b"", "not with a JSON object"),
    ],
)
def test_answer_without_a_token_is_refused_without_repeating_it(status: int, said: bytes, why: str) -> None:
    with pytest.raises(Refused) as caught:
        read_token(status, said)
    assert why in caught.value.what
    assert "long-lived" not in caught.value.what
    assert "\n" not in caught.value.what


def test_tokens_are_not_in_their_repr() -> None:
    assert "secret" not in repr(Token(access="secret-a", refresh="secret-r", life_s=1.0))
