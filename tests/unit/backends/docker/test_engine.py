"""A container as the Engine API has it, and what the daemon's answers mean."""

import json
from pathlib import Path
from typing import Any

import pytest
from plans import shared_plan

from bot_bottle.backends.docker.client import Daemon
from bot_bottle.backends.docker.endpoint import Endpoint
from bot_bottle.backends.docker.engine import bind, container, identity_in, is_end, limits_of, memory, refusal_in, words_of
from bot_bottle.backends.docker.plan import ContainerLimits, DockerPlan
from bot_bottle.backends.docker.prepare import prepare
from bot_bottle.backends.first_process import BUILT_INSIDE
from bot_bottle.backends.mounts import Bind, Memory
from bot_bottle.host.local_http import Answer
from bot_bottle.manifest.spec import Limits
from bot_bottle.plans.image import DockerImage
from bot_bottle.record import replace

HERE = Endpoint(words=("--host", "unix:///run/d.sock"), address="unix:///run/d.sock", chosen_by="DOCKER_HOST")
DAEMON = Daemon(version="28.1.0", system="Debian", kernel="6.1.0", cgroups="2", security=("name=seccomp",), runtimes=("runc",))


@pytest.fixture(autouse=True)
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal counts as built."""
    monkeypatch.setattr("bot_bottle.backends.docker.prepare.built_portal", lambda: Path("/built/portal"))


@pytest.fixture
def plan(tmp_path: Path) -> DockerPlan:
    shared = replace(shared_plan(tmp_path / "one"), image=DockerImage(reference="sha256:abc", origin="base"))
    return prepare(shared, endpoint=HERE, daemon=DAEMON)


def host(plan: DockerPlan) -> dict[str, Any]:  # Any: JSON
    found: dict[str, Any] = container(plan)["HostConfig"]  # Any: JSON
    return found


def test_container_has_no_network_no_capabilities_and_no_new_privileges(plan: DockerPlan) -> None:
    asked = host(plan)
    assert (container(plan)["NetworkDisabled"], asked["NetworkMode"]) == (True, "none")
    assert (asked["CapDrop"], asked["SecurityOpt"]) == (["ALL"], ["no-new-privileges"])
    assert not {"Privileged", "CapAdd", "Devices", "DeviceRequests", "PortBindings", "Links", "Binds", "VolumesFrom"} & set(asked)


def test_container_shares_no_namespace_that_docker_can_make(plan: DockerPlan) -> None:
    asked = host(plan)
    assert (asked["IpcMode"], asked["CgroupnsMode"], asked["UsernsMode"]) == ("private", "private", "")
    assert not {"PidMode", "UTSMode"} & set(asked)


def test_image_is_named_by_its_id_and_starts_our_portal(plan: DockerPlan) -> None:
    assert (container(plan)["Image"], container(plan)["Entrypoint"]) == ("sha256:abc", [BUILT_INSIDE])


def test_nothing_is_left_to_be_kept_or_started_again(plan: DockerPlan) -> None:
    asked = host(plan)
    assert (asked["AutoRemove"], asked["RestartPolicy"], asked["LogConfig"]) == (True, {"Name": "no"}, {"Type": "none"})


def test_no_docker_socket_is_ever_mounted(plan: DockerPlan) -> None:
    assert "docker.sock" not in json.dumps(container(plan))


def test_environment_of_the_bottle_is_not_in_the_containers(plan: DockerPlan) -> None:
    assert "PLANNED" not in json.dumps(container(plan))
    assert "Env" not in container(plan)


def test_limits_are_the_daemons_and_swap_adds_no_memory(tmp_path: Path) -> None:
    limits = Limits(cpus=1.5, memory=512 * 1024**2, pids=77)
    shared = replace(shared_plan(tmp_path / "one", limits=limits), image=DockerImage(reference="i", origin="i"))
    asked = host(prepare(shared, endpoint=HERE, daemon=DAEMON))
    assert asked["Memory"] == asked["MemorySwap"] == 512 * 1024**2
    assert (asked["NanoCpus"], asked["PidsLimit"]) == (1_500_000_000, 77)


def test_no_limit_is_no_field() -> None:
    none = ContainerLimits(cpus=None, memory=None, pids=None)
    assert limits_of(none) == {"Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}]}


@pytest.mark.parametrize("path", ["/plain", "/with,comma:ro", '/with"quote', "/two\nlines", "/a, b=c"])
def test_any_path_stays_one_field_of_a_mount(path: str) -> None:
    assert bind(Bind(host_path=Path(path), guest_path="/inside")) == {
        "Type": "bind",
        "Source": path,
        "Target": "/inside",
        "ReadOnly": True,
        "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
    }


def test_writable_mounts_are_not_read_only() -> None:
    assert bind(Bind(host_path=Path("/a"), guest_path="/b", writable=True))["ReadOnly"] is False


def test_memory_allows_no_devices_and_no_setuid() -> None:
    assert memory(Memory(guest_path="/tmp", size=4096)) == "rw,exec,nosuid,nodev,size=4096,mode=1777"


def test_a_container_is_made_only_by_a_201_with_an_identity() -> None:
    assert identity_in(Answer(status=201, body=b'{"Id": "ab12"}')) == "ab12"
    for answer in (None, Answer(status=200, body=b'{"Id": "ab12"}'), Answer(status=201, body=b'{"Id": "../x"}')):
        assert identity_in(answer) is None


def test_daemons_words_are_told_and_silence_is_said() -> None:
    assert refusal_in(Answer(status=404, body=b'{"message": "No such image: x"}')) == "No such image: x"
    assert "does not answer" in refusal_in(None)
    assert "500" in refusal_in(Answer(status=500, body=b"oops"))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"message": "x"}'])
def test_a_wait_that_was_cut_is_no_end(body: bytes) -> None:
    assert not is_end(Answer(status=200, body=body))
    assert is_end(Answer(status=200, body=b'{"StatusCode": 0}'))
    assert not is_end(None)


def test_words_come_out_of_their_frames() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    frames = b"\2\0\0\0\0\0\0\3no " + b"\2\0\0\0\0\0\0\4door" + b"\2\0\0\0\0\0\1\0cut"
    assert words_of(head + frames) == "no doorcut"
    assert words_of(b"") == ""
