"""Tar files made byte by byte: what no honest tool would write."""

import io
import tarfile
from typing import Any

BLOCK = 512
END = bytes(2 * BLOCK)


def header(
    name: str = "file",
    *,
    kind: bytes = b"0",
    size: int = 0,
    target: str = "",
    mode: int = 0o644,
    raw: dict[str, bytes] | None = None,
) -> bytes:
    """One ustar header; `raw` replaces fields by these bytes."""
    given = raw or {}
    fields = {
        "name": name.encode("utf-8", "surrogateescape")[:100].ljust(100, b"\0"),
        "mode": b"%07o\0" % mode,
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": b"%011o\0" % size,
        "mtime": b"%011o\0" % 1_700_000_000,
        "checksum": b" " * 8,
        "kind": kind,
        "target": target.encode()[:100].ljust(100, b"\0"),
        "magic": b"ustar\x0000",
        "rest": bytes(32 + 32 + 8 + 8),
        "prefix": bytes(155),
        "end": bytes(12),
    } | {key: value for key, value in given.items() if key != "checksum"}
    block = b"".join(fields.values())
    assert len(block) == BLOCK
    checksum = given.get("checksum", b"%06o\0 " % sum(block))
    return block[:148] + checksum + block[156:]


def padded(content: bytes) -> bytes:
    """Content in whole blocks."""
    return content + bytes(-len(content) % BLOCK)


def file(name: str, content: bytes = b"", **more: Any) -> bytes:  # Any: fields of a header
    """A file with its content."""
    return header(name, size=len(content), **more) + padded(content)


def folder(name: str, **more: Any) -> bytes:  # Any: likewise
    """A folder."""
    return header(name, kind=b"5", mode=0o755, **more)


def symlink(name: str, target: str) -> bytes:
    """A symbolic link."""
    return header(name, kind=b"2", target=target)


def hardlink(name: str, target: str) -> bytes:
    """A hard link."""
    return header(name, kind=b"1", target=target)


def pax(records: bytes, *, kind: bytes = b"x") -> bytes:
    """An extended header with these records as they are."""
    return header("pax", kind=kind, size=len(records)) + padded(records)


def record(key: str, value: str) -> bytes:
    """One record with its right length."""
    body = f" {key}={value}\n".encode("utf-8", "surrogateescape")
    length = len(body)
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def plain_tar(files: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    """Files as Python's own tarfile writes them."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()
