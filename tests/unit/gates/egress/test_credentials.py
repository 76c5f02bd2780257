"""Credentials: set where they are bound, and nowhere else."""

import base64
from dataclasses import replace

import pytest

from bot_bottle.agents.endpoint import PLACEHOLDER as AGENTS_PLACEHOLDER
from bot_bottle.errors import Refused
from bot_bottle.gates.egress.credentials import PLACEHOLDER, Dressed, apply, bind
from bot_bottle.gates.egress.rules import Request
from bot_bottle.manifest.spec import Credential, FromEnv, Target

VALUE = "s3cret-v4lue/of=key"
ASKED = Request(scheme="https", host="api.example.com", port=443, method="POST", path="/v1/messages")
BEARER = Target(host="api.example.com", methods=("POST",), paths=("/v1/**",), format="Bearer {value}")


def dress(
    target: Target = BEARER,
    request: Request = ASKED,
    headers: tuple[tuple[str, str], ...] = (),
    query: str | None = None,
    *,
    value: str = VALUE,
    plain_ok: bool = False,
) -> Dressed:
    """One credential, one request."""
    bound = bind([Credential(name="key", source=FromEnv(env="KEY"), to=(target,), where="bottle.yaml:5")])
    return apply(request, headers, query, bindings=bound, values={"key": value}, plain_ok=plain_ok)


def test_the_agents_and_the_gate_mean_the_same_placeholder() -> None:
    assert PLACEHOLDER == AGENTS_PLACEHOLDER


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_what_the_agent_sent_in_the_slot_is_dropped(name: str) -> None:
    dressed = dress(headers=((name, "Bearer mine"), ("accept", "*/*"), (name, "Basic bWU6bWU=")))
    assert dressed.headers == (("accept", "*/*"), ("authorization", f"Bearer {VALUE}"))
    assert (dressed.names, dressed.values) == (("key",), (VALUE,))


@pytest.mark.parametrize("name", ["authorization", "Authorization", "Api-Key", "x_api_key", "X-Goog-Api-Key", "PRIVATE-TOKEN"])
def test_no_other_identity_of_the_agents_goes_along(name: str) -> None:
    target = replace(BEARER, name="x-api-key", format="{value}")
    dressed = dress(target, headers=((name, "somebody else"), ("anthropic-version", "1")))
    assert dressed.headers == (("anthropic-version", "1"), ("x-api-key", VALUE))


def test_two_bound_headers_both_arrive() -> None:
    targets = tuple(replace(BEARER, name=name, format="{value}") for name in ("authorization", "x-api-key"))
    bound = bind([Credential(name="key", source=FromEnv(env="KEY"), to=targets, where="bottle.yaml:5")])
    dressed = apply(ASKED, (("authorization", "mine"),), None, bindings=bound, values={"key": VALUE})
    assert dressed.headers == (("authorization", VALUE), ("x-api-key", VALUE))


def test_a_header_that_a_server_reads_alike_is_dropped() -> None:
    target = replace(BEARER, name="x-api-key", format="{value}")
    assert dress(target, headers=(("X_Api_Key", "mine"),)).headers == (("x-api-key", VALUE),)


def test_basic_carries_user_and_value() -> None:
    (header,) = dress(replace(BEARER, slot="basic", name="x-token")).headers
    assert base64.b64decode(header[1].removeprefix("Basic ")) == f"x-token:{VALUE}".encode()


def test_basic_without_a_user_carries_the_value_as_it_is() -> None:
    (header,) = dress(replace(BEARER, slot="basic", name=""), value="user:password").headers
    assert header == ("authorization", "Basic " + base64.b64encode(b"user:password").decode())


@pytest.mark.parametrize("query", [None, "", "key=mine", "KEY=mine", "%6bey=mine", "key", "key=a&key=b"])
def test_a_query_slot_is_replaced_however_it_is_spelled(query: str | None) -> None:
    dressed = dress(replace(BEARER, slot="query", name="key", format="{value}"), query=query)
    assert dressed.raw_query == "key=s3cret-v4lue%2Fof%3Dkey"


def test_other_query_keys_stay_as_they_are() -> None:
    dressed = dress(replace(BEARER, slot="query", name="key", format="{value}"), query="a=%2f&key=mine&b")
    assert dressed.raw_query == "a=%2f&b&key=s3cret-v4lue%2Fof%3Dkey"


UNBOUND = [
    replace(ASKED, host="api.example.com.evil.example"),
    replace(ASKED, host="example.com"),
    replace(ASKED, host="x.api.example.com"),
    replace(ASKED, port=8443),
    replace(ASKED, method="GET"),
    replace(ASKED, method="post"),
    replace(ASKED, path="/v2/messages"),
    replace(ASKED, path="/V1/messages"),
    replace(ASKED, path="/v1%2Fmessages"),
    replace(ASKED, path="/v1"),
]


@pytest.mark.parametrize("request_", UNBOUND, ids=str)
def test_a_request_that_is_not_bound_gets_nothing(request_: Request) -> None:
    own = (("authorization", "Bearer the-agents-own"),)
    assert dress(request=request_, headers=own) == Dressed(headers=own, raw_query=None, names=(), values=())


@pytest.mark.parametrize(
    "sent",
    [
        {"headers": (("authorization", f"Bearer {PLACEHOLDER}"),)},
        {"headers": (("x-api-key", PLACEHOLDER),)},
        {"headers": (("authorization", "Basic " + base64.b64encode(f"me:{PLACEHOLDER}".encode()).decode()),)},
        {"query": f"key={PLACEHOLDER}"},
        {"query": f"key={PLACEHOLDER.replace('-', '%2d')}"},
    ],
)
def test_a_placeholder_elsewhere_is_refused(sent: dict[str, object]) -> None:
    with pytest.raises(Refused, match="bound no credential"):
        dress(request=UNBOUND[0], **sent)  # type: ignore[arg-type]  # headers or query


def test_a_credential_never_goes_over_plain_http() -> None:
    plain = replace(ASKED, scheme="http")
    with pytest.raises(Refused, match="plain http"):
        dress(request=plain)
    assert dress(request=plain, plain_ok=True).names == ("key",)


@pytest.mark.parametrize("value", ["", " ", "a\r\nx: y", "a\nb", "a\0b", "a\tb", "schlüssel", "a ", " a"])
def test_a_value_that_no_header_can_hold_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(Refused) as refused:
        dress(value=value)
    assert value.strip() == "" or value not in str(refused.value)


def test_a_missing_value_fails_closed() -> None:
    bound = bind([Credential(name="key", source=FromEnv(env="KEY"), to=(BEARER,), where="")])
    with pytest.raises(Refused, match="no value"):
        apply(ASKED, (), None, bindings=bound, values={})


def test_nothing_shows_a_value() -> None:
    assert VALUE not in repr(dress(headers=(("a", "b"),)))


AWS = replace(BEARER, paths=(), methods=(), slot="sigv4", name="s3", format="us-east-1")


def test_a_signature_replaces_the_agents_and_both_secret_parts_are_scrubbed() -> None:
    mine = (("Authorization", "AWS4-HMAC-SHA256 mine"), ("X-Amz-Security-Token", "mine"), ("accept", "*/*"))
    dressed = dress(AWS, headers=mine, value="AKIDEXAMPLE:s3cr3t:t0k3n")
    sent = dict(dressed.headers)
    assert sent["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19700101/us-east-1/s3/aws4_request, ")
    assert sent["x-amz-security-token"] == "t0k3n"
    assert "mine" not in str(dressed.headers)
    assert (dressed.names, dressed.values) == (("key",), ("s3cr3t", "t0k3n"))


def test_a_signature_for_another_region_is_refused_although_the_header_would_be_dropped() -> None:
    with pytest.raises(Refused, match="another service or region"):
        dress(
            AWS,
            headers=(("Authorization", "AWS4-HMAC-SHA256 Credential=x/20130524/eu-west-1/s3/aws4_request"),),
            value="AKID:s3cr3t",
        )


@pytest.mark.parametrize("value", ["", "AKID", "AKID:s\r\nx"])
def test_a_malformed_access_key_is_refused_unsaid(value: str) -> None:
    with pytest.raises(Refused, match="AWS credential"):
        dress(AWS, value=value)
