"""Checksums against the vectors that their standards publish."""

import pytest

from bot_bottle.gates.dlp import checks
from bot_bottle.gates.dlp.detectors.numbers import is_card
from bot_bottle.gates.dlp.formats.shaped import is_wif

ZEROS = ["abandon"] * 11


@pytest.mark.parametrize(
    ("phrase", "valid"),
    [
        ([*ZEROS, "about"], True),
        ([*ZEROS, "abandon"], False),
        (["legal", "winner", "thank", "year", "wave", "sausage", "worth", "useful", "legal", "winner", "thank", "yellow"], True),
        (
            ["letter", "advice", "cage", "absurd", "amount", "doctor", "acoustic", "avoid", "letter", "advice", "cage", "above"],
            True,
        ),
        (["zoo"] * 11 + ["wrong"], True),
        (["zoo"] * 12, False),
        (["zoo"] * 23 + ["vote"], True),
        (["abandon"] * 17 + ["agent"], True),
        (["abandon"] * 11, False),
        (["hello"] * 12, False),
    ],
)
def test_seed_phrases_of_the_standards_vectors(phrase: list[str], valid: bool) -> None:
    assert checks.is_seed_phrase(phrase) is valid


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "2223003122003222",
    ],
)
def test_test_numbers_of_card_networks_are_cards(number: str) -> None:
    assert is_card(number)
    assert not is_card(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize(
    "number", ["0000000000000000", "1234567812345670", "9999999999999995", "4444444444444448"[:15], "1700000000000"]
)
def test_numbers_outside_the_ranges_of_issuers_are_no_cards(number: str) -> None:
    assert not is_card(number)


@pytest.mark.parametrize(
    "iban", ["GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947"]
)
def test_ibans_of_the_registry_have_the_right_remainder(iban: str) -> None:
    assert checks.has_mod97(iban)
    assert not checks.has_mod97(iban[:-1] + ("0" if iban[-1] != "0" else "1"))


def test_base58check_reads_the_wiki_s_key_and_refuses_a_changed_one() -> None:
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jv" + "hTVqvbTLvyTJ"
    assert is_wif(key)
    assert not is_wif(key[:-1] + "K")
    assert checks.base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") is not None
    assert not is_wif("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")


def test_github_checksum_is_crc32_in_base_62() -> None:
    body = "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"
    assert checks.has_github_checksum("ghp_" + body + checks.base62_crc32(body))
    assert not checks.has_github_checksum("ghp_" + body + "000000")
    assert checks.base62_crc32("") == "000000"


@pytest.mark.parametrize(
    ("token", "valid"),
    [
        ("eyJhbGciOiJub25lIn0.e30.x", True),
        ("eyJlbmMiOiJBMTI4R0NNIn0.a.b", True),
        ("eyJ0eXAiOiJKV1QifQ.e30.x", False),
        ("eyJ!!.a.b", False),
        ("WzFd.a.b", False),
    ],
)
def test_a_jwt_has_a_header_with_an_algorithm(token: str, valid: bool) -> None:
    assert checks.is_jwt(token) is valid


def test_entropy_is_shannon_s() -> None:
    assert checks.entropy("aaaa") == 0
    assert checks.entropy("abcd") == 2
    assert checks.entropy("") == 0
