"""The bottle's CA and its leaves, read by three other implementations; no key readable by others is used."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress import der
from bot_bottle.gates.egress.authority import AUTHORITY_LIFE_S, Authority
from bot_bottle.host.roots import find_roots, merge_roots

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HOSTS = ("api.example.com", "localhost", "192.0.2.1", "2001:db8::1", "x" * 63 + "." + "y" * 63 + ".example.com")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("calm-otter", now=NOW.timestamp())


def test_the_authority_may_sign_leaves_and_nothing_else(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.certificate.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert certificate.subject.rfc4514_string() == "CN=bot-bottle calm-otter,O=bot-bottle"
    assert certificate.not_valid_after_utc == NOW + timedelta(seconds=AUTHORITY_LIFE_S)
    assert 0 < certificate.serial_number < 1 << 159
    certificate.verify_directly_issued_by(certificate)


def test_a_leafs_private_key_is_one_that_others_read(authority: Authority) -> None:
    leaf = authority.leaf("a.example.com")
    key = load_pem_private_key(leaf.key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == x509.load_pem_x509_certificate(leaf.certificate.encode()).public_key()


def test_two_authorities_have_nothing_in_common() -> None:
    first, second = (x509.load_pem_x509_certificate(Authority("same").certificate.encode()) for _ in range(2))
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


@pytest.mark.parametrize("host", HOSTS)
def test_a_leaf_verifies_for_its_host_alone(authority: Authority, host: str) -> None:
    leaf = x509.load_pem_x509_certificate(authority.leaf(host, now=NOW.timestamp()).certificate.encode())
    store = Store([x509.load_pem_x509_certificate(authority.certificate.encode())])
    try:
        name: x509.DNSName | x509.IPAddress = x509.IPAddress(ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    chain = PolicyBuilder().store(store).time(NOW).build_server_verifier(name).verify(leaf, [])
    assert len(chain) == 2
    with pytest.raises(x509.verification.VerificationError):
        PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName("other.example.com")).verify(leaf, [])


def test_a_leaf_can_do_nothing_but_serve(authority: Authority) -> None:
    leaf = x509.load_pem_x509_certificate(authority.leaf("a.example.com").certificate.encode())
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature


def test_a_handshake_of_openssl_accepts_the_leaf(tmp_path: Path) -> None:
    authority = Authority("calm-otter")
    leaf = authority.leaf("api.example.com")
    path = tmp_path / "leaf.pem"
    path.write_text(leaf.certificate + leaf.key)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(path)
    client_context = ssl.create_default_context(cadata=authority.certificate)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="api.example.com")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.version() == "TLSv1.3"


def test_a_pair_does_not_show_its_key(authority: Authority) -> None:
    assert "PRIVATE" not in repr(authority.leaf("a.example.com"))


def test_the_merged_roots_hold_every_certificate(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "a.pem").write_text(Authority("a").certificate.rstrip())
    (tmp_path / "b.pem").write_text(Authority("b").certificate)
    merged = merge_roots(authority.certificate, (tmp_path / "a.pem", tmp_path / "b.pem"))
    assert len(x509.load_pem_x509_certificates(merged)) == 3
    assert merged.startswith(authority.certificate.encode().strip())


def test_the_roots_are_found_where_the_system_keeps_them(tmp_path: Path) -> None:
    place = tmp_path / "etc/ssl/cert.pem"
    place.parent.mkdir(parents=True)
    place.touch()
    assert find_roots({}, root=tmp_path) == place
    assert find_roots({"SSL_CERT_FILE": str(place)}, root=Path("/nowhere")) == place


def test_roots_that_are_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match="SSL_CERT_FILE"):
        find_roots({"SSL_CERT_FILE": str(tmp_path / "missing.pem")})
    with pytest.raises(CannotRunHere, match="trusted root"):
        find_roots({}, root=tmp_path)


@given(st.integers(min_value=0, max_value=1 << 2048))
def test_an_integer_is_shortest_and_not_negative(value: int) -> None:
    encoded = der.integer(value)
    head = 2 if encoded[1] < 0x80 else 2 + (encoded[1] & 0x7F)
    content = encoded[head:]
    assert int.from_bytes(content, "big", signed=True) == value
    assert len(content) == 1 or content[0] or content[1] & 0x80


@pytest.mark.parametrize(
    ("size", "head"), [(0, "0400"), (127, "047f"), (128, "048180"), (255, "0481ff"), (256, "04820100"), (65536, "0483010000")]
)
def test_a_length_takes_as_few_bytes_as_it_can(size: int, head: str) -> None:
    assert der.octets(bytes(size)).hex().startswith(head)


def test_years_from_2050_are_written_with_four_digits() -> None:
    assert der.time(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) == b"\x17\x0d491231235959Z"
    assert der.time(datetime(2050, 1, 1, tzinfo=UTC).timestamp()) == b"\x18\x0f20500101000000Z"
