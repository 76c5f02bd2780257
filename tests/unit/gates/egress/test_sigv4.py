"""Signature Version 4: the examples of AWS's documentation, and what is not signed."""

from calendar import timegm

import pytest

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.sigv4 import EMPTY, UNSIGNED, UNSIGNED_CHUNKS, Call, Key, read_key, sign, signing_key

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
IAM = Key(key_id="AKIDEXAMPLE", secret=SECRET)
S3 = Key(key_id="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
IN_2015 = timegm((2015, 8, 30, 12, 36, 0))
IN_2013 = timegm((2013, 5, 24, 0, 0, 0))


def call(path: str = "/", query: str | None = None, *, host: str = "examplebucket.s3.amazonaws.com", body: bool = False) -> Call:
    """A request for the bucket of the examples."""
    return Call(method="PUT" if body else "GET", authority=host, path=path, raw_query=query, has_body=body)


def signed(one: Call, *headers: tuple[str, str], key: Key = S3, service: str = "s3") -> dict[str, str]:
    """The headers that are sent."""
    return dict(sign(one, headers, key=key, service=service, region="us-east-1", at=IN_2013))


def test_the_documented_signing_key() -> None:
    key = signing_key(SECRET, "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


def test_the_documented_request_to_iam() -> None:
    one = call("/", "Action=ListUsers&Version=2010-05-08", host="iam.amazonaws.com")
    sent = [
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("authorization", "mine"),
        ("X-Amz-Date", "mine"),
    ]
    headers = sign(one, sent, key=IAM, service="iam", region="us-east-1", at=IN_2015)
    assert headers == (
        sent[0],
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    )


@pytest.mark.parametrize(
    ("one", "headers", "signature"),
    [
        (call("/test.txt"), (("Range", "bytes=0-9"),), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        (call("/", "lifecycle"), (), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (call("/", "prefix=J&max-keys=2"), (), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_the_documented_requests_to_s3(one: Call, headers: tuple[tuple[str, str], ...], signature: str) -> None:
    assert signed(one, *headers)["authorization"].endswith(f"Signature={signature}")


def test_the_token_is_sent_and_signed() -> None:
    headers = signed(call(), key=Key(key_id="ASIAEXAMPLE", secret=SECRET, token="t0ken/+="))
    assert headers["x-amz-security-token"] == "t0ken/+="
    assert ";x-amz-security-token," in headers["authorization"]


@pytest.mark.parametrize(
    ("body", "said", "service", "payload"),
    [
        (False, None, "s3", EMPTY),
        (True, None, "s3", UNSIGNED),
        (True, UNSIGNED, "s3", UNSIGNED),
        (True, UNSIGNED_CHUNKS, "s3", UNSIGNED_CHUNKS),
        (True, "ab" * 32, "s3", "ab" * 32),
    ],
)
def test_what_stands_for_the_body(body: bool, said: str | None, service: str, payload: str) -> None:
    headers = [("X-Amz-Content-SHA256", said)] if said else []
    assert signed(call(body=body), *headers, service=service)["x-amz-content-sha256"] == payload


SCOPE = "AWS4-HMAC-SHA256 Credential=x/20130524/{}/aws4_request, SignedHeaders=host, Signature=00"


@pytest.mark.parametrize(
    ("one", "header", "service"),
    [
        (call(), ("Authorization", SCOPE.format("eu-west-1/s3")), "s3"),
        (call(), ("Authorization", SCOPE.format("us-east-1/iam")), "s3"),
        (call(), ("X-Amz-Copy-Source", "/other/secret"), "s3"),
        (call(), ("x_amz_copy_source", "/other/secret"), "s3"),
        (call("/", "X-Amz-Signature=00"), ("accept", "*/*"), "s3"),
        (call("/", "x%2damz-credential=00"), ("accept", "*/*"), "s3"),
        (call(body=True), ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "s3"),
        (call(body=True), ("x-amz-content-sha256", "AB" * 32), "s3"),
        (call(body=True), ("x-amz-content-sha256", UNSIGNED), "dynamodb"),
        (call(body=True), ("accept", "*/*"), "dynamodb"),
    ],
)
def test_what_is_not_signed(one: Call, header: tuple[str, str], service: str) -> None:
    with pytest.raises(Refused):
        signed(one, header, service=service)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (f"AKIDEXAMPLE:{SECRET}", ""),
        (f"AKIDEXAMPLE:{SECRET}:t+/=", "t+/="),
        (f'{{"Version": 1,\n "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "{SECRET}", "SessionToken": "t"}}', "t"),
    ],
)
def test_how_a_key_is_written(text: str, token: str) -> None:
    assert read_key(text) == Key(key_id="AKIDEXAMPLE", secret=SECRET, token=token)


@pytest.mark.parametrize(
    "text", ["", "AKID", "AKID:", ":x", "AKID:s:t:u", "AKID:se cret", "AKID:s\r\nx", "{", "{}", '{"AccessKeyId": 7}']
)
def test_what_is_no_key_and_stays_unsaid(text: str) -> None:
    with pytest.raises(Refused) as raised:
        read_key(text)
    assert "se cret" not in str(raised.value)
    assert SECRET not in repr(IAM)
