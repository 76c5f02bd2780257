"""Docker's command line, and what its answers mean."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from plans import shared_plan

from bot_bottle.backends.docker.client import (
    DOOR,
    Daemon,
    explain,
    is_going,
    is_gone,
    is_too_old,
    last_words,
    read_info,
    refusal,
    shown,
)
from bot_bottle.backends.docker.endpoint import Endpoint
from bot_bottle.backends.docker.plan import DockerPlan, Owner
from bot_bottle.backends.docker.prepare import container_name, groups, prepare, users
from bot_bottle.backends.docker.survey import unfit
from bot_bottle.backends.mounts import Bind
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.run import Finished
from bot_bottle.plans.image import DockerImage
from bot_bottle.record import replace

HERE = Endpoint(words=("--host", "unix:///run/d.sock"), address="unix:///run/d.sock", chosen_by="DOCKER_HOST")
DAEMON = Daemon(
    version="28.1.0",
    system="Debian GNU/Linux 12",
    kernel="6.1.0",
    cgroups="2",
    security=("name=seccomp,profile=builtin", "name=apparmor"),
    runtimes=("runc",),
)


@pytest.fixture(autouse=True)
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal counts as built."""
    monkeypatch.setattr("bot_bottle.backends.docker.prepare.built_portal", lambda: Path("/built/portal"))


@pytest.fixture
def plan(tmp_path: Path) -> DockerPlan:
    shared = replace(shared_plan(tmp_path / "one"), image=DockerImage(reference="sha256:abc", origin="base"))
    return prepare(shared, endpoint=HERE, daemon=DAEMON)


def test_door_is_read_only_inside(plan: DockerPlan) -> None:
    door = next(mount for mount in plan.mounts if mount.guest_path == DOOR)
    assert isinstance(door, Bind)
    assert not door.writable


def test_bottles_of_two_operators_never_share_a_name() -> None:
    assert container_name("one", Path("/home/a/one")) != container_name("one", Path("/home/b/one"))


def test_plan_without_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere):
        prepare(replace(shared_plan(tmp_path / "one"), image=None), endpoint=HERE, daemon=DAEMON)


@pytest.mark.parametrize("uid", [1000, 1001, 0])
def test_users_file_has_the_bottles_user_under_its_number(uid: int) -> None:
    owner = Owner(uid=uid, gid=uid)
    rows = [row.split(":") for row in users(owner, home="/home/agent").splitlines()]
    assert [row[0] for row in rows if row[2] == str(uid)] == ["agent"]
    assert groups(owner).endswith("\n")


def info(**more: Any) -> bytes:  # Any: JSON
    said = {"ServerVersion": "28.1.0", "KernelVersion": "6.1.0", "OperatingSystem": "Debian", "CgroupVersion": "2"}
    return json.dumps(said | more).encode()


def test_info_of_a_daemon_is_read() -> None:
    daemon = read_info(
        info(SecurityOptions=["name=rootless", "name=seccomp,profile=builtin"], Runtimes={"runc": {}, "runsc": {}})
    )
    assert daemon is not None
    assert (daemon.is_rootless, daemon.has_seccomp, daemon.remaps_users, daemon.runtimes) == (
        True,
        True,
        False,
        ("runc", "runsc"),
    )


def test_limits_that_the_kernel_cannot_hold_are_noticed() -> None:
    daemon = read_info(info(MemoryLimit=False, PidsLimit=True))
    assert daemon is not None
    assert daemon.lacks == ("memory",)


@pytest.mark.parametrize("printed", [b"", b"null", b"[]", b"{}", b"not json", b'{"ServerErrors": ["no"]}'])
def test_no_daemon_is_not_a_daemon(printed: bytes) -> None:
    assert read_info(printed) is None


def test_servers_own_errors_are_told() -> None:
    assert refusal(b'{"ServerErrors": ["Cannot connect\\u001b[31m"]}') == ("Cannot connect\\x1b[31m",)


@pytest.mark.parametrize(
    ("version", "old"), [("20.10.24+dfsg1", False), ("19.03.5", True), ("28.2.2", False), ("4.3.1", False), ("dev", False)]
)
def test_old_daemons_are_known(version: str, old: bool) -> None:
    assert is_too_old(version) is old


@dataclass(frozen=True)
class Case:
    words: str
    what: str


@pytest.mark.parametrize(
    "case",
    [
        Case("permission denied while trying to connect to the Docker daemon socket", "You may not speak to the Docker daemon."),
        Case(
            "Cannot connect to the Docker daemon at unix:///x. Is it running?",
            "The Docker daemon does not answer.",
        ),
        Case("docker: Error response from daemon: No such image: nosuch:latest.", "The image is not there."),
        Case('Conflict. The container name "/x" is already in use by container "1"', "There is a container of this name."),
        Case("write /var/lib/docker/tmp/x: no space left on device", "The disk is full."),
        Case("unknown or invalid runtime name: kata", "The daemon does not have this runtime."),
        Case(
            "Cannot connect to the Docker daemon, or it does not answer any more.",
            "The Docker daemon does not answer.",
        ),
        Case("something new", "Docker could not make the bottle."),
    ],
    ids=lambda case: case.what,
)
def test_refusals_are_explained(case: Case) -> None:
    error = explain(case.words)
    assert error.what == case.what
    assert shown(case.words) in error.facts
    assert error.next


def test_daemons_words_cannot_move_the_cursor() -> None:
    assert shown("\x1b[2J\u202egone") == "\\x1b[2J\\u202egone"


def test_removal_of_what_is_not_there_is_done() -> None:
    assert is_gone(Finished(code=1, stdout=b"", stderr=b"Error: No such container: x"))
    assert not is_gone(Finished(code=1, stdout=b"", stderr=b"Cannot connect"))
    assert is_going(Finished(code=1, stdout=b"", stderr=b"removal of container x is already in progress"))


def test_daemon_of_another_kernel_is_refused() -> None:
    found = unfit(DAEMON, HERE, machine="x86_64", kernel="6.2.0")
    assert found is not None
    assert "another machine" in found.why
    assert unfit(DAEMON, HERE, machine="x86_64", kernel="6.1.0") is None


def test_daemon_behind_the_network_is_refused() -> None:
    far = Endpoint(words=("--context", "far"), address="ssh://server.example", chosen_by="context far")
    assert unfit(DAEMON, far, machine="x86_64", kernel="6.1.0") is not None


def test_words_that_say_nothing_are_left_out() -> None:
    said = "\nportal: no door\nRun 'docker run --help' for more\n"
    assert last_words(said) == ("portal: no door",)
