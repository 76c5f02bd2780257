"""Every kind of bad manifest and the whole error that its writer sees.

After a change of wording: BOT_BOTTLE_WRITE_SNAPSHOTS=1 pytest THIS_FILE, then read the difference.
"""

import os
from pathlib import Path

import pytest

from bot_bottle.errors import BadManifest
from bot_bottle.manifest.read import Sources, load

BAD = Path(__file__).parent / "bad"
KINDS = sorted(path.stem for path in BAD.glob("*.yaml"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_manifest_gives_exactly_this_error(kind: str, repository: Path) -> None:
    (repository / "bottle.yaml").write_bytes((BAD / f"{kind}.yaml").read_bytes())
    with pytest.raises(BadManifest) as caught:
        load(Sources(cwd=repository, manifest=Path("bottle.yaml")))
    error = caught.value
    said = "\n".join([error.what, *(f"  - {fact}" for fact in error.facts), f"  {error.next}"]) + "\n"
    said = said.replace(str(repository.parent.resolve()), "HOME")
    expected = BAD / f"{kind}.txt"
    if os.environ.get("BOT_BOTTLE_WRITE_SNAPSHOTS"):
        expected.write_text(said)
    assert said == expected.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_never_shows_what_could_steer_a_terminal_or_a_secret(kind: str) -> None:
    said = (BAD / f"{kind}.txt").read_text()
    assert all(character.isprintable() or character == "\n" for character in said)
    assert not any(secret in said for secret in ("sk-ant", "hunter2", "correct-horse", "q8Zt3LwX0pVbN7rKf2YdJ5sA"))


def test_there_are_snapshots_of_bad_manifests_only() -> None:
    assert {path.stem for path in BAD.glob("*.txt")} == set(KINDS)
    assert len(KINDS) >= 24
