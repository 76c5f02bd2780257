"""Both engines say the same, the cache gives back what was stored and nothing else."""

import os
import random
from pathlib import Path

import pytest

from bot_bottle.gates.dlp import compiled
from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
from bot_bottle.gates.dlp.formats.samples import positive
from bot_bottle.gates.dlp.formats.table import FORMATS
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.records import View
from bot_bottle.gates.dlp.scan import Scanner

ENGINES = ("hyperscan", "aho-corasick")
SECRETS = (OwnSecret("S", b"q8Zk-own-secret-value"),)
SCANNERS = [Scanner(OUTGOING, key=b"k", secrets=SECRETS, engine=engine) for engine in ENGINES]


def mixture(seed: int) -> bytes:
    """Words, tokens whole and cut, encodings and noise, in random order."""
    dice = random.Random(seed)
    parts = [positive(dice.choice(FORMATS), seed=seed) for _ in range(4)]
    parts += [part[: dice.randrange(1, len(part))] for part in parts]
    parts += [part.encode().hex() for part in parts[:1]] + [
        "q8Zk-own-secret-value"[: dice.choice((10, 21))],
        "password = 'Zq8x2LmP90aa'",
    ]
    parts += ["".join(chr(dice.randrange(32, 127)) for _ in range(dice.randrange(200))) for _ in range(6)]
    dice.shuffle(parts)
    return dice.choice((" ", "\n", '", "')).join(parts).encode()


@pytest.mark.parametrize("seed", range(60))
def test_both_engines_give_the_same_findings(seed: int) -> None:
    view = View("body", "the body", mixture(seed))
    first, second = ({(one.rule, one.fingerprint, one.via) for one in scanner.scan((view,))} for scanner in SCANNERS)
    assert first == second


def test_both_engines_agree_on_the_corpus() -> None:
    folder = os.environ.get("BOT_BOTTLE_CORPUS")
    if not folder:
        pytest.skip("BOT_BOTTLE_CORPUS is not set")
    from bot_bottle.gates.dlp.score import Judge, meets_bars, read_cases, table

    cases = read_cases(Path(folder))
    verdicts = [
        [judge.score(case) for case in cases]
        for judge in map(lambda engine: Judge(engine=engine, refuses=lambda _: None), ENGINES)
    ]
    assert verdicts[0] == verdicts[1]
    judge = Judge()
    scored = [judge.score(case) for case in cases]
    assert table(scored)[-1].stopped == 0
    assert meets_bars(scored)


def test_a_stored_database_is_loaded_again_and_a_changed_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "dlp" / "x.db"
    compiled.store(path, b"database")
    assert compiled.load(path) == b"database"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert compiled.load(path) is None


def test_a_database_that_others_may_write_or_a_link_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    compiled.store(path, b"database")
    (tmp_path / "link.db").symlink_to(path)
    assert compiled.load(tmp_path / "link.db") is None
    path.chmod(0o666)
    assert compiled.load(path) is None
    assert compiled.load(tmp_path / "none.db") is None


def test_the_place_depends_on_every_pattern_and_on_the_engine() -> None:
    places = {
        compiled.place(patterns, engine=engine)
        for patterns, engine in (([b"a", b"b"], "x"), ([b"ab"], "x"), ([b"a", b"b"], "y"), ([b"b", b"a"], "x"))
    }
    assert len(places) == 4


def test_own_secrets_are_never_written_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Scanner(OUTGOING[1:2], key=b"k", secrets=SECRETS, engine="hyperscan")
    stored = [path.read_bytes() for path in tmp_path.rglob("*.db")]
    assert stored
    assert not any(b"q8Zk" in content for content in stored)
