"""Every token format finds its own samples and nothing less, whichever engine looks."""

import random
from collections import Counter

import pytest

from bot_bottle.gates.dlp.detectors.tokens import Tokens
from bot_bottle.gates.dlp.formats.record import Format
from bot_bottle.gates.dlp.formats.samples import negative, positive
from bot_bottle.gates.dlp.formats.table import ALL, FORMATS
from bot_bottle.gates.dlp.records import View
from bot_bottle.gates.dlp.scan import Scanner

SCANNERS = {engine: Scanner((Tokens(),), key=b"k", engine=engine, triggers=()) for engine in ("hyperscan", "aho-corasick")}


def rules(text: str, engine: str = "hyperscan") -> set[str]:
    return {one.rule for one in SCANNERS[engine].scan((View("body", "the body", text.encode()),))}


def test_there_are_at_least_150_formats_with_different_names() -> None:
    assert len(ALL) >= 150
    assert [name for name, count in Counter(entry.name for entry in ALL).items() if count > 1] == []


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.name)
def test_every_format_says_where_it_is_documented(entry: Format) -> None:
    assert len(entry.source) > 8
    assert entry.issuer
    assert entry.what


@pytest.mark.parametrize("engine", SCANNERS)
@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_a_format_finds_its_positive_sample(entry: Format, engine: str) -> None:
    for seed in range(3):
        sample = positive(entry, seed=seed, longer=seed * 7)
        assert entry.name in rules(f'{{"k": "{sample}"}}', engine), sample
        assert entry.name in rules(sample, engine)


@pytest.mark.parametrize("engine", SCANNERS)
@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_a_format_does_not_find_half_a_token(entry: Format, engine: str) -> None:
    assert entry.name not in rules(f'{{"k": "{negative(entry)}"}}', engine)


@pytest.mark.parametrize("entry", [entry for entry in FORMATS if entry.edges], ids=lambda entry: entry.name)
def test_a_format_of_plain_letters_is_not_found_inside_a_longer_word(entry: Format) -> None:
    assert entry.name not in rules(f"X{positive(entry)}")


def text(alphabet: str, count: int, seed: int = 7) -> str:
    dice = random.Random(seed)
    return "".join(dice.choice(alphabet) for _ in range(count))


HEX = "0123456789abcdef"
LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
MIXED = LOWER + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UUID = f"{text(HEX, 8)}-{text(HEX, 4)}-{text(HEX, 4)}-{text(HEX, 4)}-{text(HEX, 12)}"
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + text(MIXED, 43)
PEM = "-----BEGIN {}PRIVATE" + " KEY-----\n" + text(MIXED, 64) + "\n" + text(MIXED, 64) + "\n"

SHAPED: tuple[tuple[str, str, str], ...] = (
    ("jwt", JWT, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.payload.signature"),
    ("jwt", JWT, "eyJ" + text(MIXED, 40, 3) + ".eyJ" + text(MIXED, 40, 4) + "." + text(MIXED, 40, 5)),
    ("private-key", PEM.format(""), "-----BEGIN PRIVATE" + " KEY-----\n...\n-----END"),
    ("private-key", PEM.format("RSA "), "-----BEGIN PUBLIC" + " KEY-----\n" + text(MIXED, 64)),
    ("private-key", PEM.format("OPENSSH ").replace("\n", "\\n"), "-----BEGIN CERTIFICATE-----\n" + text(MIXED, 64)),
    ("putty-key", "PuTTY-User-Key-File-3" + ": ssh-ed25519", "PuTTY-User-Key-File"),
    ("age-key", "AGE-SECRET-KEY-1" + text("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58), "AGE-SECRET-KEY-1" + text(HEX.upper(), 20)),
    ("jwk-private", '{"kty": "EC", "crv": "P-256", "x": "abc", "d": "' + text(MIXED, 43) + '"}', '{"kty": "EC", "crv": "P-256", "x": "abc"}'),
    ("openai-api", "sk-" + text(MIXED, 20) + "T3Blbk" + "FJ" + text(MIXED, 20), "sk-" + text(MIXED, 10) + "T3BlbkFJ"),
    ("sk-key", "key: sk-test-" + text(MIXED, 24), "class=task-" + text(MIXED, 24)),
    ("aws-secret", "secret_access_key = " + text(MIXED + "/+", 40), "secret_access_key = " + text(HEX, 40)),
    ("azure-account-key", "AccountKey=" + text(MIXED, 86) + "==", "AccountKey=<your key>"),
    ("azure-client-secret", "= " + text(MIXED, 3) + "8Q~" + text(MIXED, 34), "8Q~"),
    ("azure-devops", text(MIXED, 76) + "AZDO" + text(MIXED, 4), text(MIXED, 20) + "AZDO" + text(MIXED, 4)),
    ("azure-signed-key", text(MIXED, 76) + "+ASt" + text(MIXED, 5) + "Q==", "+ASt" + text(MIXED, 5) + "Q=="),
    ("azure-messaging-key", text(MIXED, 33) + "+ASb" + "B" + text(MIXED, 5) + "=", "AIoT = internet of things"),
    ("azure-functions-key", text(MIXED, 44) + "AzFu" + text(MIXED, 5) + "Q==", "AzFu" + text(MIXED, 5) + "Q=="),
    ("azure-search-key", text(MIXED, 42) + "AzSe" + "A" + text(MIXED, 5), "AzSeA" + text(MIXED, 5)),
    ("azure-sas", "?sv=2022-11-02&ss=b&srt=sco&sig=" + text(MIXED, 43) + "%3D", "sig=" + text(MIXED, 43)),
    ("google-service-account", '"private_key_id": "' + text(HEX, 40) + '"', '"key_id": "' + text(HEX, 40) + '"'),
    ("telegram-bot", "bot 123456789" + ":AA" + text(MIXED, 33), "12:34:56:AA:BB"),
    ("discord-bot", "MTIzNDU2Nzg5MDEyMzQ1Njc4" + ".Gabcde." + text(MIXED, 38), "M" + text(MIXED, 23) + ".Gabcde." + text(MIXED, 38)),
    ("mailchimp-api", text(HEX, 32) + "-us12", text(HEX, 32) + "-eu12"),
    ("newrelic-license", text(HEX, 36) + "NRAL", text(HEX, 20) + "NRAL"),
    ("database-url", "postgres://app:s3cretP4ss_w0rd@db.internal/prod", "postgres://user:password@localhost/db"),
    ("database-url", "mongodb+srv://u:Xy9kLm2pQ@c.example.com", "mongodb://user:${PASSWORD}@host/db"),
    ("basic-url", "https://bot:" + text(MIXED, 20) + "@git.example.com/r", "https://user:pass@example.com/"),
    ("docker-auth", '"auth": "' + "Ym90OlMzY3JldFBhc3N3b3JkOQ==" + '"', '"auth": "dXNlcjpwYXNzd29yZA=="'),
    ("npmrc", "//r.example.com/:_authToken=" + text(MIXED, 36), "//r.example.com/:_authToken=${TOKEN}"),
    ("netrc", "machine git.example.com login bot password " + text(MIXED, 16), "machine learning"),
    ("kube-client-key", "client-key-data: " + text(MIXED, 120), "client-key-data: REDACTED"),
    ("wireguard-key", "PrivateKey = " + text(MIXED, 42) + "E=", "PublicKey = " + text(MIXED, 42) + "E="),
    ("bitcoin-wif", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jv" + "hTVqvbTLvyTJ", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTK"),
    ("ethereum-key", "PRIVATE_KEY=0x" + text(HEX, 64), "tx 0x" + text(HEX, 64)),
    ("datadog-api", "DATADOG_API_KEY=" + text(HEX, 32), "datadog " + text(HEX, 32)),
    ("heroku-uuid", f"heroku_api_key: {UUID}", f"request id {UUID}"),
    ("cohere-api", "COHERE_API_KEY=" + text(MIXED, 40), "coherence = " + text(HEX, 12)),
    ("twilio-auth", "twilio_auth_token: " + text(HEX, 32), "twilio_account = default"),
)  # fmt: skip


@pytest.mark.parametrize("engine", SCANNERS)
@pytest.mark.parametrize(("rule", "secret", "harmless"), SHAPED, ids=[f"{row[0]}-{n}" for n, row in enumerate(SHAPED)])
def test_a_shaped_format_finds_the_secret_and_not_its_look_alike(rule: str, secret: str, harmless: str, engine: str) -> None:
    assert rule in rules(secret, engine)
    assert rule not in rules(harmless, engine)
