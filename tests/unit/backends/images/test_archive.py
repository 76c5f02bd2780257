"""Image archives of both forms, honest ones and ones that lie about themselves."""

import gzip
import json
import os
from pathlib import Path

import pytest
from tars import END, configuration, docker_archive, file, folder, oci_archive, plain_tar, sha256, symlink

from bot_bottle.backends.images.archive import MACHINES, expand, is_compressed, read_archive
from bot_bottle.backends.images.layers import Limits
from bot_bottle.backends.images.tar import BadArchive
from bot_bottle.backends.images.unpack import unpack

LOWER = folder("etc/") + file("etc/name", b"lower") + file("gone", b"x") + END
UPPER = file("etc/name", b"upper") + file(".wh.gone") + END


def unpacked(tmp_path: Path, archive: bytes, limits: Limits | None = None) -> dict[str, str]:
    path, root = tmp_path / "image.tar", tmp_path / "root"
    path.write_bytes(archive)
    root.mkdir()
    unpack(path, read_archive(path), root, limits)
    return {str(found.relative_to(root)): found.read_text() for found in sorted(root.rglob("*")) if found.is_file()}


FORMS = {
    "docker": docker_archive(LOWER, UPPER),
    "docker, gzipped layers": docker_archive(LOWER, UPPER, stored=[gzip.compress(LOWER), gzip.compress(UPPER)]),
    "oci": oci_archive(LOWER, UPPER),
    "oci, gzipped layers": oci_archive(LOWER, UPPER, stored=[gzip.compress(LOWER), gzip.compress(UPPER)]),
    "oci, a layer in several members": oci_archive(
        LOWER, UPPER, stored=[gzip.compress(LOWER[:700]) + gzip.compress(LOWER[700:]), gzip.compress(UPPER)]
    ),
}


@pytest.mark.parametrize("archive", FORMS.values(), ids=FORMS.keys())
def test_every_form_gives_the_same_files(archive: bytes, tmp_path: Path) -> None:
    assert unpacked(tmp_path, archive) == {"etc/name": "upper"}


def test_what_the_image_says_of_processes_is_read(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(docker_archive(LOWER))
    found = read_archive(tmp_path / "image.tar")
    assert found.config.env == (("PATH", "/own/bin"), ("OWN", "1"))
    assert (found.config.user, found.config.folder, found.config.command) == ("1000", "/srv", ("sh",))
    assert found.digest == f"sha256:{sha256(configuration(LOWER))}"
    assert found.tags == ("tools:1",)


def test_an_archive_that_is_gzipped_as_a_whole_is_expanded_first(tmp_path: Path) -> None:
    path, target = tmp_path / "image.tar.gz", tmp_path / "image.tar"
    path.write_bytes(gzip.compress(docker_archive(LOWER)))
    assert is_compressed(path)
    expand(path, target, limit=10**7)
    assert not is_compressed(target)
    assert read_archive(target).tags == ("tools:1",)


def test_a_gzip_bomb_around_an_archive_stops_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bytes(20_000_000)))
    with pytest.raises(BadArchive):
        expand(path, tmp_path / "image.tar", limit=10**6)
    assert (tmp_path / "image.tar").stat().st_size <= 10**6


def test_a_gzip_bomb_in_a_layer_stops_at_the_limit(tmp_path: Path) -> None:
    layer = file("zeros", bytes(5_000_000)) + END
    with pytest.raises(BadArchive):
        unpacked(tmp_path, docker_archive(layer, stored=[gzip.compress(layer)]), Limits(content=1_000_000))


def test_a_layer_that_two_images_shared_may_be_a_link(tmp_path: Path) -> None:
    told = configuration(LOWER)
    image = [{"Config": f"{sha256(told)}.json", "RepoTags": None, "Layers": ["b/layer.tar"]}]
    whole = (
        file("a/layer.tar", LOWER) + symlink("b/layer.tar", "../a/layer.tar") + file("manifest.json", json.dumps(image).encode())
    )
    assert unpacked(tmp_path, whole + plain_tar({f"{sha256(told)}.json": told})) == {"etc/name": "lower", "gone": "x"}


OTHER = "arm64" if MACHINES.get(os.uname().machine) != "arm64" else "amd64"
MANIFEST = {"Config": "c", "Layers": []}
LIES = {
    "a layer's digest": docker_archive(LOWER, stored=[UPPER]),
    "a layer's digest in oci": oci_archive(LOWER, stored=[UPPER]),
    "a gzipped layer's digest": oci_archive(LOWER, stored=[gzip.compress(UPPER)]),
    "the configuration's digest": docker_archive(LOWER, Config=f"{'0' * 64}.json"),
    "the number of layers": docker_archive(LOWER, UPPER, Layers=["0/layer.tar"]),
    "a layer that is not there": docker_archive(LOWER, Layers=["7/layer.tar"]),
    "a layer from outside": docker_archive(LOWER, Layers=["../../../../etc/passwd"]),
    "another machine": docker_archive(LOWER, config=configuration(LOWER, architecture=OTHER)),
    "another system": docker_archive(LOWER, config=configuration(LOWER, os="windows")),
    "another machine in oci": oci_archive(LOWER, platform={"os": "linux", "architecture": OTHER}),
    "a broken gzip": docker_archive(LOWER, stored=[gzip.compress(LOWER)[:-20]]),
    "rubbish behind a gzip": docker_archive(LOWER, stored=[gzip.compress(LOWER) + b"rubbish"]),
    "no image": plain_tar({"README": b"x"}),
    "an empty list": plain_tar({"manifest.json": b"[]"}),
    "two images": plain_tar({"manifest.json": json.dumps([MANIFEST, MANIFEST]).encode()}),
    "a list that is none": plain_tar({"manifest.json": b'{"a": 1}'}),
    "no JSON": plain_tar({"manifest.json": b"[[[["}),
    "JSON nested without end": plain_tar({"manifest.json": b"[" * 100_000}),
    "a key twice": plain_tar({"manifest.json": b'[{"Config": "a", "Config": "b"}]'}),
    "digests that are numbers": docker_archive(LOWER, config=b'{"rootfs": {"diff_ids": [1]}}'),
    "no digests": docker_archive(LOWER, config=b'{"rootfs": {}}'),
    "a configuration that is a list": docker_archive(LOWER, config=b"[]"),
    "variables that are no texts": docker_archive(
        LOWER, config=configuration(LOWER, config={"Env": [["PATH=/x"]]})
    ),
    "an index of itself": plain_tar({"index.json": b'{"manifests": [{"digest": "sha256:x"}]}'}),
    "two lists": file("manifest.json", b"[]") + docker_archive(LOWER),
    "a name upwards": file("../manifest.json", b"[]") + docker_archive(LOWER),
    "cut off": docker_archive(LOWER)[:-9000],
}  # fmt: skip


@pytest.mark.parametrize("archive", LIES.values(), ids=LIES.keys())
def test_an_archive_that_lies_is_refused(archive: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadArchive) as caught:
        unpacked(tmp_path, archive)
    assert all(fact.isprintable() for fact in caught.value.facts)


def test_an_archive_of_two_images_is_refused_with_their_names(tmp_path: Path) -> None:
    images = [{"Config": "c", "Layers": [], "RepoTags": [tag]} for tag in ("one:1", "two:\x1b[2J")]
    (tmp_path / "image.tar").write_bytes(plain_tar({"manifest.json": json.dumps(images).encode()}))
    with pytest.raises(BadArchive) as caught:
        read_archive(tmp_path / "image.tar")
    assert "one:1" in caught.value.facts[0]
    assert caught.value.facts[0].isprintable()
