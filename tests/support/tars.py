"""Tar files made byte by byte: what no honest tool would write."""

import hashlib
import io
import json
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


def sha256(content: bytes) -> str:
    """The digest's digits."""
    return hashlib.sha256(content).hexdigest()


def configuration(*layers: bytes, **more: Any) -> bytes:  # Any: JSON
    """An image's configuration for these layers (as tars)."""
    told: dict[str, Any] = {
        "os": "linux",
        "config": {"Env": ["PATH=/own/bin", "OWN=1"], "User": "1000", "WorkingDir": "/srv", "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}" for layer in layers]},
    }
    return json.dumps(told | more).encode()


def docker_archive(*layers: bytes, stored: list[bytes] | None = None, config: bytes | None = None, **more: Any) -> bytes:
    """What `docker save` writes for one image; `stored` are the layers as they lie there, `more` replaces in manifest.json."""
    told = config or configuration(*layers)
    files = {f"{index}/layer.tar": layer for index, layer in enumerate(stored or layers)}
    image = {"Config": f"{sha256(told)}.json", "RepoTags": ["tools:1"], "Layers": list(files)} | more
    return plain_tar({f"{sha256(told)}.json": told, **files, "manifest.json": json.dumps([image]).encode()})


def oci_archive(*layers: bytes, stored: list[bytes] | None = None, **more: Any) -> bytes:
    """An OCI layout with one image; `more` goes into the descriptor in index.json."""
    told = configuration(*layers)
    kept = stored or list(layers)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": {"digest": f"sha256:{sha256(told)}", "size": len(told)},
            "layers": [{"digest": f"sha256:{sha256(layer)}", "size": len(layer)} for layer in kept],
        }
    ).encode()
    index = {"schemaVersion": 2, "manifests": [{"digest": f"sha256:{sha256(manifest)}", "size": len(manifest)} | more]}
    blobs = {f"blobs/sha256/{sha256(blob)}": blob for blob in (told, manifest, *kept)}
    return plain_tar({"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode(), **blobs})
