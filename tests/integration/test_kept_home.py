"""`home: kept`: bottles of one agent share a home, one after the other, and trust nothing that lies in it."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from shop import Shop

from bot_bottle.errors import ExitCode

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
def keeping(shop: Shop) -> Shop:
    """An operator whose policy keeps homes."""
    folder = shop.home / ".config/bot-bottle"
    folder.mkdir(parents=True, exist_ok=True)
    policy = folder / "policy.yaml"
    policy.write_text((policy.read_text() if policy.exists() else "") + "home: kept\n")
    return shop


def home_of(shop: Shop) -> Path:
    return shop.home / ".local/share/bot-bottle/homes/shell"


def test_what_one_bottle_leaves_the_next_one_finds_and_rm_does_not_take(keeping: Shop) -> None:
    first = keeping.bot_bottle(
        "run", "--name", "k1", "shell", "--", "sh", "-c", "mkdir -p ~/.a; echo one > ~/.a/b; chmod 700 ~/.a"
    )
    assert first.returncode == 0, first.stderr
    assert b"home        kept" in first.stderr
    assert keeping.bot_bottle("rm", "-f", "k1").returncode == 0
    assert stat.S_IMODE(home_of(keeping).stat().st_mode) == 0o700
    second = keeping.bot_bottle("run", "-q", "shell", "--", "sh", "-c", "cat ~/.a/b; echo two > ~/.a/b; cat ~/.a/b")
    assert second.stdout == b"one\ntwo\n", second.stderr


def test_without_it_every_bottle_has_a_home_of_its_own(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "shell", "--", "sh", "-c", "echo one > ~/left")
    assert shop.bot_bottle("run", "-q", "shell", "--", "sh", "-c", "ls ~/left").returncode != 0
    assert not home_of(shop).exists()


def test_it_belongs_to_one_bottle_at_a_time(keeping: Shop) -> None:
    assert keeping.bot_bottle("run", "-q", "-d", "--name", "k2", "shell", "--", "sleep", "600").returncode == 0
    other = keeping.bot_bottle("run", "-q", "--name", "k3", "shell", "--", "true")
    assert other.returncode == ExitCode.FAILED
    assert b"The kept home of shell is in use by another bottle." in other.stderr
    assert b"k2" in other.stderr
    keeping.bot_bottle("stop", "k2", "-t", "1")
    assert keeping.bot_bottle("run", "-q", "shell", "--", "true").returncode == 0
    again = keeping.bot_bottle("start", "-d", "-q", "k2")
    assert again.returncode == 0, again.stderr


def test_a_dry_run_makes_none(keeping: Shop) -> None:
    planned = keeping.bot_bottle("run", "--dry-run", "--json", "shell")
    assert json.loads(planned.stdout)["home_dir"] == str(home_of(keeping))
    assert not home_of(keeping).exists()


def test_links_in_it_lead_nothing_of_ours_out(keeping: Shop, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    words = ("run", "-q", "--mode", "copy", "shell", "--")
    keeping.bot_bottle(*words, "true")
    given = {path.relative_to(home_of(keeping)).parts[0] for path in home_of(keeping).rglob("*")}
    names = " ".join(sorted(given | {".config", ".claude", ".bashrc"}))
    keeping.bot_bottle(*words, "sh", "-c", f"cd; for name in {names}; do rm -rf $name; ln -s {victim} $name; done")
    assert keeping.bot_bottle(*words, "true").returncode == 0
    assert list(victim.iterdir()) == []
    assert victim.stat().st_uid == os.getuid()


def test_an_untrusted_manifest_may_not_ask_for_it(shop: Shop) -> None:
    (shop.project / "bottle.yaml").write_text("home: kept\n")
    done = shop.bot_bottle("run", "-q", "shell", "--", "true")
    assert done.returncode == ExitCode.DECLINED
    assert b"home" in done.stderr
