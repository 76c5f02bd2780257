"""Which limit is held by what: on trees of control groups made of plain files, as the kernel shows them."""

from pathlib import Path

import pytest

from bot_bottle.backends.cgroups import Group, cgroup_mounts, own_groups, plan_cgroups, texts, usable_groups
from bot_bottle.backends.limits import describe_limits, group_name, plan_limits, some_cores
from bot_bottle.backends.mounts import memory_files
from bot_bottle.backends.watch import descendants, parent_of
from bot_bottle.manifest.spec import Limits

ALL = Limits(cpus=1.5, memory=2**30, pids=100)
STAGE = Path("/home/me/.local/state/bot-bottle/bottles/s")
SECOND = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def tree(root: Path, *, own: str, mounts: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(own)
    (root / "proc/self/mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/vda rw\n" + mounts)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


SESSION = "sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice"


def test_group_is_made_beside_ours_where_it_was_delegated(tmp_path: Path) -> None:
    files = {
        f"{SESSION}/cgroup.subtree_control": "cpu memory pids\n",
        f"{SESSION}/cgroup.procs": "",
        f"{SESSION}/term.scope/cgroup.procs": "",
    }
    own = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n"
    (found,) = usable_groups(tree(tmp_path, own=own, mounts=SECOND, files=files))
    assert found == Group(folder=tmp_path / SESSION, version=2, controllers=frozenset({"cpu", "memory", "pids"}))


def test_group_without_controllers_is_of_no_use(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cgroup.subtree_control": "\n", "sys/fs/cgroup/cgroup.procs": ""}
    assert usable_groups(tree(tmp_path, own="0::/\n", mounts=SECOND, files=files)) == ()


def test_group_of_the_root_is_used_from_the_top(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cgroup.subtree_control": "memory pids", "sys/fs/cgroup/cgroup.procs": ""}
    (found,) = usable_groups(tree(tmp_path, own="0::/\n", mounts=SECOND, files=files))
    assert found.folder == tmp_path / "sys/fs/cgroup"


def test_missing_files_are_no_group(tmp_path: Path) -> None:
    assert usable_groups(tree(tmp_path, own="0::/gone/deep\n", mounts=SECOND, files={})) == ()


def test_version_1_is_used_below_our_own_group(tmp_path: Path) -> None:
    mounts = (
        "40 24 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "41 24 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "42 24 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    )
    own = "3:pids:/job\n2:memory:/\n1:name=systemd:/\n0::/\n"
    files = {"sys/fs/cgroup/pids/job/cgroup.procs": "", "sys/fs/cgroup/memory/cgroup.procs": ""}
    found = usable_groups(tree(tmp_path, own=own, mounts=mounts, files=files))
    assert {(group.folder.relative_to(tmp_path).as_posix(), *group.controllers) for group in found} == {
        ("sys/fs/cgroup/pids/job", "pids"),
        ("sys/fs/cgroup/memory", "memory"),
    }


def test_bind_of_a_part_is_no_cgroup_mount() -> None:
    assert cgroup_mounts("35 24 0:30 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup2 rw\nnonsense\n\n") == []


@pytest.mark.parametrize("text", ["", "nonsense", "1:2", "::", "0::/a:b"])
def test_own_groups_bear_any_text(text: str) -> None:
    assert isinstance(own_groups(text), dict)


def test_limits_become_texts_of_version_2() -> None:
    group = Group(folder=Path("/g"), version=2, controllers=frozenset({"cpu", "memory", "pids"}))
    plan = plan_cgroups(ALL, (group,), name="b")
    assert plan is not None
    assert plan.folders == (Path("/g/b"),)
    assert plan.settings == (
        (Path("/g/b/pids.max"), "100"),
        (Path("/g/b/memory.max"), "1073741824"),
        (Path("/g/b/cpu.max"), "150000 100000"),
    )


def test_limits_become_texts_of_version_1() -> None:
    assert texts("cpu", 0.5, version=1) == (("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000"))
    assert texts("memory", 5, version=1) == (("memory.limit_in_bytes", "5"),)


def test_smallest_quota_is_one_the_kernel_takes() -> None:
    assert texts("cpu", 0.0001, version=2) == (("cpu.max", "1000 100000"),)


def test_limit_that_is_not_asked_for_makes_no_group() -> None:
    group = Group(folder=Path("/g"), version=2, controllers=frozenset({"cpu", "memory", "pids"}))
    assert plan_cgroups(Limits(memory=None, pids=None), (group,), name="b") is None


def test_bottles_of_the_same_name_in_two_homes_share_no_group() -> None:
    assert group_name("tui", Path("/home/a/.local/state/tui")) != group_name("tui", Path("/home/b/.local/state/tui"))


def test_without_groups_memory_is_watched_and_cores_are_bound() -> None:
    plan = plan_limits(ALL, (), slug="s", stage_dir=STAGE, is_root=False, cores=range(8))
    assert (plan.watched_memory, plan.processes, plan.watched_processes, len(plan.cores)) == (2**30, 100, None, 2)


def test_processes_of_root_are_watched_for_the_kernel_does_not_hold_them() -> None:
    assert plan_limits(ALL, (), slug="s", stage_dir=STAGE, is_root=True, cores=range(8)).watched_processes == 100


def test_groups_leave_nothing_to_watch() -> None:
    group = Group(folder=Path("/g"), version=2, controllers=frozenset({"cpu", "memory", "pids"}))
    plan = plan_limits(ALL, (group,), slug="s", stage_dir=STAGE, is_root=True, cores=range(8))
    assert (plan.watched_memory, plan.watched_processes, plan.cores) == (None, None, ())


def test_bottles_are_spread_over_the_cores() -> None:
    assert len({some_cores(1, range(64), slug=f"bottle-{number}") for number in range(200)}) > 30


def test_as_many_cores_as_there_are_is_no_binding() -> None:
    assert some_cores(4, range(4), slug="s") == ()


@pytest.mark.parametrize(("memory", "size"), [(None, 2**30), (2**30, 2**29), (1, 2**20)])
def test_files_in_memory_get_half_of_it(memory: int | None, size: int) -> None:
    assert memory_files(Limits(memory=memory)) == size


@pytest.mark.parametrize("is_root", [True, False])
def test_every_limit_is_described_with_its_reason(is_root: bool) -> None:
    limits = Limits(cpus=1, memory=1, pids=1, disk=1)
    lines = describe_limits(limits, plan_limits(limits, (), slug="s", stage_dir=STAGE, is_root=is_root, cores=range(4)))
    assert [line.label for line in lines] == ["memory", "processes", "cpus", "disk"]
    assert all(line.why for line in lines)


def test_parent_is_read_past_an_odd_name() -> None:
    assert parent_of("7 (a) S 9 (x) ) S 3 7 7 0 -1") == 3


def test_descendants_are_all_below_and_nothing_else() -> None:
    assert sorted(descendants(2, {1: [2, 9], 2: [3, 4], 4: [5], 9: [10]})) == [2, 3, 4, 5]
