"""Which addresses may be dialled, against a table made another way."""

import ipaddress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.errors import Refused
from bot_bottle.gates.addresses import NOT_PUBLIC, check

FORBIDDEN = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.1 127.255.255.254 169.254.0.1
169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1
192.88.99.1 192.168.0.1 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255 168.63.129.16
:: ::1 ::7f00:1 ::a9fe:a9fe ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:7f00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::808:808
64:ff9b:1::1 64:ff9b:1:7f00:0:100:: 100::1 100:0:0:1::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a00:1::1 2002:808:808:: 2620:4f:8000::1 3ffe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1
febf::1 fec0::1 feff::1 ff02::1 ff0e::1 4000::1 8000::1 ::2 1::1
""".split()  # noqa: SIM905  # a table

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2606:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2003::1 2620:4f:8001::1 3ffd::1
""".split()  # noqa: SIM905  # a table


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        check(address, permitted=())


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert check(address, permitted=()) == ip_address(address)


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "2606:4700::1%1", "127.1", "0x7f.1", "010.0.0.1", "example.com", "", "1.1.1.1\n", "1.1.1.1/32"]
)
def test_what_is_not_plainly_an_address_is_refused(address: str) -> None:
    with pytest.raises(Refused) as refused:
        check(address, permitted=())
    assert refused.value.what.isprintable()


def test_a_rule_permits_its_own_block_only() -> None:
    permitted = (ip_network("10.1.0.0/16"), ip_network("fd00:1::/32"))
    assert check("10.1.2.3", permitted=permitted) == ip_address("10.1.2.3")
    assert check("fd00:1::2", permitted=permitted) == ip_address("fd00:1::2")
    for address in ("10.2.0.1", "fd00:2::1", "127.0.0.1"):
        with pytest.raises(Refused):
            check(address, permitted=permitted)


def test_permission_for_an_embedding_block_does_not_reach_through_it() -> None:
    with pytest.raises(Refused, match=r"holds 127\.0\.0\.1, which is loopback"):
        check("64:ff9b::7f00:1", permitted=(ip_network("64:ff9b::/96"),))
    assert check("64:ff9b::808:808", permitted=(ip_network("64:ff9b::/96"),))


def test_this_machines_own_public_address_is_refused() -> None:
    with pytest.raises(Refused, match="of this machine"):
        check("8.8.8.8", permitted=(), own=("8.8.8.8", "fe80::1%eth0"))


def test_a_public_interface_of_isatap_form_is_looked_into() -> None:
    with pytest.raises(Refused, match=r"holds 10\.0\.0\.1"):
        check("2606:4700::5efe:a00:1", permitted=())


RANGES = [
    (int(block.network_address), int(block.broadcast_address), block.version)
    for block in (ip_network(text) for text, _ in NOT_PUBLIC)
]


@given(st.integers(0, 2**32 - 1))
def test_ipv4_agrees_with_plain_comparison_of_numbers(number: int) -> None:
    expected = not any(first <= number <= last for first, last, version in RANGES if version == 4)
    assert is_dialled(str(ipaddress.IPv4Address(number))) is expected


@given(st.sampled_from([edge for first, last, _ in RANGES for edge in (first - 1, first, last, last + 1)]))
def test_edges_of_blocks_agree_with_plain_comparison_of_numbers(number: int) -> None:
    if 0 <= number < 2**32:
        expected = not any(first <= number <= last for first, last, version in RANGES if version == 4)
        assert is_dialled(str(ipaddress.IPv4Address(number))) is expected


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**32 - 1))
def test_every_embedding_of_a_private_ipv4_address_is_refused(number: int, low: int) -> None:
    private = int(ip_address("10.0.0.0")) + low % 2**24
    prefixes = (0, 0xFFFF << 32, 0xFFFF << 48, int(ip_address("64:ff9b::")))
    forms = [prefix + private for prefix in prefixes]
    forms += [
        (0x2002 << 112) | (private << 80) | (number % 2**80),
        (0x20010000 << 96) | (number % 2**64) << 32 | private ^ 0xFFFFFFFF,
    ]
    for form in forms:
        assert not is_dialled(str(ipaddress.IPv6Address(form)))


@given(st.integers(0, 2**128 - 1))
def test_nothing_that_the_standard_library_calls_private_is_dialled(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    if is_dialled(str(address)):
        assert address.is_global
        assert not address.is_multicast


def is_dialled(address: str) -> bool:
    """Whether `check` lets it pass without any permission."""
    try:
        check(address, permitted=())
    except Refused:
        return False
    return True
