"""What the strict reader of archives takes, and what it refuses."""

import io
import tarfile

import pytest
from tars import BLOCK, END, file, folder, hardlink, header, padded, pax, plain_tar, record, symlink

from bot_bottle.backends.images.tar import BadArchive, Entry, TarReader


def read(content: bytes) -> list[tuple[Entry, bytes]]:
    reader = TarReader(io.BytesIO(content))
    return [(entry, b"".join(iter(reader.read, b""))) for entry in reader]


def test_files_folders_and_links_come_out_as_written() -> None:
    found = read(folder("a/") + file("a/b", b"content") + symlink("c", "a/b") + hardlink("d", "a/b") + END)
    assert [(entry.kind, entry.name, entry.target, content) for entry, content in found] == [
        ("folder", "a/", "", b""),
        ("file", "a/b", "", b"content"),
        ("symlink", "c", "a/b", b""),
        ("hardlink", "d", "a/b", b""),
    ]
    assert found[1][0].mtime == 1_700_000_000


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_every_form_are_whole(form: int) -> None:
    name = "/".join(["folder" * 8] * 3) + "/" + "n" * 90
    assert read(plain_tar({name: b"x"}, form=form))[0][0].name == name


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_that_are_no_utf8_survive(form: int) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert read(file(name) + END)[0][0].name == name
    long = name * 40
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form, errors="surrogateescape") as archive:
        archive.addfile(tarfile.TarInfo(long))
    assert read(made.getvalue())[0][0].name == long


def test_content_that_nobody_reads_is_skipped() -> None:
    reader = TarReader(io.BytesIO(file("a", b"x" * 5000) + file("b", b"y") + END))
    assert [entry.name for entry in reader] == ["a", "b"]


def test_sizes_in_base_256_are_read() -> None:
    size = (0x80 << 88 | 3).to_bytes(12, "big")
    assert read(header("a", raw={"size": size}) + padded(b"abc") + END)[0][1] == b"abc"


def test_a_comment_for_all_entries_is_passed_over() -> None:
    assert read(pax(record("comment", "x"), kind=b"g") + file("a") + END)[0][0].name == "a"


def test_times_beyond_any_calendar_are_cut() -> None:
    assert read(header("a", raw={"mtime": b"\x80" + b"\xff" * 11}) + END)[0][0].mtime == 2**34
    assert read(header("a", raw={"mtime": b"\xff" * 12}) + END)[0][0].mtime == 0


def test_an_archive_may_end_without_its_marks() -> None:
    assert len(read(file("a"))) == 1


GOOD = file("good", b"x")
BAD = {
    "cut in a header": GOOD + header("a")[:100],
    "cut in content": header("a", size=1000) + bytes(512),
    "cut in padding": header("a", size=10) + b"0123456789",
    "wrong checksum": header("a", raw={"checksum": b"000000\0 "}),
    "checksum is no number": header("a", raw={"checksum": b"x" * 8}),
    "size is no number": header("a", raw={"mode": b"9999999\0"}),
    "negative size": header("a", raw={"size": b"\xff" * 12}),
    "unknown type": header("a", kind=b"D"),
    "GNU sparse": header("a", kind=b"S"),
    "pax sparse": pax(record("GNU.sparse.major", "1")) + file("a"),
    "folder with content": header("a", kind=b"5", size=512) + bytes(512),
    "symlink with content": header("a", kind=b"2", size=512, target="b") + bytes(512),
    "no name": header(""),
    "link to nothing": symlink("a", ""),
    "NUL in a pax name": pax(record("path", "a\0b")) + file("x"),
    "name longer than PATH_MAX": pax(record("path", "a/" * 3000)) + file("x"),
    "pax length too long": pax(b"99 path=a\n") + file("x"),
    "pax length too short": pax(b"5 path=a\n") + file("x"),
    "pax length is zero": pax(b"0 path=a\n") + file("x"),
    "pax length with a sign": pax(b"+10 path=a\n") + file("x"),
    "pax without line end": pax(b"9 path=ab") + file("x"),
    "pax size is no number": pax(record("size", "-1")) + file("x"),
    "pax size of other digits": pax(record("size", "\u0661")) + file("x"),
    "one name for all": pax(record("path", "a"), kind=b"g") + file("x"),
    "one size for all": pax(record("size", "7"), kind=b"g") + file("x"),
    "header without an entry": pax(record("path", "a")) + END,
    "header of a gigabyte": header("pax", kind=b"x", size=1 << 30) + bytes(512),
    "long name of a gigabyte": header("long", kind=b"L", size=1 << 30) + bytes(512),
    "one block of zeros": GOOD + bytes(BLOCK) + file("hidden", b"y"),
    "not a tar at all": b"PK\x03\x04" + bytes(600),
}  # fmt: skip


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_what_other_readers_might_take_otherwise_is_refused(content: bytes) -> None:
    with pytest.raises(BadArchive) as caught:
        read(content)
    assert caught.value.facts[0].isprintable()


def test_every_cut_of_an_archive_is_refused_or_shorter() -> None:
    """Wherever a download broke off, no entry comes out that was not whole."""
    whole = folder("a/") + file("a/b", b"content" * 100) + symlink("c", "b") + END
    for cut in range(0, len(whole), 37):
        try:
            found = read(whole[:cut])
        except BadArchive:
            continue
        assert all(len(content) == entry.size for entry, content in found)
