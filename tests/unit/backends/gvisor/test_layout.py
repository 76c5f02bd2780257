"""What a bottle of gVisor sees where, and the places that have to be there before the engine mounts anything."""

from pathlib import Path

from plans import shared_plan

from bot_bottle.backends.cgroups import Group
from bot_bottle.backends.gvisor.layout import fill_own, make_mount_points, mounts_of
from bot_bottle.backends.gvisor.prepare import limits_of
from bot_bottle.backends.mounts import Bind, Link, Memory, Mounted
from bot_bottle.manifest.spec import Limits


def layout(tmp_path: Path) -> tuple[Mounted, ...]:
    shared = shared_plan(tmp_path / "one")
    nothing = tmp_path / "nothing"
    nothing.touch()
    return mounts_of(
        shared,
        system=(Bind(host_path=Path("/usr"), guest_path="/usr"), Link(target="usr/bin", guest_path="/bin")),
        own=tmp_path / "own",
        nothing=nothing,
        workspace=(Bind(host_path=tmp_path / "not-filled-yet", guest_path="/work/project", writable=True),),
        memory_files=1024,
    )


def test_only_home_workspace_and_memory_can_be_written(tmp_path: Path) -> None:
    writable = {mount.guest_path for mount in layout(tmp_path) if isinstance(mount, Bind) and mount.writable}
    memory = {mount.guest_path for mount in layout(tmp_path) if isinstance(mount, Memory) and mount.size}
    assert writable == {"/home/agent", "/work/project"}
    assert memory == {"/dev/shm", "/tmp", "/run"}


def test_every_mount_has_a_place_of_its_kind(tmp_path: Path) -> None:
    root, own = tmp_path / "root", tmp_path / "own"
    for _ in range(2):  # a second prepare finds the first one's
        make_mount_points(root, own, layout(tmp_path))
        assert (root / "usr").is_dir()
        assert (root / "bin").readlink() == Path("usr/bin")
        assert (root / "work/project").is_dir()
        assert (root / "home/agent").is_dir()
        fill_own(own, shared_plan(tmp_path / "one"))
        assert {path.name for path in own.iterdir()} == {"ca.pem", "prompt.md", "gates"}
        assert not (root / "run/bot-bottle").exists()  # it lies in /run, which is memory
        (root / "left").touch()


def test_processes_are_counted_and_never_a_groups_affair(tmp_path: Path) -> None:
    group = Group(folder=tmp_path, version=2, controllers=frozenset({"pids", "memory", "cpu"}))
    shared = shared_plan(tmp_path / "one", limits=Limits(pids=99, memory=1 << 30))
    planned = limits_of(shared, (group,))
    assert planned.watched_processes == 99
    assert planned.cgroup is not None
    assert planned.cgroup.controllers == {"memory"}


def test_certificates_that_are_completed_after_prepare_are_seen_inside(tmp_path: Path) -> None:
    shared = shared_plan(tmp_path / "one")
    (tmp_path / "own").mkdir()
    fill_own(tmp_path / "own", shared)
    with open(shared.ca_bundle_file, "r+") as file:
        file.write("the bottle's own, then the roots")
    assert (tmp_path / "own" / "ca.pem").read_text() == "the bottle's own, then the roots"
