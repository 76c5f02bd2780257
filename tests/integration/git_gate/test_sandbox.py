"""Another program in git's place, as if a hostile pack had taken git over: what it cannot reach, in each kind of sandbox."""

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge import Gated, commit, gated, operator_repository

from bot_bottle.errors import BottleError
from bot_bottle.gates.git_gate import runner
from bot_bottle.gates.git_gate.children import Done, complete
from bot_bottle.gates.git_gate.runner import Git, make_git
from bot_bottle.gates.git_gate.sandbox import confinement
from bot_bottle.host.confine import Confinement, can_confine, spawn_confined
from bot_bottle.host.run import LongCommand, Process, spawn
from bot_bottle.manifest.spec import GitUpstream
from bot_bottle.record import dataclass, replace

SECRET = "the operator's"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A home with something in it, and a hostile child's own folders."""

    home: Path
    mirror: Path
    quarantine: Path
    child: Git

    def try_to(self, script: str) -> Done:
        """Run it in git's place."""
        return asyncio.run(complete(self.child, "-c", script, timeout_s=60.0))


@pytest.fixture(params=["landlock", "bubblewrap"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    bwrap = shutil.which("bwrap") or ""
    if request.param == "landlock" and not can_confine():
        pytest.skip("this kernel has no Landlock")
    if request.param == "bubblewrap" and not bwrap:
        pytest.skip("bubblewrap is not installed")
    home, mirror = tmp_path / "home", tmp_path / "stage/mirror.git"
    quarantine = mirror / "incoming/1"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id").write_text(SECRET)
    quarantine.mkdir(parents=True)
    (mirror / "HEAD").write_text("ref: refs/heads/main\n")
    is_landlock = request.param == "landlock"
    git = make_git("/bin/bash", tmp_path / "stage", bwrap="" if is_landlock else bwrap, landlock=is_landlock)
    return Place(home=home, mirror=mirror, quarantine=quarantine, child=git.sealed(read=(mirror,), write=(quarantine,)))


def test_it_reads_the_mirror_and_writes_its_quarantine(place: Place) -> None:
    done = place.try_to(f"read line < {place.mirror}/HEAD && echo $line > {place.quarantine}/pack && cat {place.quarantine}/pack")
    assert (done.code, done.stdout) == (0, b"ref: refs/heads/main\n"), done.words


@pytest.mark.parametrize(
    "script",
    [
        "cat {home}/.ssh/id",
        "ls {home}/.ssh",
        "ls {home}",
        "echo changed > {home}/.ssh/id",
        ": >> {home}/.ssh/id",
        "rm {home}/.ssh/id",
        "mv {home}/.ssh/id {quarantine}/id",
        "ln {home}/.ssh/id {quarantine}/id && cat {quarantine}/id",
        "ln -s {home}/.ssh/id {quarantine}/id && cat {quarantine}/id",
        "chmod 777 {home}/.ssh/id",
        "touch -d 2001-01-01 {home}/.ssh/id",
        "truncate -s 0 {home}/.ssh/id",
        "echo x > {mirror}/HEAD",
        "rm {mirror}/HEAD",
        "mkdir {mirror}/refs",
        "cat /etc/passwd",
        "cat /proc/{process}/environ",
        "ls /proc/{process}/fd",
        "kill -0 {process}",
        "kill -STOP {process}",
        "mkfifo {home}/pipe",
        "exec 3<>/dev/tcp/127.0.0.1/{port}",
    ],
)
def test_it_cannot(place: Place, script: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = script.format(
            home=place.home, mirror=place.mirror, quarantine=place.quarantine, process=os.getpid(), port=server.getsockname()[1]
        )
        done = place.try_to(words)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    key = place.home / ".ssh/id"
    assert key.read_text() == SECRET
    assert key.stat().st_mode & 0o777 == 0o644
    assert SECRET.encode() not in done.stdout
    assert done.code != 0


@pytest.mark.parametrize(
    "script",
    [
        "cp /bin/true {quarantine}/true && {quarantine}/true",
        "cp /bin/true {quarantine}/true && chmod 755 {quarantine}/true && {quarantine}/true",
        "exec 3<>/dev/udp/127.0.0.1/9",
        "unshare --user true",
    ],
)
def test_under_landlock_it_runs_no_program_of_its_own_and_opens_no_socket_at_all(place: Place, script: str) -> None:
    if not place.child.landlock:
        pytest.skip("bubblewrap gives it an empty network, and its own folder as it is")
    assert place.try_to(script.format(quarantine=place.quarantine)).code != 0


def test_a_socket_of_the_operators_is_out_of_reach(place: Place) -> None:
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("there is no python in /usr/bin")
    agent = place.home / "agent.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(agent))
        server.listen()
        done = place.try_to(f"{python} -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{agent}\")'")
    assert done.code != 0
    assert "Error" in done.words


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gated]:
    project = operator_repository(tmp_path / "project")
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=project),)) as running:
        yield running


def test_every_git_that_reads_what_the_bottle_sent_is_confined(gate: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_confine():
        pytest.skip("this kernel has no Landlock")
    confined: list[str] = []
    free: list[str] = []

    def word(command: LongCommand) -> str:
        at = next(number for number, one in enumerate(command.argv) if one.endswith("/git"))
        return next(one for one in command.argv[at + 1 :] if not one.startswith("-"))

    def note(command: LongCommand) -> Process:
        free.append(word(command))
        return spawn(command)

    def note_confined(command: LongCommand, to: Confinement) -> Process:
        confined.append(word(command))
        return spawn_confined(command, to)

    monkeypatch.setattr(runner, "spawn", note)
    monkeypatch.setattr(runner, "spawn_confined", note_confined)
    work = gate.clone(gate.url("project"))
    commit(work, {"x.txt": "x\n"})
    gate.git("push", "--quiet", "origin", "main", at=work)
    assert {"index-pack", "cat-file", "rev-list", "ls-tree", "diff-tree", "upload-pack"} <= set(confined)
    assert set(free) <= {"ls-remote", "init", "fetch", "push", "for-each-ref", "update-ref", "upload-pack", "version"}
    assert free.count("upload-pack") <= 1  # its list of refs


def test_a_confinement_that_the_kernel_does_not_give_starts_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    if not place.child.landlock:
        pytest.skip("bubblewrap itself says so")
    monkeypatch.setattr(runner, "confinement", lambda read, write: replace(confinement(read, write), filter=b"no filter"))
    with pytest.raises(BottleError, match="could not be confined"):
        place.try_to("true")
