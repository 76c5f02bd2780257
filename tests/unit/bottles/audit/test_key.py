"""The operator's key: made once, private, readable by openssl's form, in a file or in the keyring."""

import stat
from pathlib import Path

import pytest

from bot_bottle.bottles.audit import key
from bot_bottle.errors import BottleError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def nothing(service: str, user: str) -> str | None:
    return None


def test_a_key_is_made_once_and_for_its_owner_alone(home: Path) -> None:
    made = key.load_or_make(nothing)
    assert key.load_or_make(nothing) == made
    file = home / ".config/bot-bottle/audit/key.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert key.trusted() == {made.id: made.public}
    assert made.seed.hex() not in repr(made)


def test_other_programs_read_both_halves(home: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    made = key.load_or_make(nothing)
    private = load_pem_private_key((home / ".config/bot-bottle/audit/key.pem").read_bytes(), None)
    public = load_pem_public_key(key.public_pem(made.public).encode())
    assert private.public_key() == public
    assert key.public_from(key.public_pem(made.public), "it") == made.public


def test_an_old_key_is_trusted_after_a_new_one_was_made(home: Path) -> None:
    old = key.load_or_make(nothing)
    (home / ".config/bot-bottle/audit/key.pem").unlink()
    new = key.load_or_make(nothing)
    assert new != old
    assert key.trusted() == {old.id: old.public, new.id: new.public}


def test_of_two_that_make_a_key_at_once_both_get_the_same(home: Path) -> None:
    first = key._make(key.folder() / "key.pem")
    second = key._make(key.folder() / "key.pem")
    assert first == second
    assert list(key.trusted()) == [first.id]


def test_a_key_in_the_keyring_is_asked_for_there(home: Path) -> None:
    made = key.load_or_make(nothing)
    file = home / ".config/bot-bottle/audit/key.pem"
    text = file.read_text()
    file.unlink()
    (file.parent / "in-keyring").touch()
    held = {("bot-bottle", "audit"): text}
    assert key.load_or_make(lambda service, user: held.get((service, user))) == made
    assert not file.exists()
    with pytest.raises(BottleError, match="not in the keyring"):
        key.load_or_make(nothing)
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n", key.public_pem(bytes(32))])
def test_what_is_no_key_is_neither_used_nor_replaced(home: Path, text: str) -> None:
    file = home / ".config/bot-bottle/audit/key.pem"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(BottleError):
        key.load_or_make(nothing)
    assert file.read_text() == text
