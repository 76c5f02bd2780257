"""Layers of random entries, names chosen to meet each other: whatever comes, nothing outside changes and nothing odd is made."""

import io
import os
import shutil
import stat
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tars import END, file, folder, hardlink, header, symlink

from bot_bottle.backends.images.layers import Tree
from bot_bottle.backends.images.tar import BadArchive, TarReader

PART = st.sampled_from(["a", "b", "c", "..", ".", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh..", ".wh...", "outside", ""])
NAME = st.lists(PART, min_size=1, max_size=4).map("/".join)
TARGET = st.lists(st.sampled_from(["a", "b", "c", "..", ".", "", "outside", "secret"]), min_size=1, max_size=5).map("/".join)
ENTRY = st.one_of(
    st.builds(file, NAME, st.sampled_from([b"", b"x", b"y" * 600])),
    st.builds(folder, NAME),
    st.builds(symlink, NAME, TARGET),
    st.builds(hardlink, NAME, TARGET),
    st.builds(header, NAME, kind=st.sampled_from([b"3", b"4", b"6"]), mode=st.sampled_from([0o4755, 0o666])),
    st.builds(file, NAME, st.just(b"s"), mode=st.sampled_from([0o4755, 0o2711, 0o000])),
)
LAYERS = st.lists(st.lists(ENTRY, max_size=12).map(b"".join), min_size=1, max_size=3)


def state(place: Path) -> list[tuple[str, int, bytes]]:
    """Everything below, links not followed."""
    found = []
    for path in sorted(place.rglob("*")):
        mode = path.lstat().st_mode
        found.append((str(path.relative_to(place)), mode, path.read_bytes() if stat.S_ISREG(mode) else b""))
    return found


@settings(max_examples=120, deadline=None)
@given(LAYERS)
def test_no_layers_reach_outside_or_make_what_is_no_file(layers: list[bytes]) -> None:
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))  # memory, for speed
    try:
        outside, root = place / "outside", place / "root"
        outside.mkdir()
        root.mkdir()
        (outside / "secret").write_text("secret")
        before, identity = state(outside), (outside / "secret").stat()
        tree = Tree(root)
        try:
            for layer in layers:
                tree.layer(TarReader(io.BytesIO(layer + END)))
        except (BadArchive, OSError):
            pass
        after = (outside / "secret").stat()
        assert state(outside) == before
        assert sorted(path.name for path in place.iterdir()) == ["outside", "root"]
        assert (after.st_nlink, after.st_mtime_ns, after.st_mode) == (1, identity.st_mtime_ns, identity.st_mode)
        for _, mode, _ in state(root):
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
            assert stat.S_ISLNK(mode) or not mode & (stat.S_ISUID | stat.S_ISGID)
    finally:
        shutil.rmtree(place)


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=2000), st.integers(0, 3000), st.binary(min_size=1, max_size=4))
def test_any_bytes_are_read_or_refused(rest: bytes, at: int, put: bytes) -> None:
    whole = folder("a/") + file("a/b", b"content") + symlink("c", "a") + END
    for content in (rest, whole[:at] + put + whole[at + len(put) :], whole + rest):
        try:
            for _ in TarReader(io.BytesIO(content)):
                pass
        except BadArchive:
            continue
