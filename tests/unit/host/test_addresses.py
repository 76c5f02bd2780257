"""Addresses and resolvers of this host, from the kernel's tables."""

from pathlib import Path

from bot_bottle.host.addresses import ipv4_addresses, ipv6_addresses, own_addresses, resolvers

TRIE = """Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
     |-- 192.0.2.5
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
     |-- 169.254.7.7
        /32 host LOCAL
"""
SIX = "20010db8000000000000000000000007 02 40 00 80     eth0\nfe80000000000000021122fffe334455 02 40 20 80 eth0\nodd\n"


def test_local_hosts_of_the_trie_are_found() -> None:
    assert ipv4_addresses(TRIE) == {"127.0.0.1", "192.0.2.5", "169.254.7.7"}


def test_columns_become_ipv6_addresses() -> None:
    assert "2001:db8::7" in ipv6_addresses(SIX)


def test_loopback_and_link_local_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/fib_trie").write_text(TRIE)
    (tmp_path / "proc/net/if_inet6").write_text(SIX)
    assert own_addresses(tmp_path) == ("192.0.2.5", "2001:db8::7")


def test_missing_tables_are_no_addresses(tmp_path: Path) -> None:
    assert own_addresses(tmp_path) == ()
    assert resolvers(tmp_path) == ()


def test_resolvers_are_addresses_once_each(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text(
        "# nameserver 192.0.2.9\n" + "nameserver 127.0.0.53\n" * 2 + "nameserver x\nnameserver\n"
    )
    assert resolvers(tmp_path) == ("127.0.0.53",)
