"""What the smolmachines backend decides, and what it refuses before anything starts."""

import os
import stat
from pathlib import Path

import pytest
from plans import shared_plan

from bot_bottle.backends.smolmachines.engine import Engine
from bot_bottle.backends.smolmachines.plan import FromFolder, MachineSize, NotMade, SmolmachinesBottlePlan, User
from bot_bottle.backends.smolmachines.prepare import machine_name, prepare, size_of, user_of
from bot_bottle.errors import CannotRunHere
from bot_bottle.manifest.spec import Limits, Mount
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.image import ImageToMake, RootFolder
from bot_bottle.plans.show import plan_json
from bot_bottle.record import replace

ENGINE = Engine(program=Path("/e/smolvm"), version="1.32.2")
GIB = 1024**3


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BottlePlan:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    return replace(shared_plan(tmp_path / "bottles" / "one"), image=RootFolder(folder=Path("/root-fs"), digest="", origin="it"))


def made(shared: BottlePlan) -> SmolmachinesBottlePlan:
    return prepare(shared, ENGINE, host={"PATH": "/bin", "SMOLVM_SECCOMP": "off", "HTTPS_PROXY": "http://p.example.com"})


def test_plan_names_machine_image_prompt_and_gates(shared: BottlePlan) -> None:
    plan = made(shared)
    assert plan.slug == "test-bottle"
    assert plan.machine_name.startswith("bb-test-bottle-")
    assert (plan.agent_image_ref, plan.machine_image) == ("/root-fs", FromFolder(folder=Path("/root-fs")))
    assert plan.proxy_plan is plan.egress_plan
    assert plan.prompt_file == shared.prompt_file


def test_plan_is_json_and_holds_nothing_of_the_operators_environment(shared: BottlePlan) -> None:
    shown = str(plan_json(made(shared)))
    assert "p.example.com" not in shown
    assert "bb-test-bottle-" in shown


def test_image_that_is_still_to_be_made_is_planned_and_no_more(shared: BottlePlan) -> None:
    plan = made(replace(shared, image=ImageToMake(origin="Dockerfile", how="built")))
    assert plan.machine_image == NotMade(origin="Dockerfile")
    assert plan.agent_image_ref == "Dockerfile"


def test_machine_without_an_image_is_refused_with_the_way_to_one(shared: BottlePlan) -> None:
    with pytest.raises(CannotRunHere) as caught:
        made(replace(shared, image=None))
    assert "image: {archive" in caught.value.next


def test_bottles_of_different_states_have_different_machines() -> None:
    assert machine_name("one", Path("/a/one")) != machine_name("one", Path("/b/one"))


def test_long_slug_still_gives_a_name() -> None:
    assert len(machine_name("x" * 200, Path("/a"))) < 64


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        (Limits(), MachineSize(cpus=2, memory_mib=4096, disk_gib=20, processes=2048)),
        (Limits(cpus=0.5, memory=GIB, disk=1, pids=None), MachineSize(cpus=1, memory_mib=1024, disk_gib=1, processes=None)),
        (Limits(cpus=2.5, memory=1, disk=10 * GIB + 1, pids=64), MachineSize(cpus=3, memory_mib=256, disk_gib=11, processes=64)),
        (Limits(memory=None), MachineSize(cpus=2, memory_mib=4096, disk_gib=20, processes=2048)),
    ],
)
def test_limits_become_whole_units(limits: Limits, size: MachineSize) -> None:
    assert size_of(limits) == size


def test_agent_has_the_operators_number(shared: BottlePlan) -> None:
    assert user_of(shared, uid=1001, gid=1002) == User(uid=1001, gid=1002)


def test_roots_agent_is_an_ordinary_user_who_is_given_the_copies(shared: BottlePlan) -> None:
    assert user_of(shared, uid=0, gid=0) == User(uid=1000, gid=1000, gives_files=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a folder of root's")
def test_folder_of_roots_is_not_shared(tmp_path: Path) -> None:
    folder = tmp_path / "roots"
    folder.mkdir()
    with pytest.raises(CannotRunHere, match="never root"):
        user_of(shared_plan(tmp_path / "s", mode="bind", workspace=folder), uid=0, gid=0)


def test_sockets_too_long_for_the_kernel_are_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    shared = shared_plan(tmp_path / ("x" * 90) / "one")
    with pytest.raises(CannotRunHere) as caught:
        made(replace(shared, image=RootFolder(folder=Path("/root-fs"), digest="", origin="it")))
    assert "XDG_STATE_HOME" in caught.value.next


def test_engines_own_sockets_must_fit_as_well(shared: BottlePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/" + "s" * 60)
    with pytest.raises(CannotRunHere, match="its sockets"):
        made(shared)


def test_what_the_machine_sees_holds_no_secret_and_is_readable(shared: BottlePlan) -> None:
    plan = made(shared)
    names = sorted(str(path.relative_to(plan.given)) for path in plan.given.rglob("*"))
    assert names == ["commands", "etc", "etc/group", "etc/passwd", "etc/resolv.conf", "prompt.md", "seccomp.bpf"]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044 for path in plan.given.rglob("*"))


def test_agents_programs_have_a_place_in_the_folder_that_is_read_only_inside(shared: BottlePlan, tmp_path: Path) -> None:
    mount = Mount(host_path=tmp_path, guest_path="/run/bot-bottle/agents/claude")
    plan = made(replace(shared, agent_provision=replace(shared.agent_provision, mounts=(mount,))))
    assert (plan.given / "agents/claude").is_dir()


def test_what_is_held_in_a_shared_folder_takes_no_share_of_the_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the engine has room for about a dozen shares, and refuses the machine with "Invalid argument" past that
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    folder = tmp_path / "project"
    (folder / ".git/hooks").mkdir(parents=True)
    shared = shared_plan(tmp_path / "bottles" / "one", mode="bind", workspace=folder)
    if os.geteuid() == 0:
        os.chown(folder, 1000, 1000)
    plan = made(replace(shared, image=RootFolder(folder=Path("/root-fs"), digest="", origin="it")))
    assert len(plan.binds) == 4
    assert "/work/project/.git/hooks" in {one.guest_path for one in plan.held if not one.writable}


def test_preflight_says_that_there_is_no_network_card(shared: BottlePlan) -> None:
    assert any("no network card" in line.text for line in made(shared).describe_sealing())


def test_only_what_another_kernel_makes_meaningless_is_left_unproved(shared: BottlePlan) -> None:
    unproved = made(shared).unproved
    assert len(unproved) == 9
    assert not any(word in name for name in unproved for word in ("tcp", "dns", "socket", "gate", "interfaces"))
