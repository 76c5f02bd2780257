"""Hostile and honest layers, laid into a folder that has a neighbour: nothing ever reaches the neighbour."""

import io
import os
import stat
from pathlib import Path

import pytest
from tars import END, file, folder, hardlink, header, pax, record, symlink

from bot_bottle.backends.images.layers import Limits, Tree
from bot_bottle.backends.images.tar import BadArchive, TarReader


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder to unpack into; beside it lies what must not change."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    return root


def lay(place: Path, *layers: bytes, limits: Limits | None = None) -> Tree:
    tree = Tree(place, limits)
    for layer in layers:
        tree.layer(TarReader(io.BytesIO(layer + END)))
    return tree


def listed(place: Path) -> dict[str, str]:
    """Every path below, with its content, `-> TARGET` or `/`."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        found[name] = f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()
    return found


def outside(place: Path) -> dict[str, str]:
    return listed(place.parent / "outside")


REFUSED = {
    "upwards": [file("../outside/secret", b"evil")],
    "upwards inside": [file("a/../../outside/secret", b"evil")],
    "upwards in pax": [pax(record("path", "../outside/secret")) + file("x", b"evil")],
    "upwards in a folder": [folder("../outside/new/")],
    "upwards in a whiteout": [file("../outside/.wh.secret")],
    "upwards in a link": [hardlink("a", "../outside/secret")],
    "the root as a file": [file("./", b"evil")],
    "the root as a link": [symlink(".", "/etc")],
    "whiteout of nothing": [file(".wh.")],
    "whiteout of this folder": [file("a/.wh..")],
    "whiteout of the folder above": [file("a/.wh...")],
    "whiteout as a folder": [file(".wh.a/b", b"x")],
    "link to what is not there": [hardlink("a", "nothing")],
    "link to a folder": [folder("a/") + hardlink("b", "a")],
    "link to itself": [file("a") + hardlink("a", "a")],
    "link to the root": [hardlink("a", "/")],
    "a file below a file": [file("a", b"x") + file("a/b", b"x")],
    "links in a circle": [symlink("a", "b") + symlink("b", "a") + file("a/c", b"x")],
    "a link to itself as a folder": [symlink("a", "a") + file("a/c", b"x")],
    "deeper than any tree": [pax(record("path", "d/" * 300 + "x")) + file("x")],
    "deeper by way of a link": [
        pax(record("path", "d/" * 200)) + folder("x"),
        pax(record("linkpath", "d/" * 200)) + symlink("l", "x") + pax(record("path", "l/" + "e/" * 100 + "x")) + file("x"),
    ],
}


@pytest.mark.parametrize("layers", REFUSED.values(), ids=REFUSED.keys())
def test_this_is_refused_and_touches_nothing_outside(layers: list[bytes], place: Path) -> None:
    with pytest.raises(BadArchive):
        lay(place, *layers)
    assert outside(place) == {"secret": "secret"}


STAYS_INSIDE = {
    "an absolute name": ([file("/etc/passwd", b"x")], {"etc": "/", "etc/passwd": "x"}),
    "a link out, then a file through it": (
        [symlink("out", "../outside") + file("out/secret", b"evil")],
        {"out": "-> ../outside", "outside": "/", "outside/secret": "evil"},
    ),
    "an absolute link out, then a file through it": (
        [symlink("out", "/outside") + file("out/secret", b"evil")],
        {"out": "-> /outside", "outside": "/", "outside/secret": "evil"},
    ),
    "a link out in a lower layer": (
        [symlink("out", "../../../../outside"), file("out/secret", b"evil")],
        {"out": "-> ../../../../outside", "outside": "/", "outside/secret": "evil"},
    ),
    "a chain of links out": (
        [symlink("a", "..") + symlink("b", "a/outside") + file("b/secret", b"evil")],
        {"a": "-> ..", "b": "-> a/outside", "outside": "/", "outside/secret": "evil"},
    ),
    "a link in place of the file": (
        [symlink("f", "../outside/secret") + file("f", b"evil")],
        {"f": "evil"},
    ),
    "a folder in place of a link": (
        [symlink("f", "../outside") + folder("f/") + file("f/secret", b"evil")],
        {"f": "/", "f/secret": "evil"},
    ),
    "a whiteout through a link": (
        [symlink("out", "../outside") + file("out/.wh.secret")],
        {"out": "-> ../outside", "outside": "/"},
    ),
    "an opaque mark through a link": (
        [symlink("out", "../outside") + file("out/.wh..wh..opq")],
        {"out": "-> ../outside", "outside": "/"},
    ),
    "a hard link to a symbolic link out": (
        [symlink("s", "../outside/secret") + hardlink("h", "s") + file("h", b"evil")],
        {"s": "-> ../outside/secret", "h": "evil"},
    ),
    "a hard link overwritten": ([file("a", b"first") + hardlink("b", "a"), file("b", b"second")], {"a": "first", "b": "second"}),
    "the same name twice": ([file("a", b"first") + file("a", b"second")], {"a": "second"}),
    "marks of AUFS": ([file(".wh..wh.plnk") + file(".wh..wh.aufs")], {}),
}  # fmt: skip


@pytest.mark.parametrize(("layers", "expected"), STAYS_INSIDE.values(), ids=STAYS_INSIDE.keys())
def test_this_stays_inside(layers: list[bytes], expected: dict[str, str], place: Path) -> None:
    lay(place, *layers)
    assert listed(place) == expected
    assert outside(place) == {"secret": "secret"}


HONEST = {
    "an upper file replaces": ([file("a", b"1"), file("a", b"2")], {"a": "2"}),
    "an upper folder adds": ([file("d/a", b"1"), folder("d/") + file("d/b", b"2")], {"d": "/", "d/a": "1", "d/b": "2"}),
    "a whiteout removes a file": ([file("a", b"1") + file("b", b"1"), file(".wh.a")], {"b": "1"}),
    "a whiteout removes a folder": ([file("d/e/a", b"1"), file(".wh.d")], {}),
    "a whiteout spares its own layer": ([file("a", b"1"), file("a", b"2") + file(".wh.a")], {"a": "2"}),
    "a whiteout before its own layer's file": ([file("a", b"1"), file(".wh.a") + file("a", b"2")], {"a": "2"}),
    "a whiteout of nothing there": ([file(".wh.a")], {}),
    "an opaque folder": ([file("d/a", b"1") + file("d/e/b", b"1"), file("d/.wh..wh..opq") + file("d/c", b"2")],
                         {"d": "/", "d/c": "2"}),
    "an opaque mark that comes last": ([file("d/a", b"1"), file("d/e/c", b"2") + file("d/.wh..wh..opq")],
                                       {"d": "/", "d/e": "/", "d/e/c": "2"}),
    "a file over a folder": ([file("d/a", b"1"), file("d", b"2")], {"d": "2"}),
    "a folder over a file": ([file("d", b"1"), folder("d/") + file("d/a", b"2")], {"d": "/", "d/a": "2"}),
    "files through a merged /usr": ([folder("usr/lib/") + symlink("lib", "usr/lib"), file("lib/a", b"1")],
                                    {"lib": "-> usr/lib", "usr": "/", "usr/lib": "/", "usr/lib/a": "1"}),
    "names with a dot": ([folder("./") + file("./a", b"1")], {"a": "1"}),
}  # fmt: skip


@pytest.mark.parametrize(("layers", "expected"), HONEST.values(), ids=HONEST.keys())
def test_layers_lie_over_each_other_as_the_specification_says(layers: list[bytes], expected: dict[str, str], place: Path) -> None:
    lay(place, *layers)
    assert listed(place) == expected


def test_no_device_or_pipe_is_made(place: Path) -> None:
    devices = header("dev/sda", kind=b"4") + header("dev/mem", kind=b"3") + header("pipe", kind=b"6")
    tree = lay(place, file("dev/sda", b"x"), devices)
    assert listed(place) == {"dev": "/"}
    assert tree.counted.left_out == 3


def test_nothing_is_setuid_and_its_owner_can_read_and_remove_all(place: Path) -> None:
    lay(place, file("sudo", b"x", mode=0o6711) + header("locked", kind=b"5", mode=0o000) + file("locked/f", b"y", mode=0o000))
    modes = {name: stat.S_IMODE(os.lstat(place / name).st_mode) for name in ("sudo", "locked", "locked/f")}
    assert modes == {"sudo": 0o711, "locked": 0o700, "locked/f": 0o400}


def test_times_are_kept(place: Path) -> None:
    """Compiled Python files hold the time of their source."""
    lay(place, file("a", b"x"))
    assert (place / "a").stat().st_mtime == 1_700_000_000


def test_more_bytes_than_the_limit_are_refused_before_they_are_written(place: Path) -> None:
    with pytest.raises(BadArchive, match="archive"):
        lay(place, header("zeros", size=10_000_000), limits=Limits(content=1000))
    assert listed(place) == {}


def test_more_entries_than_the_limit_are_refused(place: Path) -> None:
    with pytest.raises(BadArchive):
        lay(place, b"".join(file(f"f{index}") for index in range(11)), limits=Limits(entries=10))
