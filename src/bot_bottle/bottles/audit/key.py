"""The operator's signing key: Ed25519, made when it is first needed, in a 0600 file or in the desktop's keyring.

The files are what openssl reads and writes (RFC 8410). The public half of every key that was ever used stays beside it, so that
old logs verify after a new key was made. A bottle never sees any of it, and neither do the gates' secrets hold it.
"""

import binascii
import os
from collections.abc import Callable
from pathlib import Path

from bot_bottle.bottles.audit.verify import Keys
from bot_bottle.errors import BottleError
from bot_bottle.gates.chain import Sign, digest
from bot_bottle.host import paths
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.record import dataclass

PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of a private key in DER (RFC 8410, section 7)."""

PUBLIC = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a public key (RFC 8410, section 4)."""

IN_KEYRING = ("bot-bottle", "audit")
"""Service and user under which a keyring holds the key."""

Keyring = Callable[[str, str], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """The private key and its public half, 32 bytes each."""

    seed: bytes
    public: bytes

    @property
    def id(self) -> str:
        """By which marks name it."""
        return key_id(self.public)

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


def key_id(public: bytes) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of the public key."""
    return digest(public)[:16]


def folder() -> Path:
    """Where the keys are."""
    return paths.config_dir() / "audit"


def load_or_make(keyring: Keyring) -> Key:
    """The operator's key; a new one in a file if there is none. BottleError when there is one that cannot be read."""
    place = folder() / "key.pem"
    try:
        return _from_pem(place.read_text("ascii"), str(place))
    except FileNotFoundError:
        pass
    if (folder() / "in-keyring").exists():
        held = keyring(*IN_KEYRING)
        if held is None:
            raise BottleError(
                "The audit key is not in the keyring any more.",
                next=f"Put it back, or remove {folder() / 'in-keyring'}: then a new one is made in a file.",
            )
        return _from_pem(held, "the keyring")
    return _make(place)


def signer(key: Key) -> Sign:
    """Signs with this key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    return lambda content: (key.id, private.sign(content).hex())


def trusted() -> Keys:
    """Every key that this operator has ever signed with."""
    known = {}
    for path in sorted((folder() / "known").glob("*.pem")):
        public = public_from(path.read_text("ascii", "replace"), str(path))
        known[key_id(public)] = public
    return known


def public_from(text: str, origin: str) -> bytes:
    """The 32 bytes of a public key in PEM. BottleError when it is none."""
    raw = _unwrapped(text, "PUBLIC KEY", origin)
    if len(raw) != len(PUBLIC) + 32 or not raw.startswith(PUBLIC):
        raise BottleError(f"{origin} is not a public key of Ed25519.")
    return raw[len(PUBLIC) :]


def public_pem(public: bytes) -> str:
    """As openssl reads it."""
    return _wrapped(PUBLIC + public, "PUBLIC KEY")


def _make(place: Path) -> Key:
    """A new key; if another process was quicker, its key."""
    key = from_seed(os.urandom(32))
    make_private_folder(place.parent)
    draft = write_file(place.with_name(f".key.{os.getpid()}"), _wrapped(PRIVATE + key.seed, "PRIVATE KEY"))
    try:
        os.link(draft, place)
    except FileExistsError:
        return _from_pem(place.read_text("ascii"), str(place))
    finally:
        draft.unlink()
    remember(key.public)
    return key


def remember(public: bytes) -> None:
    """Trust what this key has signed, from now on."""
    known = folder() / "known" / f"{key_id(public)}.pem"
    if not known.exists():
        make_private_folder(known.parent)
        write_file(known, public_pem(public))


def from_seed(seed: bytes) -> Key:
    """The key that this seed makes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Key(seed=seed, public=Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def _from_pem(text: str, origin: str) -> Key:
    raw = _unwrapped(text, "PRIVATE KEY", origin)
    if len(raw) != len(PRIVATE) + 32 or not raw.startswith(PRIVATE):
        raise BottleError(f"The audit key in {origin} is not a private key of Ed25519.")
    key = from_seed(raw[len(PRIVATE) :])
    remember(key.public)
    return key


def _wrapped(der: bytes, label: str) -> str:
    return f"-----BEGIN {label}-----\n{binascii.b2a_base64(der, newline=False).decode()}\n-----END {label}-----\n"


def _unwrapped(text: str, label: str, origin: str) -> bytes:
    start, end = f"-----BEGIN {label}-----", f"-----END {label}-----"
    _, begins, rest = text.partition(start)
    body, ends, _ = rest.partition(end)
    if not (begins and ends):
        raise BottleError(f"There is no {label.lower()} in {origin}.")
    try:
        return binascii.a2b_base64("".join(body.split()), strict_mode=True)
    except binascii.Error:
        raise BottleError(f"The {label.lower()} in {origin} cannot be read.") from None
