"""The command line of bubblewrap."""

from pathlib import Path

import pytest

from bot_bottle.backends.etc import hostname_for
from bot_bottle.backends.mounts import Bind, Closed, Link, Memory, Mounted, Special
from bot_bottle.backends.namespaces.client import NAMESPACES, advice, forbidding, mount_words
from bot_bottle.backends.namespaces.layout import writable_paths
from bot_bottle.backends.portal import exit_code

MOUNTS: list[tuple[Mounted, list[str]]] = [
    (Bind(host_path=Path("/a"), guest_path="/b"), ["--ro-bind", "/a", "/b"]),
    (Bind(host_path=Path("/a"), guest_path="/b", writable=True), ["--bind", "/a", "/b"]),
    (Link(target="usr/bin", guest_path="/bin"), ["--symlink", "usr/bin", "/bin"]),
    (Memory(guest_path="/tmp", size=5), ["--size", "5", "--tmpfs", "/tmp"]),
    (Special(kind="proc", guest_path="/proc"), ["--proc", "/proc"]),
    (Closed(guest_path="/"), ["--remount-ro", "/"]),
]


@pytest.mark.parametrize(("mount", "words"), MOUNTS)
def test_mount_becomes_its_words(mount: Mounted, words: list[str]) -> None:
    assert mount_words(mount) == words


def test_every_namespace_is_made_or_the_start_fails() -> None:
    assert not any(name.endswith("-try") or name == "--unshare-all" for name in NAMESPACES)
    assert {name.removeprefix("--unshare-") for name in NAMESPACES} == {"user", "ipc", "pid", "net", "uts", "cgroup"}


def test_landlock_lets_be_written_what_is_mounted_for_it_and_no_more() -> None:
    mounts = (*[mount for mount, _ in MOUNTS], Memory(guest_path="/run/bot-bottle", size=1))
    assert writable_paths(mounts) == ("/dev", "/b", "/tmp")


@pytest.mark.parametrize(
    ("settings", "is_root", "expected"),
    [
        ({}, False, ()),
        ({"user.max_user_namespaces": "0"}, True, ("user.max_user_namespaces",)),
        ({"user.max_user_namespaces": "100"}, False, ()),
        ({"kernel.unprivileged_userns_clone": "0"}, False, ("kernel.unprivileged_userns_clone",)),
        ({"kernel.unprivileged_userns_clone": "0"}, True, ()),
        ({"kernel.unprivileged_userns_clone": "1"}, False, ()),
        ({"kernel.apparmor_restrict_unprivileged_userns": "1"}, False, ("kernel.apparmor_restrict_unprivileged_userns",)),
        ({"kernel.apparmor_restrict_unprivileged_userns": "1"}, True, ()),
        ({"kernel.apparmor_restrict_unprivileged_userns": "0"}, False, ()),
    ],
)
def test_settings_that_forbid_are_named(settings: dict[str, str], is_root: bool, expected: tuple[str, ...]) -> None:
    assert forbidding(settings, is_root=is_root) == expected


@pytest.mark.parametrize(
    ("slug", "name"), [("a-b1", "a-b1"), ("a_b.c", "a-b-c"), ("x" * 100, "x" * 63), ("---", "bottle"), ("é", "bottle")]
)
def test_hostname_is_one_that_the_kernel_takes(slug: str, name: str) -> None:
    assert hostname_for(slug) == name


@pytest.mark.parametrize(
    ("report", "code"),
    [(b"0", 0), (b"255", 255), (b"256", 137), (b"", 137), (b"-1", 137), (b"1e1", 137), (b"00000007", 137), (b"\xb2", 137)],
)
def test_only_a_code_is_taken_for_one(report: bytes, code: int) -> None:
    assert exit_code(report) == code


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bwrap: Can't mount proc on /newroot/proc: Operation not permitted"], "container"),
        (["bwrap: something else"], "doctor"),
        ([], "doctor"),
    ],
)
def test_bubblewraps_last_words_lead_to_advice(words: list[str], says: str) -> None:
    assert says in advice(words)
