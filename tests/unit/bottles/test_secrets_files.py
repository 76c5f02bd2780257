"""Secrets in files: the whole of one, or a text in its JSON; errors name the place and never what stands there."""

from pathlib import Path

import pytest

from bot_bottle.bottles.secrets import read_secret
from bot_bottle.errors import BottleError
from bot_bottle.host.run import Command, Finished
from bot_bottle.manifest.spec import FromFile
from bot_bottle.plans.sources import described_source, source_from
from bot_bottle.record import asdict

SAID = '{"tokens": {"access": "s3cr3t-token\\n", "number": 5}, "top": "s3cr3t-top"}'


def read(source: FromFile) -> str:
    def run(command: Command) -> Finished:
        raise AssertionError("nothing is run")

    return read_secret(source, host={}, run=run, keyring=lambda service, user: None)


def test_a_file_without_a_key_is_the_secret(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cr3t\n")
    assert read(FromFile(file=file)) == "s3cr3t"


@pytest.mark.parametrize(("key", "value"), [("tokens.access", "s3cr3t-token"), ("top", "s3cr3t-top")])
def test_a_key_leads_to_a_text_in_json(key: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "login.json"
    file.write_text(SAID)
    assert read(FromFile(file=file, key=key)) == value


@pytest.mark.parametrize(
    ("content", "key"),
    [(SAID, "tokens"), (SAID, "tokens.number"), (SAID, "tokens.access.more"), (SAID, "none"), ("[1]", "0"), ("s3cr3t", "a")],
)
def test_what_is_not_there_is_said_without_what_is(content: str, key: str, tmp_path: Path) -> None:
    file = tmp_path / "login.json"
    file.write_text(content)
    with pytest.raises(BottleError) as caught:
        read(FromFile(file=file, key=key))
    assert "s3cr3t" not in str(caught.value)
    assert str(file) in caught.value.what


@pytest.mark.parametrize("source", [FromFile(file=Path("/a/b")), FromFile(file=Path("/a/b"), key="c.d")])
def test_a_source_is_read_back_from_the_stored_plan(source: FromFile) -> None:
    row = asdict(source)
    assert source_from(row | {"file": str(row["file"])}) == source
    assert source.key in described_source(source)
