"""What the command line starts before it has read anything inherits nothing, and closed streams are no trap."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot_bottle.bottles.idle import IdleBundle, start_ahead, take
from bot_bottle.errors import CannotRunHere

CLOSED = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-")


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdleBundle]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("A_TOKEN", "of the operator")
    given, other = os.pipe()
    os.set_inheritable(given, True)
    one = take()
    yield one
    one.end()
    os.close(given)
    os.close(other)


def test_a_bundle_has_its_link_and_its_log_and_nothing_else(bundle: IdleBundle, tmp_path: Path) -> None:
    process = Path(f"/proc/{bundle.pid}")
    held = {int(one.name): os.readlink(one) for one in (process / "fd").iterdir()}
    assert held[0] == held[1] == "/dev/null"
    assert held[2] == str(tmp_path / "bot-bottle/bundle.log")
    assert held[3].startswith("socket:")
    assert not [name for number, name in held.items() if number > 3 and name.startswith(("pipe:", "socket:"))]
    assert os.getsid(bundle.pid) == bundle.pid


def test_a_bundle_has_nothing_of_the_operators_environment(bundle: IdleBundle) -> None:
    names = {line.partition(b"=")[0] for line in Path(f"/proc/{bundle.pid}/environ").read_bytes().split(b"\0") if line}
    assert names <= {b"LANG", b"PATH", b"SSL_CERT_FILE"}


def test_a_bundle_that_nobody_takes_ends_with_its_starter(tmp_path: Path) -> None:
    code = "from bot_bottle.bottles import idle; idle.start_ahead(); print(idle._ahead[0][0])"
    env = {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run((sys.executable, "-c", code), env=env, capture_output=True, text=True, timeout=60, check=True)
    ended(int(done.stdout))


def ended(pid: int) -> None:
    """Return when it is gone; fails after a while."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poller = select.poll()
        poller.register(watch, select.POLLIN)
        assert poller.poll(20_000), "it still runs"
    finally:
        os.close(watch)


def test_a_state_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    start_ahead()
    with pytest.raises(CannotRunHere, match="gates cannot be started"):
        take()


@pytest.mark.parametrize("closed", CLOSED)
def test_a_stream_that_the_caller_closed_is_an_empty_one(closed: str, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    (tmp_path / "project").mkdir()
    line = f'"$0" -m bot_bottle run -q shell -- sh -c "cat; echo said; exit 3" {closed}'
    done = subprocess.run(
        ("sh", "-c", line, sys.executable),
        check=False,
        env=env,
        cwd=tmp_path / "project",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr == ""
    assert done.stdout == ("" if ">&-" in closed.replace("2>&-", "") else "said\n")
