"""A disk without a byte: a start says so in three parts and leaves nothing, and what runs can still be seen, used and stopped."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from rounds import fill
from shop import Shop

from bot_bottle.errors import ExitCode

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="making a small disk needs root")
FAKE = {"BOT_BOTTLE_TEST_BACKENDS": "1"}


@pytest.fixture
def small(shop: Shop) -> Iterator[Shop]:
    """The operator, whose state lies on a disk of its own."""
    state = shop.home / ".local/state"
    state.mkdir(parents=True)
    if subprocess.run(("mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "none", str(state)), check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield shop
    subprocess.run(("umount", "-l", str(state)), check=True)


def run(shop: Shop, *words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        shop.argv(*words), env=shop.env(**FAKE), cwd=shop.project, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )


def start(shop: Shop, name: str) -> "subprocess.CompletedProcess[bytes]":
    return run(shop, "run", "-q", "-d", "--backend", "fake", "--name", name, "shell", "--", "sleep", "600")


def test_a_full_disk_is_said_and_what_runs_goes_on_and_can_be_stopped(small: Shop) -> None:
    assert start(small, "one").returncode == 0
    filler = fill(small.home / ".local/state")
    try:
        refused = start(small, "two")
        assert refused.returncode == ExitCode.FAILED
        assert b"The disk is full." in refused.stderr
        assert b"Traceback" not in refused.stderr
        assert not (small.bottles() / "two").exists()
        assert run(small, "exec", "one", "--", "echo", "here").stdout == b"here\n"
        assert run(small, "ls").returncode == 0
        assert run(small, "stop", "one").returncode == 0
    finally:
        filler.unlink()
    assert run(small, "clean").returncode == 0
    assert start(small, "two").returncode == 0
    assert run(small, "stop", "two").returncode == 0
