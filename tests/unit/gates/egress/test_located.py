"""Which addresses a look-up at plan time may open."""

import pytest

from bot_bottle.gates.egress.located import located, permitted_block
from bot_bottle.manifest.spec import Rule

RULE = Rule(host="mirror.example.com", where="preset pip")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "224.0.0.1", "0.0.0.0", "::ffff:10.0.0.1"],
)
def test_no_lookup_opens_this_machine_its_link_or_metadata(address: str) -> None:
    assert permitted_block(address) == ""


@pytest.mark.parametrize(
    ("address", "block"), [("10.1.2.3", "10.1.2.3/32"), ("fd12::1", "fd12::1/128"), ("100.64.0.9", "100.64.0.9/32")]
)
def test_a_private_mirror_is_permitted_at_exactly_its_address(address: str, block: str) -> None:
    assert permitted_block(address) == block


def test_a_public_mirror_needs_no_permission() -> None:
    assert located([RULE], lambda _: ("93.184.216.34",)) == (RULE,)


def test_each_host_is_looked_up_once() -> None:
    asked: list[str] = []

    def lookup(name: str) -> tuple[str, ...]:
        asked.append(name)
        return ("10.0.0.8",)

    rules = located([RULE, RULE], lookup)
    assert asked == ["mirror.example.com"]
    assert [rule.addresses for rule in rules] == [("10.0.0.8/32",)] * 2
